"""Structured logs: JSON lines with request, tenant and job ids, and neither personal data nor secrets.

Only keys on an allow-list are written, so that a careless `log.info("…", customer=customer)` cannot leak a name.
"""

import json
import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

ALLOWED_KEYS = frozenset({
    "event", "level", "timestamp", "module", "request_id", "tenant_id", "job_id", "job", "method", "route", "status",
    "duration_ms", "code", "count", "error", "exc_type", "where", "kind", "worker", "attempt", "delivery_id",
    "reminder_id", "customer_id", "event_id", "endpoint_id", "status_code", "version", "pid", "seconds", "invariant",
    "difference", "state", "reason", "port", "host", "batch", "channel", "invoice_id", "plan_id", "import_id", "rows",
})  # fmt: skip


def _only_allowed(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: value for key, value in event.items() if key in ALLOWED_KEYS}


def _exception_without_values(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Where an error happened, without its message: database errors quote the rows they refuse."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        event["exc_type"] = f"{type(error).__module__}.{type(error).__qualname__}"
        frames = []
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            frames.append(f"{code.co_filename.rsplit('/app/', 1)[-1]}:{trace.tb_lineno}:{code.co_name}")
            trace = trace.tb_next
        event["where"] = frames[-8:]
    return event


class _BareFormatter(logging.Formatter):
    """Lines of other libraries: where they come from and what kind of error it was, but not a word of theirs."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, without the message and without the traceback, which ends with a message too."""
        event = {"level": record.levelname.lower(), "logger": record.name}
        if record.exc_info and record.exc_info[1] is not None:
            error = type(record.exc_info[1])
            event["exc_type"] = f"{error.__module__}.{error.__qualname__}"
        return json.dumps(event)


def configure_logging(level: str) -> None:
    """Send every log line of this process to standard output as JSON."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _exception_without_values,
            _only_allowed,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_BareFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger for one module."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(module=name)
    return logger
