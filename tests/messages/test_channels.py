"""What ships for text messages, WhatsApp, letters and calls."""

import itertools
import re
from dataclasses import replace

import pytest

from app.messages.context import MessageContext, PlanFacts, PromiseFacts
from app.messages.gsm import message_length, plain_letters
from app.messages.languages import LANGUAGES
from app.messages.rendering import RenderedMessage, render
from app.messages.syntax import check
from app.messages.texts import (
    CHANNELS,
    TEMPLATE_KEYS,
    TONES,
    Text,
    Texts,
    all_shipped,
    shipped,
    shipped_by_id,
    text_channel,
)
from tests.messages.test_rendering import LOCALES, SITUATIONS, TODAY, context, line, squeezed, visible

URL = "https://pay.example/" + "x" * 22
LIMITS = {"sms": 160, "whatsapp": 480}


def situations(locale: str) -> list[MessageContext]:
    found = []
    for days, url in itertools.product(SITUATIONS, (URL, None)):
        lines = [line(day, number=f"A-{position}", payment_url=url) for position, day in enumerate(days)]
        facts = context(*lines, locale=locale)
        plan = PlanFacts(2, 6, TODAY, 50_000, 250_000)
        found += [facts, replace(facts, plan=plan, promise=PromiseFacts(90_000, TODAY, 10_000))]
    return found


def test_everything_ships_in_every_language_for_every_channel() -> None:
    texts = list(all_shipped())
    assert len(texts) == len(TEMPLATE_KEYS) * len(LANGUAGES) * len(CHANNELS) == len(shipped_by_id())
    assert {text.tone for text in texts} == {"friendly", "firm", "formal", "final"}
    for text in texts:
        assert check(text.body) == []
        assert check(text.subject or "") == []
        assert (text.subject is not None) is (text.channel in {"email", "letter"})


def test_ids_of_shipped_texts_never_change() -> None:
    assert next(iter(TONES)) == "friendly_reminder"
    text = shipped("first_notice", "es-ES", "sms")
    assert text is not None
    assert str(text.id) == "00000000-0000-8000-8000-000100010001"


@pytest.mark.parametrize("channel", LIMITS)
@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("key", sorted(TEMPLATE_KEYS))
def test_short_messages_say_what_matters_in_time(key: str, locale: str, channel: str) -> None:
    for facts in situations(locale):
        message = render(key, facts, channel=channel)
        assert message.subject is None
        assert message.html is None
        assert_short(message, facts, channel)


def assert_short(message: RenderedMessage, facts: MessageContext, channel: str) -> None:
    text = message.text
    length = message_length(text)[0] if channel == "sms" else len(text)
    assert length <= LIMITS[channel], text
    company = facts.company.name
    assert (plain_letters(company) if channel == "sms" else company) in text
    # The total, the number of the only invoice or how many there are, and the link or else the telephone.
    amount = f"{facts.total_due_minor / 100:,.2f}"
    assert amount in text or amount.translate(str.maketrans(",.", ".,")) in text, text
    count = len(facts.lines)
    assert str(count) in text if count > 1 else facts.lines[0].number in text or "2" in text
    assert (URL in text) if facts.lines[0].payment_url else ("55 1234 5678" in text)
    assert not re.search(r"None|\{|\}| ,| \.(\s|$)|  |\b1 (facturas|invoices|faturas)\b", text), text


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("key", sorted(TEMPLATE_KEYS))
def test_a_text_message_is_one_and_not_three(key: str, locale: str) -> None:
    for facts in situations(locale):
        if facts.lines[0].days_overdue in {0, 12, 40}:
            assert message_length(render(key, facts, channel="sms").text)[1] == 1


@pytest.mark.parametrize("channel", LIMITS)
@pytest.mark.parametrize("locale", LOCALES)
def test_nothing_makes_a_short_message_long(locale: str, channel: str) -> None:
    endless = "https://pay.example/" + "x" * 1_900
    lines = [line(12, number="N" * 90, payment_url=endless, amount_minor=10**14 + position) for position in range(2)]
    for key, some in itertools.product(TEMPLATE_KEYS, (lines[:1], lines)):
        facts = context(*some, locale=locale, offers_opt_out=True)
        facts = replace(facts, company=replace(facts.company, name="Ñ" * 150, phone="5" * 40))
        message = render(key, facts, channel=channel)
        length = message_length(message.text)[0] if channel == "sms" else len(message.text)
        assert length <= LIMITS[channel]


def test_a_link_gives_way_to_the_telephone() -> None:
    facts = context(line(12, payment_url="https://pay.example/" + "x" * 120))
    assert "Llame al 55 1234 5678" in render("first_notice", facts, channel="sms").text
    nowhere = replace(facts, company=replace(facts.company, phone=None))
    assert "Escriba a cobranza@lopez.example" in render("first_notice", nowhere, channel="sms").text


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a" * 160, (160, 1)), ("a" * 161, (161, 2)), ("€" * 80, (160, 1)), ("í" * 70, (70, 1)), ("í" * 71, (71, 2))],
)
def test_length_of_text_messages(text: str, expected: tuple[int, int]) -> None:
    assert message_length(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Ferretería Ñandú", "Ferreteria Ñandu"),
        ("“São João”…", '"Sao Joao"...'),
        ("株式会社", "株式会社"),
        ("€5", "€5"),
    ],
)
def test_letters_of_text_messages(value: str, expected: str) -> None:
    assert plain_letters(value) == expected


@pytest.mark.parametrize("locale", LOCALES)
def test_a_letter_has_a_head(locale: str) -> None:
    facts = context(locale=locale)
    address = "Av. Juárez 100\n06010 Ciudad de México"
    facts = replace(facts, customer=replace(facts.customer, contact="Cuentas por pagar", address=address))
    message = render("formal_notice", facts, channel="letter")
    head = message.text.split("\n\n")
    assert head[0].splitlines()[0] == "Ferretería López"
    assert head[1].splitlines() == ["Constructora del Norte", "Cuentas por pagar", *address.splitlines()]
    assert "2026" in head[2]
    assert head[3].endswith(message.subject or "?")
    page = squeezed(" ".join(visible(re.sub("<style>.*</style>", "", message.html or "", flags=re.DOTALL)).words))
    assert "Av. Juárez 100 06010 Ciudad de México" in page
    for part in (message.text, page):
        assert "012180001234567895" in part
        assert "A-1012" in part
    # Nobody replies to a letter by e-mail alone.
    assert "cobranza@lopez.example" in message.text
    assert not re.search("este correo|this email|este e-mail", message.text)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("key", sorted(TEMPLATE_KEYS))
def test_a_script_guides_a_call(key: str, locale: str) -> None:
    facts = context(line(12), line(3), locale=locale)
    script = render(key, facts, channel="call")
    assert script.html is None
    for number in "1234":
        assert f"\n{number}. " in script.text
    assert "A-1003" in script.text
    assert "Constructora del Norte" in script.text
    consumer = replace(facts, customer=replace(facts.customer, kind="consumer"))
    # A private person is asked for by name.
    assert script.text.count("Constructora del Norte") < render(key, consumer, channel="call").text.count(
        "Constructora del Norte"
    )


@pytest.mark.parametrize("locale", LOCALES)
def test_messages_about_plans_and_promises_name_them(locale: str) -> None:
    facts = context(line(3, number="", instalment="2/6"), locale=locale)
    facts = replace(facts, plan=PlanFacts(2, 6, TODAY, 50_000, 250_000))
    for key in ("instalment_reminder", "instalment_missed"):
        message = render(key, facts)
        assert re.search(r"\b2 (de|of) 6\b", message.subject or "")
        assert re.search(r"(Parcialidad|Plazo|Instalment|Parcela) 2/6", message.text)
    promised = context(locale=locale, promise=PromiseFacts(90_000, TODAY, 10_000))
    text = squeezed(render("broken_promise", promised).text)
    assert "900" in text
    assert "100" in text
    assert "{" not in text


def test_fine_print_reaches_every_channel_that_needs_it() -> None:
    facts = context(identifies_collector=True, offers_opt_out=True)
    for channel, opt_out in (("email", "BAJA y nada más"), ("whatsapp", "Responda BAJA"), ("letter", "")):
        message = render("first_notice", facts, channel=channel)
        assert "gestión de cobranza de Cobranza, en nombre de Ferretería López" in squeezed(message.text)
        assert opt_out in squeezed(message.text)
        assert message.html is None or "gestión de cobranza" in message.html
    assert "BAJA" not in render("first_notice", facts, channel="letter").text


def own(language: str, channel: str = "email", key: str = "first_notice") -> Text:
    pattern = shipped("first_notice", "es-MX", channel)
    assert pattern is not None
    return replace(pattern, key=key, language=language, name=f"own {language}", is_shipped=False)


@pytest.mark.parametrize(
    ("written", "locale", "fallback", "expected"),
    [
        ([], "es-CO", "en", "es-MX"),
        ([], "fr-FR", "pt-BR", "pt-BR"),
        ([], "fr-FR", "de-DE", "es-MX"),
        (["es-MX"], "es-MX", "en", "own es-MX"),
        (["es", "es-MX"], "es-MX", "en", "own es-MX"),
        (["es-AR", "es"], "es-MX", "en", "own es"),
        (["es-AR"], "es-MX", "en", "own es-AR"),
        (["en"], "es-MX", "en", "es-MX"),
        (["fr"], "fr-CA", "es-MX", "own fr"),
        (["de"], "fr-CA", "de-DE", "own de"),
        (["de"], "fr-CA", "en", "en"),
    ],
)
def test_which_text_a_customer_reads(written: list[str], locale: str, fallback: str, expected: str) -> None:
    found = Texts.of(map(own, written)).choose("first_notice", "email", locale=locale, fallback=fallback)
    assert found is not None
    assert expected in {found.name, found.language}


def test_every_channel_of_a_step_has_its_text() -> None:
    steps = ("email", "sms", "whatsapp", "letter", "call", "erp", "phone", "post")
    assert {text_channel(channel) for channel in steps} == set(CHANNELS)


def test_a_key_of_ones_own_serves_what_it_is_written_for() -> None:
    texts = Texts.of([own("de", key="ours"), own("de", "sms", key="ours")])
    assert texts.channels_of("ours") == {"email", "letter", "sms", "whatsapp"}
    assert texts.channels_of("theirs") == set()
    found = texts.choose("ours", "letter", locale="es-MX", fallback="es-MX")
    assert found is not None
    assert found.language == "de"
    assert texts.choose("ours", "call", locale="de", fallback="de") is None
    with pytest.raises(KeyError):
        render("ours", context(), channel="call", texts=texts)
