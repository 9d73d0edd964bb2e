"""django-viewflow with three stages done by code, each in a transaction: `python viewflow_peer.py <url> <runs>`."""

from __future__ import annotations

import sys
import time
from urllib.parse import urlsplit

import django
from django.conf import settings

url, runs = urlsplit(sys.argv[1]), int(sys.argv[2])
settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "viewflow", "viewflow.workflow", "stages"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": url.hostname,
            "PORT": url.port,
            "USER": url.username,
            "PASSWORD": url.password or "",
            "NAME": url.path[1:],
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    SECRET_KEY="of a measurement",
    USE_TZ=True,
)
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import transaction  # noqa: E402
from stages.flows import Approval  # noqa: E402
from viewflow.workflow import STATUS  # noqa: E402
from viewflow.workflow.models import Process, Task  # noqa: E402

call_command("migrate", verbosity=0)
processes = [Approval.start.run() for _ in range(runs)]
began = time.perf_counter()
for process in processes:
    for stage in (Approval.county, Approval.district, Approval.province):
        with transaction.atomic():
            stage.run(Task.objects.select_for_update().get(process=process, flow_task=stage, finished=None))
seconds = time.perf_counter() - began
assert not Process.objects.exclude(status=STATUS.DONE).exists()
print(runs / seconds)
