import email
import email.policy
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any

import pytest

from app.messages.mime import ascii_address, build_email, message_id_for
from app.messages.rendering import RenderedMessage

RENDERED = RenderedMessage(
    "Ferretería: factura A-1", "Hola, ñandú\n.\n..x\nFrom x\n" + "ñ" * 200 + "\n", "<p>ñ</p>\n", "es-MX"
)


def build(**changes: Any) -> bytes:
    values: dict[str, Any] = {
        "rendered": RENDERED,
        "sender_name": "Ferretería López, S.A.",
        "sender_address": "cobranza@lopez.example",
        "reply_to": "pagos@lopez.example",
        "to_address": "ana@cliente.example",
        "to_name": "Ana",
        "message_id": message_id_for("r_01.a", "lopez.example"),
        "date": datetime(2026, 3, 5, 9, 30, tzinfo=UTC),
        "headers": {"X-Reminder": "r_01"},
    }
    return build_email(**(values | changes))


def parse(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def test_parses_back() -> None:
    content = build()
    message = parse(content)
    assert message["Subject"] == RENDERED.subject
    assert message["From"].addresses[0].display_name == "Ferretería López, S.A."
    assert message["From"].addresses[0].addr_spec == "cobranza@lopez.example"
    assert message["To"].addresses[0].display_name == "Ana"
    assert message["Reply-To"] == "pagos@lopez.example"
    assert message["Message-ID"] == "<r_01.a@lopez.example>"
    assert message["Date"].datetime == datetime(2026, 3, 5, 9, 30, tzinfo=UTC)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "OOF, AutoReply"
    assert message["X-Reminder"] == "r_01"
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.iter_parts()
    assert isinstance(text, EmailMessage)
    assert isinstance(html, EmailMessage)
    assert text.get_content().replace("\r\n", "\n").rstrip("\n") == RENDERED.text.rstrip("\n")
    assert html.get_content().strip() == "<p>ñ</p>"
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")


def test_wire_form() -> None:
    content = build()
    assert content == build()
    assert content.isascii()
    assert content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r")
    assert max(map(len, content.split(b"\r\n"))) <= 76
    assert build(message_id=message_id_for("other", "lopez.example")) != content


@pytest.mark.parametrize(
    "name",
    [
        "株式会社" * 20,
        "Ñandú & Söhne <b>",
        'O"Neil \\ Sons, Ltd. (x) [y] @;:',
        "=?utf-8?q?fake?=",
        "شركة المثال للتجارة",
        "👩‍👩‍👧‍👦 Familia",
        "Simple",
        "A very long plain name of a company that goes on and on without ever reaching an end",
    ],
)
def test_names_in_any_script(name: str) -> None:
    content = build(sender_name=name, to_name=name, rendered=RenderedMessage(name, "x", "y", "en"))
    message = parse(content)
    # The old parser: the new one puts spaces between the encoded words of a phrase, against RFC 2047, 6.2.
    old = email.message_from_bytes(content)
    for field in ("From", "To"):
        phrase, _ = parseaddr(old[field].replace("\r\n", ""))
        assert str(make_header(decode_header(phrase))) == name
    assert message["To"].addresses[0].addr_spec == "ana@cliente.example"
    assert message["Subject"] == name
    assert content.isascii()


@pytest.mark.parametrize("poison", ["x\r\nBcc: a@b.example", "x\ny", "x\ry", "x\0y", "x\x0by", "x\ud800y"])
@pytest.mark.parametrize(
    "where", ["sender_name", "to_name", "sender_address", "to_address", "reply_to", "message_id", "header", "subject"]
)
def test_header_injection_is_refused(where: str, poison: str) -> None:
    changes: dict[str, Any] = {
        where: poison if "address" not in where and where != "reply_to" else f"{poison}@x.example"
    }
    if where == "header":
        changes = {"headers": {"X-Reminder": poison}}
    elif where == "subject":
        changes = {"rendered": RenderedMessage(poison, "x", "y", "en")}
    with pytest.raises(ValueError, match=r"."):
        build(**changes)


@pytest.mark.parametrize("name", ["Bcc", "subject", "Content-Type", "X Y", "X:Y", "X\r\nY", "", "Ñ"])
def test_own_and_malformed_headers_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be set"):
        build(headers={name: "x"})


def test_long_headers_are_folded_or_refused() -> None:
    message = parse(
        build(headers={"List-Unsubscribe": "<https://x.example/" + "u" * 300 + ">", "X-Long": "word " * 60})
    )
    assert message["List-Unsubscribe"].startswith("<https://x.example/uuu")
    assert message["X-Long"] == ("word " * 60).strip()
    with pytest.raises(ValueError, match="no place to fold"):
        build(headers={"X-Long": "x" * 1000})


def test_naive_dates_are_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        build(date=datetime(2026, 3, 5))  # noqa: DTZ001 - what is refused


def test_no_names_at_all() -> None:
    message = parse(build(sender_name="", to_name=None, reply_to=None))
    assert message["From"] == "cobranza@lopez.example"
    assert message["Reply-To"] is None


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "@x.example",
        "a@",
        "a b@x.example",
        "a@x..example",
        "ñ@x.example",
        "<a@x.example>",
        "a@-x.example",
        "a@[::1]",
    ],
)
def test_addresses_that_cannot_be_used(address: str) -> None:
    with pytest.raises(ValueError, match=r"address|domain"):
        ascii_address(address)


def test_international_domains() -> None:
    assert ascii_address("ana+x@ñandú.example") == "ana+x@xn--and-6ma2c.example"


def test_message_ids() -> None:
    assert message_id_for("r_01-a.b", "ñandú.example") == "<r_01-a.b@xn--and-6ma2c.example>"
    for key in ("", "a b", "a@b", "a..b", ".a", "<a>"):
        with pytest.raises(ValueError, match="message key"):
            message_id_for(key, "x.example")
