import asyncio
import email
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.messages.context import Company, Customer, MessageContext, MessageLine
from app.messages.mime import build_email, message_id_for
from app.messages.rendering import render
from app.reminders.channels.base import Outcome, OutgoingMessage
from app.reminders.channels.smtp import SmtpChannel
from app.reminders.channels.smtp_transaction import wire_content

TODAY = date(2026, 3, 5)


class Inbox:
    """Keeps what a real SMTP server has accepted."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.connections = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        self.envelopes.append(envelope)
        return "250 2.0.0 Ok: queued as 1ABC"


@asynccontextmanager
async def peer(inbox: Inbox, *, implicit: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[int]:
    def connected() -> Any:
        inbox.connections += 1
        return SMTP(inbox, hostname="peer", **options)

    server = await asyncio.get_running_loop().create_server(connected, "127.0.0.1", 0, ssl=implicit)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS contexts of a server with a certificate of its own making, and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path: Path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=str(path))


def reminder(key: str) -> OutgoingMessage:
    facts = MessageContext(
        company=Company("Ferretería López", "Cobranza", "cobranza@lopez.example"),
        customer=Customer("Ñandú & Söhne"),
        currency="MXN",
        total_due_minor=123_450,
        step_key="step",
        today=TODAY,
        lines=(MessageLine("A-1", TODAY - timedelta(days=40), TODAY - timedelta(days=10), 10, 123_450),),
    )
    content = build_email(
        rendered=render("first_notice", facts),
        sender_name="Cobranza, Ferretería López",
        sender_address="cobranza@lopez.example",
        reply_to=None,
        to_address="ana@cliente.example",
        to_name="Ñandú & Söhne",
        message_id=message_id_for(key, "lopez.example"),
        date=datetime(2026, 3, 5, 9, tzinfo=UTC),
        headers={},
    )
    deadline = asyncio.get_running_loop().time() + 5.0
    return OutgoingMessage(key, "cobranza@lopez.example", "ana@cliente.example", content, deadline)


async def test_a_reminder_arrives_byte_for_byte() -> None:
    inbox = Inbox()
    async with peer(inbox) as port:
        channel = SmtpChannel("127.0.0.1", port, tls="none", pool_size=1)
        results = [await channel.send(reminder(f"k{number}")) for number in range(3)]
        await channel.close()
    assert {(result.outcome, result.provider_message_id) for result in results} == {(Outcome.accepted, "1ABC")}
    assert inbox.connections == 1
    assert [envelope.content for envelope in inbox.envelopes] == [reminder(f"k{number}").content for number in range(3)]
    envelope = inbox.envelopes[0]
    assert (envelope.mail_from, envelope.rcpt_tos) == ("cobranza@lopez.example", ["ana@cliente.example"])
    assert isinstance(envelope.content, bytes)
    assert email.message_from_bytes(envelope.content)["Message-ID"] == "<k0@lopez.example>"


@pytest.mark.parametrize("password", ["right", "wrong"])
async def test_starttls_and_login(contexts: tuple[ssl.SSLContext, ssl.SSLContext], password: str) -> None:
    inbox = Inbox()
    server, client = contexts

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == b"right", handled=False)

    async with peer(
        inbox, tls_context=server, require_starttls=True, auth_required=True, authenticator=authenticate
    ) as port:
        channel = SmtpChannel("127.0.0.1", port, username="u", password=password, tls="starttls", tls_context=client)
        result = await channel.send(reminder("k"))
        await channel.close()
    if password == "right":
        assert result.outcome is Outcome.accepted
    else:
        assert (result.outcome, result.detail) == (Outcome.not_sent, "connect: SMTPAuthenticationError 535")
    assert len(inbox.envelopes) == (password == "right")


@pytest.mark.parametrize("trusted", [True, False])
async def test_implicit_tls_checks_the_certificate(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], trusted: bool
) -> None:
    inbox = Inbox()
    server, client = contexts
    async with peer(inbox, implicit=server) as port:
        channel = SmtpChannel("127.0.0.1", port, tls="implicit", tls_context=client if trusted else None)
        result = await channel.send(reminder("k"))
        await channel.close()
    assert result.outcome is (Outcome.accepted if trusted else Outcome.not_sent)
    assert len(inbox.envelopes) == trusted


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", b".\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b".\r\n..\r\na.", b"..\r\n...\r\na.\r\n.\r\n"),
        (b"a\n.\nb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r.\r\nb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\n.\r\nMAIL FROM:<x>\r", b"a\r\n..\r\nMAIL FROM:<x>\r\n.\r\n"),
    ],
)
def test_content_cannot_end_itself(content: bytes, expected: bytes) -> None:
    assert wire_content(content) == expected


def test_settings_are_checked() -> None:
    for options in ({"pool_size": 0}, {"messages_per_connection": 0}, {"timeout_seconds": 0.0}):
        with pytest.raises(ValueError, match="positive"):
            SmtpChannel("127.0.0.1", 25, **options)
