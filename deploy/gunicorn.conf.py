"""How gunicorn runs one service's web process; sizes come from the environment."""

from __future__ import annotations

import os
from pathlib import Path

from gunicorn.glogging import Logger

from shared.logs import configure_logs

bind = os.environ.get("BIND", "0.0.0.0:8000")
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
worker_class = "gthread"
timeout = 60
graceful_timeout = 20
keepalive = 5
# A worker is replaced now and then, not all at once: whatever leaks stays small.
max_requests = 20_000
max_requests_jitter = 2_000
# Each worker opens its own database connections, so nothing is loaded before the fork.
preload_app = False
control_socket_disable = True
# The heartbeat file must be in memory: on a slow disk a worker would be killed for being silent.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
# The app itself logs every request, with its request id.
accesslog = None


class OneLog(Logger):  # type: ignore[misc]
    """gunicorn's own messages go through the same log lines as everything else."""

    def setup(self, cfg: object) -> None:
        """Called when gunicorn starts."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


loglevel = os.environ.get("XUEFEN_LOG_LEVEL", "INFO").lower()
configure_logs(
    loglevel.upper(),
    json=os.environ.get("XUEFEN_LOG_JSON", "true").lower() in ("1", "true", "yes"),
)
logger_class = OneLog
