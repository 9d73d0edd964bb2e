"""Celery for a service: it runs the jobs that the service's relay sends, and its beat says when scheduled ones are due.

Jobs get here only through the outbox, so Celery decides nothing about delays, retries or results: those live in the
database (`shared/jobs.py`).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, cast

from celery import Celery, Task, signals
from celery.exceptions import Reject
from celery.worker.consumer import Consumer

from shared import jobs
from shared.logs import get_logger
from shared.outages import database_is_away
from shared.service import Runtime
from shared.topology import HEARTBEAT, JOBS, jobs_queue

log = get_logger(__name__)

TIME_LIMIT = 25 * 60
"""Seconds after which a job is interrupted; RabbitMQ takes back what is not acknowledged in 30 minutes."""
CONTEXT_HEADER = "xuefen"
"""Header of a job's message with the request id and account that the outbox noted."""
DATABASE_WAITS = (1, 2, 4, 8, 15, 30, 60, 60, 60, 60)
"""Seconds between tries while the database is away."""


class JobConsumer(Consumer):
    """Celery's consumer without the 28 queues for delayed delivery that quorum queues would bring: delays are ours."""

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc, valid-type]
        """The steps of a worker's start."""

        default_steps = [step for step in Consumer.Blueprint.default_steps if "delayed_delivery" not in step]


def make_celery(runtime: Runtime) -> Celery:
    """The Celery application of a service: one task per job, and `<service>.tick` for its schedule."""
    service = runtime.service
    queue, tick = jobs_queue(service.name), f"{service.name}.tick"
    app: Any = Celery(service.name, broker=runtime.settings.amqp_url, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        result_serializer="json",
        task_ignore_result=True,
        task_queues=[queue],
        task_create_missing_queues=False,
        task_default_queue=queue.name,
        task_default_exchange=JOBS.name,
        task_default_exchange_type=JOBS.type,
        task_default_routing_key=tick,
        # What ends otherwise than by its own return is delivered again, or goes to the dead letters and from there
        # back into the outbox; `shared/jobs.py` applies it once and counts the tries.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_acks_on_failure=False,
        task_acks_on_timeout=False,
        task_soft_time_limit=TIME_LIMIT,
        task_time_limit=TIME_LIMIT + 60,
        broker_heartbeat=HEARTBEAT,
        broker_connection_timeout=3,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={"confirm_publish": True, "read_timeout": 20, "write_timeout": 20},
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        worker_soft_shutdown_timeout=20,
        worker_proc_alive_timeout=60,
        worker_consumer=f"{__name__}:JobConsumer",
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        beat_schedule={
            name: {
                "task": tick,
                "schedule": every,
                "kwargs": {"job": name, "every": every},
                # Ticks that nobody took in time would only start the job at a wrong hour.
                "options": {"exchange": JOBS.name, "routing_key": tick, "expires": every},
            }
            for name, every in service.schedule.items()
        },
    )
    for name in service.jobs:
        app.task(_job_body(runtime, name), name=name, bind=True, typing=False)
    app.task(_tick_body(runtime), name=tick, typing=False)
    return cast(Celery, app)


def job_message(app: Celery, name: str, job_id: str, arguments: dict[str, Any], headers: dict[str, Any]) -> Any:
    """Celery's message for a job, for the relay to publish: `headers`, `properties` and `body`."""
    message = app.amqp.as_task_v2(job_id, name, kwargs=arguments, ignore_result=True, argsrepr="-", kwargsrepr="-")
    message.headers[CONTEXT_HEADER] = headers
    return message


def run_worker(runtime: Runtime, concurrency: int = 2) -> None:
    """Runs the service's jobs in `concurrency` child processes until SIGTERM; then they have 20 s to end.

    Raises `SystemExit` with Celery's exit code.
    """
    _keep_logs()
    # A database connection must not be shared with a child: each makes its own.
    signals.worker_process_init.connect(lambda **_: runtime.database.engine.dispose(close=False), weak=False)
    worker = make_celery(runtime).Worker(
        hostname=f"{runtime.service.name}@%h",
        pool="prefork",
        concurrency=concurrency,
        loglevel=runtime.settings.log_level,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    worker.start()
    raise SystemExit(worker.exitcode)


def run_beat(runtime: Runtime, schedule_file: Path) -> None:
    """Sends a tick for each scheduled job when it is due, until SIGTERM; `schedule_file` remembers the last ones."""
    _keep_logs()
    make_celery(runtime).Beat(schedule=str(schedule_file), loglevel=runtime.settings.log_level, quiet=True).run()


def _job_body(runtime: Runtime, name: str) -> Any:
    def body(task: Task[Any, None], /, **arguments: Any) -> None:
        """Runs one delivery; waits here while the database is away, since each new delivery would count."""
        job_id, headers = str(task.request.id), task.request.get(CONTEXT_HEADER) or {}
        for seconds in DATABASE_WAITS:
            try:
                jobs.run_job(runtime.database, runtime.service.jobs, job_id, name, arguments, headers, runtime)
            except Exception as error:
                if not database_is_away(runtime.database, error):
                    raise
                log.warning("job_waits", job=name, job_id=job_id, error=f"{type(error).__name__}: {error}")
                time.sleep(seconds)
            else:
                return
        raise Reject("the database is away", requeue=True)

    return body


def _tick_body(runtime: Runtime) -> Any:
    def body(job: str, every: float) -> None:
        """Starts a scheduled job through the outbox; half the interval allows for beat's own unsteadiness."""
        jobs.tick(runtime.database, job, every / 2)

    return body


def _keep_logs() -> None:
    """Whoever listens to this signal keeps Celery from setting up logging; ours is set up already."""
    signals.setup_logging.connect(lambda **_: None, weak=False)
