"""Sends e-mail over SMTP submission, and says exactly what is known afterwards."""

import asyncio
import socket
import ssl
from typing import Final, Literal

from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from app.messages.mime import ascii_address
from app.reminders.channels.base import Inquiry, Outcome, OutgoingMessage, SendResult
from app.reminders.channels.smtp_pool import Connection, ConnectionPool, PermitExpiredError, PoolClosedError
from app.reminders.channels.smtp_transaction import (
    PERMIT_EXPIRED,
    RETRY_AFTER_SECONDS,
    Ending,
    Envelope,
    State,
    transact,
    wire_content,
)

_CONNECT_RETRY_SECONDS: Final = 30.0
_RESET_SECONDS: Final = 2.0


class SmtpChannel:
    """A channel over one SMTP account.

    A send takes at most what is left of its permit plus `timeout_seconds` for the answer to the content, plus two
    seconds to reset the connection after a refusal.

    Args:
        host: Server name; checked against the certificate.
        port: Server port.
        username: Account, when the server asks for one.
        password: Its password.
        tls: `starttls` insists on the upgrade, it never falls back to plain text.
        timeout_seconds: How long to wait for a connection or for one answer.
        pool_size: Connections at a time.
        messages_per_connection: Messages after which a connection is closed; many providers limit them.
        tls_context: For a private certificate authority.
        local_hostname: The name told in EHLO; the machine's own by default.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        username: str | None = None,
        password: str | None = None,
        tls: Literal["none", "starttls", "implicit"] = "starttls",
        timeout_seconds: float = 30.0,
        pool_size: int = 4,
        messages_per_connection: int = 100,
        tls_context: ssl.SSLContext | None = None,
        local_hostname: str | None = None,
    ) -> None:
        if pool_size < 1 or messages_per_connection < 1 or timeout_seconds <= 0:
            raise ValueError("pool size, messages per connection and timeout must be positive")
        self._host = host
        self._port = port
        self._username = username
        self._password = password
        self._tls = tls
        self._timeout = timeout_seconds
        self._tls_context = tls_context
        # socket.getfqdn(), the library's default, asks the name server at every connection.
        self._local_hostname = local_hostname or socket.gethostname() or "localhost"
        self._pool = ConnectionPool(self._connect, size=pool_size, messages_per_connection=messages_per_connection)

    async def send(self, message: OutgoingMessage) -> SendResult:
        """Make one attempt; a pooled connection that turns out to be dead is replaced once."""
        try:
            envelope = Envelope(
                ascii_address(message.sender),
                ascii_address(message.recipient),
                wire_content(message.content),
                message.deadline,
            )
        except ValueError:
            return SendResult(Outcome.refused, None, "an address is malformed or needs SMTPUTF8")
        if asyncio.get_running_loop().time() >= message.deadline:
            return PERMIT_EXPIRED
        try:
            connection = await self._pool.acquire(message.deadline)
            ending = await self._attempt(connection, envelope)
            if ending.state is State.lost and connection.reused:
                connection = await self._pool.replace(connection, message.deadline)
                ending = await self._attempt(connection, envelope)
        except PermitExpiredError:
            return PERMIT_EXPIRED
        except PoolClosedError:
            return SendResult(Outcome.not_sent, None, "channel closed")
        except (OSError, SMTPException, ValueError) as error:
            return _not_connected(error)
        await self._give_back(connection, ending.state)
        return ending.result

    async def look_up(self, inquiry: Inquiry) -> bool | None:  # noqa: ARG002 - part of the interface
        """Answer that SMTP cannot tell."""
        return None

    async def close(self) -> None:
        """Say goodbye on idle connections; those in use are closed as they come back."""
        await self._pool.close()

    async def _attempt(self, connection: Connection, envelope: Envelope) -> Ending:
        try:
            return await transact(connection.client, envelope, self._timeout)
        except BaseException:
            # Cancelled in mid-transaction: the next message must not find this connection.
            self._pool.discard(connection)
            raise

    async def _give_back(self, connection: Connection, state: State) -> None:
        if state is State.open:
            try:
                reply = await connection.client.execute_command(b"RSET", timeout=min(_RESET_SECONDS, self._timeout))
                state = State.ready if reply.code == 250 else State.broken
            except (OSError, SMTPException):
                state = State.broken
            except BaseException:
                # As above: its state is not known.
                self._pool.discard(connection)
                raise
        if state is State.ready:
            self._pool.release(connection)
        else:
            self._pool.discard(connection)

    async def _connect(self) -> SMTP:
        if self._tls_context is None and self._tls != "none":
            self._tls_context = await asyncio.to_thread(ssl.create_default_context)
        client = SMTP(
            hostname=self._host,
            port=self._port,
            username=self._username,
            password=self._password,
            local_hostname=self._local_hostname,
            timeout=self._timeout,
            use_tls=self._tls == "implicit",
            start_tls=self._tls == "starttls",
            tls_context=self._tls_context,
        )
        await client.connect()
        if client.is_ehlo_or_helo_needed:
            await client.ehlo()
        return client


def _not_connected(error: Exception) -> SendResult:
    name = type(error).__name__
    if isinstance(error, SMTPResponseException):
        detail, pause = f"connect: {name} {error.code}", RETRY_AFTER_SECONDS
    else:
        detail, pause = f"connect: {name}", _CONNECT_RETRY_SECONDS
    return SendResult(Outcome.not_sent, None, detail, pause, is_provider_fault=True)
