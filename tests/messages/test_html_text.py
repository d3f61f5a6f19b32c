"""The text part of a message of which only the HTML was written, and the HTML of one of which only the text was."""

import time

import pytest

from app.messages.html_text import html_faults, html_to_text
from app.messages.rendering import render
from app.messages.texts import Texts
from tests.messages.test_rendering import context, visible
from tests.messages.test_syntax import shown, text


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>Uno</p><p>dos<br>tres</p>", "Uno\n\ndos\ntres"),
        ("<h1>A &amp; B</h1>\n\n  x   y", "A & B\n\nx y"),
        ("<ul><li>a</li><li>b</li></ul>", "– a\n– b"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ('<a href="https://x.example/a?b=1&amp;c=2">Pague</a>', "Pague (https://x.example/a?b=1&c=2)"),
        ('<a href="https://x.example">https://x.example</a>', "https://x.example"),
        ("<style>p { color: red }</style><title>t</title>x<!-- y --><!doctype html>", "x"),
        ("a < b", "a < b"),
        ("x<a href='", "x<a href='"),
    ],
)
def test_text_of_html(html: str, expected: str) -> None:
    assert html_to_text(html) == expected


@pytest.mark.parametrize(
    "html",
    [
        "<script>x</script>", "<scr{{ total }}ipt>x", "<p onclick='x'>", '<a href=" java\nscript:x">', "<iframe src=x>",
        "<form>", "<meta http-equiv=refresh>", "<a href='data:text/html,x'>", "<svg>", "a < b", "<!-- x", "<p title='x",
        "<p {% if payable %}onload{% endif %}=x>",
    ],
)  # fmt: skip
def test_html_that_runs_or_is_none_is_refused(html: str) -> None:
    assert html_faults(f"<p>\n{html}") != []
    assert html_faults(f"<p>\n{html}")[0][0] == 2


@pytest.mark.parametrize(
    "part", ["<", "<!--", "<a ", "<a b='", "</", "<!", "<![", "<?", "&#", "<style>", "<a>", "</a>"]
)
def test_malformed_html_takes_no_time(part: str) -> None:
    started = time.perf_counter()
    html_to_text(part * (50_000 // len(part)))
    html_faults(part * (50_000 // len(part)))
    assert time.perf_counter() - started < 3


def test_html_becomes_text_with_its_blocks() -> None:
    message = shown("", body_html="<p>Hola {{ customer.name }}</p>{{ invoice_table }}<p>Adiós</p>{{ signature }}")
    assert message.text.startswith("Hola Constructora del Norte\n\nEstado de cuenta al 5 de marzo de 2026\n\nFactura")
    assert "Total por pagar" in message.text
    assert message.text.endswith(
        "Adiós\n\nCobranza\nFerretería López\ncobranza@lopez.example\nTel. 55\xa01234\xa05678\n"
    )
    assert "<!DOCTYPE html>" in (message.html or "")
    assert "table" in visible(message.html or "").tags


def test_a_page_of_ones_own_stays_as_it_is_but_for_the_fine_print() -> None:
    page = "<!doctype html><html><body><p>Hola</p></body></html>"
    assert shown("Hola", body_html=page).html == page
    told = shown("Hola", context(offers_opt_out=True), body_html=page)
    assert "responda con la palabra BAJA y nada más.</p>\n</body>" in (told.html or "")
    assert "BAJA" in told.text


def test_text_becomes_html_with_its_lines() -> None:
    message = shown("Hola:\n- uno\n- dos\n\n{{ payment_details }}\n\n" + "palabra " * 20)
    assert "Hola:<br>\n- uno<br>\n- dos</p>" in (message.html or "")
    assert "<strong>012180001234567895</strong>" in (message.html or "")
    assert "Hola:\n- uno\n- dos\n\nCómo pagar" in message.text
    assert max(map(len, message.text.splitlines())) <= 76


def test_a_tenants_own_message_goes_to_the_telephone_as_it_is_written() -> None:
    long = "Pagó.\n\n\nLínea " + "x" * 300
    message = render("ours", context(), channel="sms", texts=Texts.of([text(long, channel="sms", subject=None)]))
    assert message.text == "Pagó.\n\nLínea " + "x" * 300
    assert message.subject is None
    endless = Texts.of([text("x" * 20_000, channel="sms", subject=None)])
    assert len(render("ours", context(), channel="sms", texts=endless).text) == 1_530
