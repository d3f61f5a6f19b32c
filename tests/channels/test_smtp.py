import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from app.reminders.channels.base import Channel, Inquiry, Outcome, OutgoingMessage
from app.reminders.channels.smtp import SmtpChannel

CLOSE, HANG = "close", "hang"


class ScriptedServer:
    """Answers each command as told, once per entry and then as a well-behaved server does."""

    def __init__(self, **script: list[str]) -> None:
        self.script = script
        self.seen: Counter[str] = Counter()
        self.received: list[bytes] = []
        self.writers: list[asyncio.StreamWriter] = []
        self._handlers: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def __aenter__(self) -> "ScriptedServer":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        self.writers.append(writer)
        self.seen["connections"] += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._converse(reader, writer)
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not await self._answer(writer, "GREETING", "220 test"):
            return
        usual = {"DATA": "354 go on", "QUIT": "221 bye"}
        while line := await reader.readline():
            verb = line[:4].decode().strip().upper()
            self.seen[verb] += 1
            scripted = bool(self.script.get(verb))
            if not await self._answer(writer, verb, usual.get(verb, "250 2.0.0 fine")) or verb == "QUIT":
                return
            if verb == "DATA" and not scripted:
                self.received.append(await reader.readuntil(b"\r\n.\r\n"))
                if not await self._answer(writer, "CONTENT", "250 2.0.0 Ok: queued as 4XYZ"):
                    return

    async def _answer(self, writer: asyncio.StreamWriter, verb: str, usual: str) -> bool:
        steps = self.script.get(verb)
        reply = steps.pop(0) if steps else usual
        if reply == HANG:
            await asyncio.sleep(60)
        if reply == CLOSE:
            return False
        writer.write(reply.encode() + b"\r\n")
        await writer.drain()
        return not reply.startswith("421")


Make = Callable[..., SmtpChannel]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    channels: list[SmtpChannel] = []

    def build(server: ScriptedServer | int, **options: object) -> SmtpChannel:
        port = server if isinstance(server, int) else server.port
        settings = {"tls": "none", "timeout_seconds": 1.0, "pool_size": 1} | options
        channels.append(SmtpChannel("127.0.0.1", port, **settings))  # type: ignore[arg-type]
        return channels[-1]

    yield build
    for channel in channels:
        await channel.close()


def message(key: str = "k", *, seconds: float = 2.0, recipient: str = "ana@cliente.example") -> OutgoingMessage:
    deadline = asyncio.get_running_loop().time() + seconds
    return OutgoingMessage(key, "cobranza@lopez.example", recipient, f"X-Key: {key}\r\n\r\nhi\r\n".encode(), deadline)


@pytest.mark.parametrize(
    ("script", "outcome", "detail"),
    [
        ({}, Outcome.accepted, "content: 250 2.0.0"),
        ({"GREETING": ["554 go away"]}, Outcome.not_sent, "connect: SMTPConnectResponseError 554"),
        ({"GREETING": [CLOSE]}, Outcome.not_sent, "connect: "),
        ({"MAIL": ["451 4.3.0 later"]}, Outcome.not_sent, "MAIL: 451 4.3.0"),
        ({"MAIL": ["550 5.7.1 no such sender"]}, Outcome.not_sent, "MAIL: 550 5.7.1"),
        ({"MAIL": ["530 5.7.0 log in first"]}, Outcome.not_sent, "MAIL: 530 5.7.0"),
        ({"MAIL": [CLOSE]}, Outcome.not_sent, "MAIL: SMTPServerDisconnected"),
        ({"MAIL": ["nonsense"]}, Outcome.not_sent, "MAIL: SMTPResponseException"),
        ({"RCPT": ["550 5.1.1 <ana@cliente.example> unknown"]}, Outcome.refused, "RCPT: 550 5.1.1"),
        ({"RCPT": ["553 unknown"]}, Outcome.refused, "RCPT: 553"),
        ({"RCPT": ["450 4.2.0 greylisted"]}, Outcome.not_sent, "RCPT: 450 4.2.0"),
        ({"RCPT": ["503 bad sequence"]}, Outcome.not_sent, "RCPT: 503"),
        ({"RCPT": [CLOSE]}, Outcome.not_sent, "RCPT: SMTPServerDisconnected"),
        ({"RCPT": [HANG]}, Outcome.not_sent, "RCPT: no answer"),
        ({"DATA": [CLOSE]}, Outcome.not_sent, "DATA: SMTPServerDisconnected"),
        ({"DATA": [HANG]}, Outcome.not_sent, "DATA: no answer"),
        ({"DATA": ["451 busy"]}, Outcome.not_sent, "DATA: 451"),
        ({"DATA": ["554 no valid recipients"]}, Outcome.refused, "DATA: 554"),
        ({"DATA": ["250 odd"]}, Outcome.not_sent, "DATA: 250"),
        ({"CONTENT": [CLOSE]}, Outcome.unknown, "content: SMTPServerDisconnected"),
        ({"CONTENT": [HANG]}, Outcome.unknown, "content: SMTPReadTimeoutError"),
        ({"CONTENT": ["nonsense"]}, Outcome.unknown, "content: SMTPResponseException"),
        ({"CONTENT": ["354 odd"]}, Outcome.unknown, "content: 354"),
        ({"CONTENT": ["452 4.3.1 full"]}, Outcome.not_sent, "content: 452 4.3.1"),
        ({"CONTENT": ["421 shutting down"]}, Outcome.not_sent, "content: 421"),
        ({"CONTENT": ["552 5.3.4 too big"]}, Outcome.refused, "content: 552 5.3.4"),
    ],
)
async def test_outcomes(make: Make, script: dict[str, list[str]], outcome: Outcome, detail: str) -> None:
    async with ScriptedServer(**script) as server:
        channel: Channel = make(server, timeout_seconds=0.3)
        result = await channel.send(message())
        assert result.outcome is outcome
        assert result.detail.startswith(detail)
        assert "@" not in result.detail
        assert result.provider_message_id == ("4XYZ" if outcome is Outcome.accepted else None)
        assert len(server.received) == (outcome is Outcome.accepted or detail.startswith("content"))
        assert await channel.look_up(Inquiry("k")) is None
        # Whatever happened, the next message goes through and finds no trace of this one.
        again = await channel.send(message("next"))
        assert again.outcome is Outcome.accepted
        assert server.received[-1] == b"X-Key: next\r\n\r\nhi\r\n.\r\n"


async def test_nobody_listens(make: Make) -> None:
    async with ScriptedServer() as server:
        port = server.port
    result = await make(port).send(message())
    assert (result.outcome, result.retry_after_seconds) == (Outcome.not_sent, 30.0)


async def test_starttls_never_falls_back_to_plain_text(make: Make) -> None:
    async with ScriptedServer() as server:
        result = await make(server, tls="starttls").send(message())
        assert result.outcome is Outcome.not_sent
        assert not server.seen["MAIL"]


async def test_one_connection_carries_many_messages(make: Make) -> None:
    async with ScriptedServer(RCPT=["250 ok", "550 no"]) as server:
        channel = make(server)
        outcomes = [(await channel.send(message(str(number)))).outcome for number in range(5)]
        assert outcomes == ["accepted", "refused", "accepted", "accepted", "accepted"]
        assert (server.seen["connections"], server.seen["RSET"]) == (1, 1)


async def test_connections_are_limited_in_number_and_in_messages(make: Make) -> None:
    async with ScriptedServer() as server:
        channel = make(server, pool_size=2, messages_per_connection=3)
        results = await asyncio.gather(*(channel.send(message(str(number))) for number in range(12)))
        assert {result.outcome for result in results} == {Outcome.accepted}
        assert len(server.received) == 12
        assert server.seen["connections"] == 4


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
async def test_a_stale_connection_is_replaced_once(make: Make, verb: str) -> None:
    async with ScriptedServer(**{verb: []}) as server:
        channel = make(server)
        await channel.send(message("first"))
        server.script[verb] = [CLOSE]
        assert (await channel.send(message("second"))).outcome is Outcome.accepted
        assert server.seen["connections"] == 2
        server.script[verb] = [CLOSE, CLOSE]
        assert (await channel.send(message("third"))).outcome is Outcome.not_sent
        assert [content.split(b"\r\n")[0] for content in server.received] == [b"X-Key: first", b"X-Key: second"]


async def test_an_idle_connection_closed_by_the_server(make: Make) -> None:
    async with ScriptedServer() as server:
        channel = make(server)
        await channel.send(message())
        server.script["MAIL"] = ["421 idle for too long"]
        assert (await channel.send(message())).outcome is Outcome.accepted
        server.writers[-1].close()
        await asyncio.sleep(0.05)
        assert (await channel.send(message())).outcome is Outcome.accepted
        assert server.seen["connections"] == 3


async def test_nothing_leaves_after_the_deadline(make: Make) -> None:
    async with ScriptedServer() as server:
        channel = make(server)
        result = await channel.send(message(seconds=-0.001))
        assert (result.outcome, result.detail) == (Outcome.not_sent, "permit expired")
        assert server.seen["connections"] == 0
        for verb in ("MAIL", "RCPT", "DATA"):
            server.script[verb] = [HANG]
            result = await channel.send(message(seconds=0.1))
            assert (result.outcome, result.detail) == (Outcome.not_sent, "permit expired")
        assert not server.received


async def test_the_deadline_is_checked_again_before_the_content(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedServer() as server:
        channel = make(server)
        await channel.send(message("warm"))
        outgoing = message(seconds=30.0)
        loop = asyncio.get_running_loop()
        real = loop.time
        monkeypatch.setattr(loop, "time", lambda: real() + (60 if server.seen["DATA"] == 2 else 0))
        result = await channel.send(outgoing)
        monkeypatch.undo()
        assert (result.outcome, result.detail) == (Outcome.not_sent, "permit expired")
        await asyncio.sleep(0.05)
        assert len(server.received) == 1
        assert (await channel.send(message())).outcome is Outcome.accepted


async def test_a_slow_greeting_outlives_the_permit_and_serves_the_next_send(make: Make) -> None:
    release = asyncio.Event()

    class Slow(ScriptedServer):
        async def _answer(self, writer: asyncio.StreamWriter, verb: str, usual: str) -> bool:
            if verb == "GREETING":
                await release.wait()
            return await super()._answer(writer, verb, usual)

    async with Slow() as server:
        channel = make(server)
        assert (await channel.send(message(seconds=0.05))).detail == "permit expired"
        assert (await channel.send(message(seconds=0.05))).detail == "permit expired"  # the only slot is taken
        release.set()
        assert (await channel.send(message())).outcome is Outcome.accepted
        assert server.seen["connections"] == 1


@pytest.mark.parametrize("verb", ["GREETING", "MAIL", "DATA", "CONTENT", "RSET"])
async def test_a_cancelled_send_leaves_no_half_used_connection(make: Make, verb: str) -> None:
    script = {verb: [HANG]} | ({"RCPT": ["550 no"]} if verb == "RSET" else {})
    async with ScriptedServer(**script) as server:
        channel = make(server, timeout_seconds=5.0 if verb != "GREETING" else 0.2)
        await cancel_after(channel.send(message("cancelled")), 0.1)
        result = await channel.send(message("next"))
        assert result.outcome is Outcome.accepted
        assert server.received[-1].startswith(b"X-Key: next\r\n")


async def cancel_after(sending: Awaitable[object], seconds: float) -> None:
    task = asyncio.ensure_future(sending)
    await asyncio.sleep(seconds)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    "recipient", ["", "ñ@x.example", "a@b\r\nRCPT TO:<c@x.example>", "a b@x.example", "<a@x.example>"]
)
async def test_addresses_that_cannot_be_used(make: Make, recipient: str) -> None:
    result = await make(1).send(message(recipient=recipient))
    assert (result.outcome, result.detail) == (Outcome.refused, "an address is malformed or needs SMTPUTF8")


async def test_a_closed_channel_sends_nothing(make: Make) -> None:
    async with ScriptedServer(GREETING=["220 test", HANG]) as server:
        channel = make(server, pool_size=3)
        await channel.send(message())
        held = asyncio.ensure_future(asyncio.gather(channel.send(message()), channel.send(message())))
        await asyncio.sleep(0.05)
        await channel.close()
        assert [result.outcome for result in await held] == [Outcome.accepted, Outcome.not_sent]
        result = await channel.send(message())
        assert (result.outcome, result.detail) == (Outcome.not_sent, "channel closed")
        assert server.seen["QUIT"] == 1
