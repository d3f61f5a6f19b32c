"""Settings, read once from the environment; every length of time is a setting so that tests can shorten it."""

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Environment of one process. Names are `PUNTUAL_…`, except the two addresses that every platform sets."""

    model_config = SettingsConfigDict(env_prefix="PUNTUAL_", extra="ignore", frozen=True)

    database_url: str = Field(
        default="", validation_alias=AliasChoices("DATABASE_URL", "PUNTUAL_DATABASE_URL"), description="PostgreSQL URL."
    )
    database_admin_url: str = Field(
        default="",
        validation_alias=AliasChoices("DATABASE_ADMIN_URL", "PUNTUAL_DATABASE_ADMIN_URL"),
        description="URL of the owner of the tables, for migrations and tenant creation; `DATABASE_URL` if empty.",
    )
    redis_url: str = Field(
        default="", validation_alias=AliasChoices("REDIS_URL", "PUNTUAL_REDIS_URL"), description="Valkey or Redis URL."
    )
    runtime_role: str = Field(default="puntual_app", description="Role without bypass that every request runs under.")
    secret_key: SecretStr = Field(
        default=SecretStr(""), description="Encrypts webhook secrets at rest; at least 32 characters."
    )
    data_dir: Path = Field(default=Path(".data"), description="Folder of the embedded engines and the local mailbox.")

    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="What is logged.")
    database_pool_size: int = Field(default=20, description="Connections of one process.")
    database_statement_timeout_seconds: int = Field(default=30, description="A statement that takes longer is ended.")
    database_lock_timeout_seconds: int = Field(
        default=10, description="Waiting longer for a lock is answered 409 `busy`."
    )

    request_max_bytes: int = Field(default=2_000_000, description="A larger body is answered 413.")
    request_timeout_seconds: float = Field(
        default=60.0, description="A request that takes longer is undone and answered 503."
    )
    request_max_header_bytes: int = Field(default=65_536, description="Request line and headers together.")

    import_max_bytes: int = Field(default=2_000_000_000, description="Largest file that `POST /v1/imports` takes in.")
    import_batch_size: int = Field(default=1000, description="Rows of an import written in one transaction.")
    import_lease_seconds: float = Field(
        default=60.0, description="After this an import's worker counts as dead, and another one goes on."
    )

    smtp_host: str = Field(default="", description="SMTP server; empty writes messages to the local mailbox folder.")
    smtp_port: int = Field(default=25, description="Port of the SMTP server.")
    smtp_username: str = Field(default="", description="Where the server asks for one.")
    smtp_password: SecretStr = Field(default=SecretStr(""), description="Of the user name.")
    smtp_tls: Literal["none", "starttls", "implicit"] = Field(
        default="none", description="`starttls` insists on it, `implicit` is TLS from the start."
    )
    smtp_timeout_seconds: float = Field(default=20.0, description="Wait for a connection, or for one answer.")
    smtp_pool_size: int = Field(default=8, description="Connections of one process to the SMTP server.")
    smtp_messages_per_connection: int = Field(default=500, description="Then a connection is closed.")
    message_id_domain: str = Field(default="puntual.invalid", description="Right-hand side of Message-ID.")

    public_url: str = Field(
        default="",
        description="Where providers reach this service with their callbacks; empty asks them for none.",
    )
    provider_timeout_seconds: float = Field(
        default=15.0, description="Wait for a provider's answer to a message that has left."
    )

    send_batch_size: int = Field(
        default=64, description="Reminders claimed at once by one sender; fewer where the mail server is slow."
    )
    send_permit_seconds: float = Field(default=2.0, description="A claimed reminder starts within this, or not at all.")
    send_lease_seconds: float = Field(
        default=60.0, description="After this a claimed reminder's worker counts as dead."
    )
    send_quarantine_seconds: float = Field(
        default=900.0, description="Wait before a reminder with an unknown outcome is looked up and told by event."
    )
    tick_batch_size: int = Field(default=200, description="Customers evaluated in one transaction of the tick.")
    relay_batch_size: int = Field(default=500, description="Events sequenced in one transaction of the relay.")
    deliver_batch_size: int = Field(default=50, description="Webhook deliveries claimed at once.")
    deliver_lease_seconds: float = Field(
        default=60.0, description="After this a claimed delivery's worker counts as dead."
    )
    deliver_timeout_seconds: float = Field(default=15.0, description="For one webhook attempt.")
    poll_interval_seconds: float = Field(default=1.0, description="Pace of the direct poll beside the queue.")
    advance_lease_seconds: float = Field(
        default=60.0, description="A test-clock advance whose process died frees the clock after this."
    )
    shutdown_seconds: float = Field(default=10.0, description="A process told to stop is gone within this.")
    check_interval_seconds: float = Field(
        default=3600.0, description="One worker checks the invariants of all tenants this often; 0 leaves it out."
    )
    housekeeping_interval_seconds: float = Field(
        default=900.0, description="One worker deletes expired idempotency keys this often; 0 leaves it out."
    )
    worker_metrics_port: int = Field(default=0, description="The worker serves its metrics here; 0 leaves it out.")
    worker_metrics_host: str = Field(default="127.0.0.1", description="Where the worker's metrics listen.")
    ready_max_lag_seconds: int = Field(
        default=300, description="Due work older than this makes `/readyz` say `degraded` (and still 200)."
    )

    rate_limit_per_second: float = Field(
        default=100.0, description="Requests of one API key, per process, after its burst; 0 leaves it out."
    )
    rate_limit_burst: int = Field(default=200, description="Requests of one API key that may come at once.")
    unknown_key_limit_per_second: float = Field(
        default=20.0, description="Requests with an unknown key from one client address; 0 leaves it out."
    )

    webhook_allow_http: bool = Field(default=False, description="Accept http:// webhook endpoints.")
    webhook_allow_loopback: bool = Field(default=False, description="Accept webhook endpoints on this machine.")
    webhook_secret_overlap_hours: int = Field(
        default=24, description="For so long a rotated secret goes on signing beside the new one."
    )
    idempotency_hours: int = Field(default=24, description="Life of an idempotency key and of its stored answer.")


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process."""
    return Settings()
