"""Logs: one JSON object a line, with the request id that travels from HTTP to event to task.

Personal data never gets here: identity numbers are masked whatever the field and type, and values of dataclasses
whose name ends in `Personal` are dropped, however deep they lie.
"""

from __future__ import annotations

import dataclasses
import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_IDENTITY = re.compile(r"(?<!\d)(\d{6})\d{8}(\d{3}[\dXx])(?!\d)")


def configure_logs(level: str = "INFO", *, json: bool = True) -> None:
    """Sets up structlog and sends the standard library's records through the same processors."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        hide_personal,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # Others would print local variables, that is, people's data.
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # These say at INFO what our own lines already say, once per request or message.
    for noisy in ("httpx", "httpcore", "amqp", "kombu", "celery.redirected", "alembic.runtime.plugins"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose lines carry the bound context (request id, service, event)."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def hide_personal(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Processor: masks anything that looks like an identity number, drops `…Personal` values."""
    for key, value in list(event.items()):
        if not key.startswith("_"):  # structlog's own, removed before anything is written
            event[key] = _clean(value)
    return event


def _clean(value: Any) -> Any:
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, str):
        return _IDENTITY.sub(r"\1********\2", value)
    if isinstance(value, int):
        return value if abs(value) < 10**16 else _clean(str(value))
    if type(value).__name__.endswith("Personal"):
        return "[personal]"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _clean({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    if isinstance(value, dict):
        return {_clean(k): "[personal]" if k == "personal" else _clean(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean(v) for v in value]
    return _clean(repr(value))  # as the renderer would show it, but only here it can still be masked
