"""Pooled SMTP connections: one carries many messages, and a slow handshake outlives the send that began it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from aiosmtplib import SMTP, SMTPException

_QUIT_SECONDS: Final = 2.0
_MAX_IDLE_SECONDS: Final = 60.0


class PermitExpiredError(Exception):
    """The deadline passed before a connection was at hand."""


class PoolClosedError(Exception):
    """The pool has been closed."""


@dataclass(slots=True, eq=False)
class Connection:
    """A live connection and its history."""

    client: SMTP
    reused: bool = False
    messages: int = 0
    idle_since: float = 0.0


class ConnectionPool:
    """At most `size` connections, the most recently used one first.

    Whoever takes a connection holds a slot until `release` or `discard`.
    """

    def __init__(self, connect: Callable[[], Awaitable[SMTP]], *, size: int, messages_per_connection: int) -> None:
        self._connect = connect
        self._messages_per_connection = messages_per_connection
        self._slots = asyncio.Semaphore(size)
        self._idle: list[Connection] = []
        self._opening: set[asyncio.Task[SMTP]] = set()
        self._closed = False

    async def acquire(self, deadline: float) -> Connection:
        """Take an idle connection, or open one.

        Raises:
            PermitExpiredError: None was at hand before the deadline.
            PoolClosedError: The pool has been closed.
            OSError: The connection failed; also SMTPException.
        """
        if self._slots.locked():
            try:
                async with asyncio.timeout_at(deadline):
                    await self._slots.acquire()
            except TimeoutError:
                raise PermitExpiredError from None
        else:
            await self._slots.acquire()
        if self._closed:
            self._slots.release()
            raise PoolClosedError
        return self._take_idle() or await self._open(deadline)

    async def replace(self, connection: Connection, deadline: float) -> Connection:
        """Exchange a dead connection for a fresh one in the same slot; raises as `acquire` does."""
        connection.client.close()
        return await self._open(deadline)

    def release(self, connection: Connection) -> None:
        """Give back a connection that is ready for its next message."""
        connection.messages += 1
        client = connection.client
        if self._closed or connection.messages >= self._messages_per_connection:
            _say_goodbye(client)
        elif client.is_connected:
            connection.reused = True
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
        self._slots.release()

    def discard(self, connection: Connection) -> None:
        """Give up a connection in an unknown state."""
        connection.client.close()
        self._slots.release()

    async def close(self) -> None:
        """Close what is idle or being opened; connections in use are closed when they are released."""
        self._closed = True
        idle, self._idle = self._idle, []
        opening = list(self._opening)
        for task in opening:
            task.cancel()
        await asyncio.gather(*opening, return_exceptions=True)
        await asyncio.gather(*(_quit(connection.client) for connection in idle))

    def _take_idle(self) -> Connection | None:
        oldest = asyncio.get_running_loop().time() - _MAX_IDLE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.client.is_connected and connection.idle_since > oldest:
                return connection
            # Firewalls forget a quiet connection without telling, and a send over it would wait out its permit.
            connection.client.close()
        return None

    async def _open(self, deadline: float) -> Connection:
        """Open a connection in a slot that the caller holds.

        When the deadline passes first, the handshake goes on and its connection becomes idle: otherwise a provider
        that takes longer to greet than a permit lasts could never be reached at all.
        """
        task = asyncio.ensure_future(self._connect())
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        try:
            await asyncio.wait({task}, timeout=max(0.0, deadline - asyncio.get_running_loop().time()))
        except asyncio.CancelledError:
            task.add_done_callback(self._keep)
            raise
        if not task.done():
            task.add_done_callback(self._keep)
            raise PermitExpiredError
        try:
            return Connection(task.result())
        except asyncio.CancelledError:
            self._slots.release()
            raise PoolClosedError from None
        except BaseException:
            # Cancelled or failed, the slot is free again.
            self._slots.release()
            raise

    def _keep(self, task: asyncio.Task[SMTP]) -> None:
        self._slots.release()
        if task.cancelled() or task.exception() is not None:
            return
        client = task.result()
        if self._closed:
            client.close()
        else:
            self._idle.append(Connection(client, reused=True, idle_since=asyncio.get_running_loop().time()))


def _say_goodbye(client: SMTP) -> None:
    # Nobody waits for the answer to QUIT: the next message should not pay for the last one's manners.
    protocol = client.protocol
    if protocol is not None:
        with contextlib.suppress(SMTPException, OSError):
            protocol.write(b"QUIT\r\n")
    client.close()


async def _quit(client: SMTP) -> None:
    with contextlib.suppress(SMTPException, OSError):
        await client.quit(timeout=_QUIT_SECONDS)
    client.close()
