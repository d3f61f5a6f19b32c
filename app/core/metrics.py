"""What the process counts about itself, in the form that Prometheus reads.

One registry of our own: nothing comes in that was not meant to. Labels are few and bounded (route templates, never
paths; no tenant, no customer), since every combination lives as long as the process.
"""

from functools import lru_cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

REGISTRY: Final = CollectorRegistry(auto_describe=True)
CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Seconds; from a quick read to the time limit of a request.
_LATENCIES: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

HTTP_REQUESTS: Final = Counter(
    "puntual_http_requests", "Requests answered, by route template.", ["method", "route", "status"], registry=REGISTRY
)
HTTP_SECONDS: Final = Histogram(
    "puntual_http_request_seconds",
    "Time to answer a request.",
    ["method", "route"],
    buckets=_LATENCIES,
    registry=REGISTRY,
)
JOBS: Final = Counter(
    "puntual_jobs",
    "Batches of background work, each of one tenant; outcome is ok or failed.",
    ["kind", "outcome"],
    registry=REGISTRY,
)
JOB_SECONDS: Final = Histogram(
    "puntual_job_seconds", "Time of a batch of background work.", ["kind"], buckets=_LATENCIES, registry=REGISTRY
)
CUSTOMERS_PUT_OFF: Final = Counter(
    "puntual_customers_put_off", "Customers whose evaluation failed, and is tried again later.", registry=REGISTRY
)
REMINDERS: Final = Counter(
    "puntual_reminders",
    "Attempts at reminders: accepted, not_sent (tried again), refused, unknown, or shadow (nothing left).",
    ["outcome"],
    registry=REGISTRY,
)
WEBHOOK_ATTEMPTS: Final = Counter(
    "puntual_webhook_attempts",
    "Attempts at webhook deliveries: delivered, rejected (the receiver's status), or the error that prevented one.",
    ["outcome"],
    registry=REGISTRY,
)
WEBHOOK_SECONDS: Final = Histogram(
    "puntual_webhook_attempt_seconds",
    "Time of an attempt at a webhook delivery.",
    buckets=_LATENCIES,
    registry=REGISTRY,
)
EVENTS_RELAYED: Final = Counter("puntual_events_relayed", "Events given their sequence.", registry=REGISTRY)
IDEMPOTENCY_KEYS_DELETED: Final = Counter(
    "puntual_idempotency_keys_deleted", "Expired idempotency keys deleted.", registry=REGISTRY
)
INVARIANT_VIOLATIONS: Final = Gauge(
    "puntual_invariant_violations",
    "Rows that broke an invariant in the last check that this process made; absent where another made the last one.",
    ["invariant"],
    registry=REGISTRY,
)
INVARIANTS_CHECKED_AT: Final = Gauge(
    "puntual_invariants_checked_timestamp_seconds",
    "When this process last finished a check of the invariants; 0 if it has made none.",
    registry=REGISTRY,
)


def observe_request(method: str, route: str | None, status: int, seconds: float) -> None:
    """Count one answered request."""
    method, route = method if method in _METHODS else "OTHER", route or "unmatched"
    count, latency = _request_series(method, route, status)
    count.inc()
    latency.observe(seconds)


@lru_cache(maxsize=4096)
def _request_series(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    # Looking a series up by its labels costs more than counting does.
    return HTTP_REQUESTS.labels(method, route, str(status)), HTTP_SECONDS.labels(method, route)


def observe_job(kind: str, *, succeeded: bool, seconds: float) -> None:
    """Count one batch of background work."""
    JOBS.labels(kind, "ok" if succeeded else "failed").inc()
    JOB_SECONDS.labels(kind).observe(seconds)


def observe_webhook(status_code: int | None, error: str | None, milliseconds: int) -> None:
    """Count one attempt at a webhook delivery."""
    succeeded = status_code is not None and 200 <= status_code < 300
    WEBHOOK_ATTEMPTS.labels("delivered" if succeeded else error or "rejected").inc()
    WEBHOOK_SECONDS.observe(milliseconds / 1000)


def exposition(*more: CollectorRegistry) -> bytes:
    """Everything this process has counted, and what was gathered for this answer alone."""
    return b"".join(generate_latest(registry) for registry in (REGISTRY, *more))
