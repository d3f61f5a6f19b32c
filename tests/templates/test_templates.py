"""A tenant's own words: kept, listed beside those that ship, used by policies, and never left dangling."""

from typing import Any

import pytest

from app.templates.service import MAX_TEMPLATES
from tests.conftest import Api, MakeApi
from tests.reminders.conftest import parse

SHIPPED = 10 * 4 * 5


def template(**fields: Any) -> dict[str, Any]:
    return {
        "key": "first_notice",
        "language": "es-MX",
        "channel": "email",
        "name": "Nuestro primer aviso",
        "subject": "{{ company.name }}: {{ owed }}",
        "body": "{{ greeting }}\n\nNos debe {{ total }}.\n\n{{ invoice_table }}\n\n{{ signature }}",
        **fields,
    }


def sms(**fields: Any) -> dict[str, Any]:
    return template(channel="sms", subject=None, body="{{ company.name }}: {{ total }}", **fields)


async def test_a_template_is_kept_changed_and_deleted(api: Api) -> None:
    made = await api.post("/templates", template(metadata={"a": "b"}))
    assert (made["built_in"], made["active"], made["tone"], made["version"]) == (False, True, "friendly", 1)
    assert (made["body_html"], made["provider_template"], made["metadata"]) == (None, None, {"a": "b"})
    assert await api.get(f"/templates/{made['id']}") == made
    path = f"/templates/{made['id']}"
    changed = await api.patch(path, {"tone": "firm", "name": "Otro", "body": "Hola {{ customer.name }}"})
    assert (changed["tone"], changed["name"], changed["version"]) == ("firm", "Otro", 2)
    assert (changed["subject"], changed["metadata"]) == (made["subject"], {"a": "b"})
    await api.call("PATCH", path, json={"name": "x"}, headers={"If-Match": '"1"'}, expect=412)
    unchanged = await api.patch(path, {"name": "Otro"})
    assert unchanged["version"] == 2
    swapped = await api.patch(path, {"body": None, "body_html": "<p>{{ total }}</p>"})
    assert (swapped["body"], swapped["body_html"]) == (None, "<p>{{ total }}</p>")
    await api.call("DELETE", path, headers={"If-Match": '"1"'}, expect=412)
    await api.call("DELETE", path, expect=204)
    await api.get(path, expect=404)


async def test_key_language_and_channel_are_unique_and_fixed(api: Api) -> None:
    made = await api.post("/templates", template())
    refused = await api.post("/templates", template(name="x"), expect=409)
    assert refused["code"] == "duplicate_value"
    await api.post("/templates", template(language="es"))
    await api.post("/templates", sms())
    refused = await api.patch(f"/templates/{made['id']}", {"key": "x"}, expect=422)
    assert refused["errors"][0]["pointer"] == "/key"


async def test_the_list_holds_ones_own_first_and_then_those_that_ship(api: Api) -> None:
    first = await api.post("/templates", template())
    second = await api.post("/templates", sms(key="ours"))
    found = await api.all("/templates")
    assert [row["id"] for row in found[:2]] == [second["id"], first["id"]]
    assert len(found) == SHIPPED + 2
    assert len({row["id"] for row in found}) == len(found)
    shipped = [row for row in found if row["built_in"]]
    assert {row["language"] for row in shipped} == {"es-MX", "es-ES", "en", "pt-BR"}
    # Where one's own takes its place, the shipped one is not used.
    assert [(r["key"], r["language"], r["channel"]) for r in shipped if not r["active"]] == [
        ("first_notice", "es-MX", "email")
    ]
    page, rows, cursor = 7, [], None
    while True:
        answer = await api.get("/templates", limit=page, **({"cursor": cursor} if cursor else {}))
        rows += answer["data"]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert rows == found
    assert await api.all("/templates", built_in=False) == found[:2]
    only = await api.all("/templates", key="first_notice", channel="email", language="es-MX")
    assert [row["built_in"] for row in only] == [False, True]
    assert await api.get(f"/templates/{only[1]['id']}") == only[1]


async def test_what_ships_stays_as_it_is(api: Api) -> None:
    (shipped, *_) = await api.all("/templates", built_in=True)
    path = f"/templates/{shipped['id']}"
    assert (await api.patch(path, {"name": "x"}, expect=409))["code"] == "state_conflict"
    await api.call("DELETE", path, expect=409)
    copy = {name: shipped[name] for name in ("key", "language", "channel", "tone", "name", "subject", "body")}
    assert (await api.post("/templates", copy))["body"] == shipped["body"]


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"subject": None}, "/subject", "missing"),
        ({"channel": "sms"}, "/subject", "invalid_value"),
        ({"channel": "letter", "subject": None}, "/subject", "missing"),
        ({"body": None}, "/body", "missing"),
        ({"body": "  "}, "/body", "missing"),
        ({"channel": "call", "subject": None, "body": None}, "/body", "missing"),
        ({"channel": "whatsapp", "subject": None, "body_html": "<p>x</p>"}, "/body_html", "invalid_value"),
        ({"provider_template": "x"}, "/provider_template", "invalid_value"),
        ({"key": "A b"}, "/key", "invalid_format"),
        ({"language": "spanish"}, "/language", "invalid_value"),
        ({"tone": "angry"}, "/tone", "invalid_value"),
        ({"channel": "fax"}, "/channel", "invalid_value"),
        ({"name": " "}, "/name", "too_short"),
        ({"body": "x" * 15_001}, "/body", "too_long"),
        ({"body": "uno\n{{ ''.__class__ }}"}, "/body", "template_not_allowed"),
        ({"subject": "{{ 'a' * 10**9 }}"}, "/subject", "template_not_allowed"),
        ({"body_html": "<p>{{ company.secret }}</p>"}, "/body_html", "template_not_allowed"),
        ({"body_html": "<script>x</script>"}, "/body_html", "template_not_allowed"),
        ({"x": 1}, "/x", "unknown_field"),
    ],
)
async def test_what_is_wrong_is_said_where_it_is(api: Api, fields: dict[str, Any], pointer: str, code: str) -> None:
    refused = await api.post("/templates", template(**fields), expect=422)
    assert (refused["errors"][0]["pointer"], refused["errors"][0]["code"]) == (pointer, code)
    assert await api.all("/templates", built_in=False) == []


async def test_a_fault_says_its_line_what_is_wrong_and_what_is_allowed(api: Api) -> None:
    made = await api.post("/templates", template())
    body = "Hola\n\n{% for x in invoices %}\n{{ x.nmae }}\n{% endfor %}{% include 'x' %}"
    refused = await api.patch(f"/templates/{made['id']}", {"body": body}, expect=422)
    name, include = refused["errors"]
    assert name["message"].startswith("Line 4: There is no `nmae` here; there are: number, instalment")
    assert include["message"].startswith("Line 5: A template cannot use include. Allowed are")
    assert (await api.get(f"/templates/{made['id']}"))["version"] == 1


async def test_every_variable_and_filter_is_documented(api: Api) -> None:
    found = await api.get("/templates/variables")
    names = {entry["name"] for entry in found["variables"]}
    assert {"company.name", "invoices[].days_overdue", "also_open", "plan.instalment", "tone", "step"} <= names
    assert "shorten" in {entry["name"] for entry in found["filters"]}


async def test_templates_are_walled(api: Api, make_api: MakeApi) -> None:
    made = await api.post("/templates", template())
    other = await make_api()
    assert await other.all("/templates", built_in=False) == []
    for method in ("GET", "DELETE"):
        await other.call(method, f"/templates/{made['id']}", expect=404)
    await other.post(f"/templates/{made['id']}/preview", {}, expect=404)
    await other.post("/templates", template())


async def test_scopes(api: Api) -> None:
    key = await api.post("/api-keys", {"name": "r", "scopes": ["templates:read"]})
    headers = {"Authorization": f"Bearer {key['key']}"}
    assert (await api.client.get("/v1/templates", headers=headers)).status_code == 200
    assert (await api.client.post("/v1/templates", headers=headers, json=template())).status_code == 403


def policy(key: str, channels: list[str] | None = None) -> dict[str, Any]:
    step = {"key": "d+3", "offset_days": 3, "channels": channels or ["email"], "template": key}
    return {"name": "Nuestra", "default": True, "steps": [step]}


async def test_a_policy_may_name_ones_own_template(api: Api) -> None:
    refused = await api.post("/dunning-policies", policy("ours"), expect=422)
    assert refused["errors"][0]["pointer"] == "/steps/0/template"
    assert refused["errors"][0]["code"] == "unknown_template"
    assert "broken_promise, due_today" in refused["errors"][0]["message"]
    await api.post("/templates", sms(key="ours"))
    refused = await api.post("/dunning-policies", policy("ours"), expect=422)
    assert refused["errors"][0]["message"].startswith("This template has no text for email")
    inactive = await api.post("/templates", template(key="ours", active=False))
    await api.post("/dunning-policies", policy("ours"), expect=422)
    await api.patch(f"/templates/{inactive['id']}", {"active": True})
    made = await api.post("/dunning-policies", policy("ours"))
    await api.post(f"/dunning-policies/{made['id']}/publish", expect=200)
    refused = await api.post("/dunning-policies", policy("theirs"), expect=422)
    assert "instalment_reminder, ours, plan_default" in refused["errors"][0]["message"]


async def test_a_policy_is_never_left_without_words(api: Api) -> None:
    made = await api.post("/templates", template(key="ours"))
    draft = await api.post("/dunning-policies", policy("ours"))
    path = f"/templates/{made['id']}"
    # A draft holds nothing up: it is checked when it is published.
    await api.patch(path, {"active": False})
    refused = await api.post(f"/dunning-policies/{draft['id']}/publish", expect=422)
    assert refused["errors"][0]["code"] == "unknown_template"
    await api.patch(path, {"active": True})
    await api.post(f"/dunning-policies/{draft['id']}/publish", expect=200)
    refused = await api.patch(path, {"active": False}, expect=409)
    assert "for email" in refused["detail"]
    await api.call("DELETE", path, expect=409)
    await api.patch(path, {"body": "Hola"})
    # In another language it can go on.
    await api.post("/templates", template(key="ours", language="en"))
    await api.call("DELETE", path, expect=204)


async def test_one_that_takes_the_place_of_a_shipped_one_can_always_go(api: Api) -> None:
    made = await api.post("/templates", template())
    await api.policy([3])
    await api.call("DELETE", f"/templates/{made['id']}", expect=204)


async def sent(api: Api, customer_id: str) -> Any:
    (reminder,) = await api.all("/reminders", status="sent", customer_id=customer_id)
    return await api.get(f"/reminders/{reminder['id']}/message")


async def test_customers_read_ones_own_words_in_their_language(api: Api) -> None:
    await api.always_open()
    await api.policy([3])
    await api.post("/templates", template(body="Suyo: {{ total }} {% for x in invoices %}{{ x.number }} {% endfor %}"))
    await api.post("/templates", template(language="en", body="Yours: {{ total }}", subject="Hi {{ customer.name }}"))
    readers = {"es-MX": "Suyo: $100.00", "es-CO": "Suyo: MXN", "en-GB": "Yours: MX$", "pt-BR": "Escrevemos porque"}
    customers = {}
    for locale in [*readers, "fr-FR"]:
        customers[locale] = await api.customer(locale=locale)
        await api.invoice(customers[locale]["id"], "100.00", "2026-02-02", "2026-03-02")
    await api.advance("2026-03-05T23:00:00Z")
    for locale, words in readers.items():
        message = await sent(api, customers[locale]["id"])
        assert words in message["text"].replace("\xa0", " "), message["text"]
    english = await sent(api, customers["en-GB"]["id"])
    assert (english["subject"], english["language"]) == (f"Hi {customers['en-GB']['name']}", "en")
    french = await sent(api, customers["fr-FR"]["id"])
    assert (french["language"], french["text"][:5]) == ("es-MX", "Suyo:")


async def test_what_is_changed_counts_from_the_next_message(api: Api) -> None:
    await api.always_open()
    await api.policy([3, 5])
    made = await api.post("/templates", template(body="", body_html="<h1>Uno</h1>{{ invoice_table }}"))
    customer = await api.customer()
    await api.invoice(customer["id"], "100.00", "2026-02-02", "2026-03-02")
    await api.advance("2026-03-05T23:00:00Z")
    first = await sent(api, customer["id"])
    assert "<h1>Uno</h1>" in first["html"]
    assert first["text"].startswith("Uno\n\nEstado de cuenta al 5 de marzo de 2026")
    await api.patch(f"/templates/{made['id']}", {"body": "Dos", "body_html": None})
    await api.advance("2026-03-07T23:00:00Z")
    newest = (await api.all("/reminders", customer_id=customer["id"]))[0]
    message = await api.get(f"/reminders/{newest['id']}/message")
    assert message["text"] == "Dos\n"
    assert "Dos</p>" in message["html"]
    letter = parse(max(api.mailbox(), key=lambda path: path.stat().st_mtime_ns).read_bytes())
    assert letter["From"].addresses[0].addr_spec == (await api.get("/tenant"))["sender"]["address"]


async def test_there_is_an_end_to_templates(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_TEMPLATES == 500
    monkeypatch.setattr("app.templates.service.MAX_TEMPLATES", 1)
    await api.post("/templates", template())
    assert "delete one first" in (await api.post("/templates", sms(), expect=409))["detail"]
