"""Dunning policies through the API: drafts, versions, publishing and the default."""

import asyncio
from typing import Any

import pytest

from tests.conftest import Api, MakeApi
from tests.policies.steps import policy, step


async def test_a_policy_begins_as_a_draft_with_every_default_written_out(api: Api) -> None:
    answer = await api.call("POST", "/dunning-policies", json={"name": "Cobranza", "steps": [step(5)]}, expect=201)
    made = answer.json()
    assert answer.headers["etag"] == '"1"'
    for varying in ("id", "created_at", "updated_at"):
        assert made.pop(varying)
    assert made == {
        "name": "Cobranza",
        "status": "draft",
        "version": 1,
        "published_version": None,
        "published_at": None,
        "revision": 1,
        "default": False,
        "applies_to": None,
        "priority": 100,
        "max_count": None,
        "grouping": "customer",
        "catch_up": "highest",
        "late_entry": "restart",
        "min_gap_days": 0,
        "min_amount": {},
        "send_window": None,
        "calendar": None,
        "steps": [
            {
                "key": "d+5",
                "offset_days": 5,
                "channels": ["email"],
                "template": "first_notice",
                "min_amount": {},
                "fee": None,
                "requires_approval": False,
                "conditions": None,
                "on_exhausted": None,
            }
        ],
    }


async def test_what_is_written_is_read_back(api: Api) -> None:
    body = policy(
        default=True,
        grouping="invoice",
        catch_up="one_at_a_time",
        late_entry="highest",
        min_gap_days=3,
        min_amount={"MXN": "100", "JPY": "2000"},
        send_window={"start": "10:00", "end": "16:30", "days": ["fri", "mon"]},
        calendar="ES-MD",
        steps=[
            step(-3, template="friendly_reminder"),
            step(0, requires_approval=True, min_amount={"MXN": "50.5"}),
            step(30, key="final.notice_1", on_exhausted="task", template="final_notice"),
        ],
    )
    made = await api.post("/dunning-policies", body)
    assert await api.get(f"/dunning-policies/{made['id']}") == made
    # Amounts take the decimals of their currency, weekdays their order.
    assert made["min_amount"] == {"MXN": "100.00", "JPY": "2000"}
    assert made["send_window"] == {"start": "10:00", "end": "16:30", "days": ["mon", "fri"]}
    assert [(item["key"], item["offset_days"]) for item in made["steps"]] == [
        ("d-3", -3),
        ("d+0", 0),
        ("final.notice_1", 30),
    ]
    assert made["steps"][1]["min_amount"] == {"MXN": "50.50"}
    assert made["steps"][2]["on_exhausted"] == "task"
    for name in ("default", "grouping", "catch_up", "late_entry", "min_gap_days", "calendar"):
        assert made[name] == body[name]


@pytest.mark.parametrize(
    ("fee", "stored"),
    [
        pytest.param(
            {"kind": "flat", "amount": "150"},
            {"kind": "flat", "currency": "MXN", "amount": "150.00", "percent": None, "min": None, "max": None},
            id="a flat fee is in the tenant's currency",
        ),
        pytest.param(
            {"kind": "flat", "amount": "9.9", "currency": "EUR"},
            {"kind": "flat", "currency": "EUR", "amount": "9.90", "percent": None, "min": None, "max": None},
            id="unless it names another",
        ),
        pytest.param(
            {"kind": "percent", "percent": "2.5"},
            {"kind": "percent", "currency": None, "amount": None, "percent": "2.5", "min": None, "max": None},
            id="a percentage alone is for every currency",
        ),
        pytest.param(
            {"kind": "percent", "percent": "100", "min": "50", "max": "50.00"},
            {
                "kind": "percent", "currency": "MXN", "amount": None, "percent": "100", "min": "50.00", "max": "50.00",
            },
            id="with bounds it is for one currency",
        ),
    ],
)  # fmt: skip
async def test_fees_are_stored_with_their_currency(api: Api, fee: dict[str, Any], stored: dict[str, Any]) -> None:
    made = await api.post("/dunning-policies", policy(steps=[step(5, fee=fee)]))
    assert made["steps"][0]["fee"] == {**stored, "tiers": None}


async def test_a_draft_changes_in_place(api: Api) -> None:
    made = await api.post("/dunning-policies", policy(min_gap_days=2))
    changed = await api.patch(f"/dunning-policies/{made['id']}", {"name": "Otra", "steps": [step(7)]})
    assert (changed["version"], changed["revision"], changed["status"]) == (1, 2, "draft")
    assert (changed["name"], changed["min_gap_days"]) == ("Otra", 2)
    # What is nested in a replaced list has its defaults too.
    assert changed["steps"] == [{**made["steps"][0], "key": "d+7", "offset_days": 7}]
    assert await api.get(f"/dunning-policies/{made['id']}") == changed


async def test_each_kind_of_change_is_a_revision(api: Api) -> None:
    made = await api.post("/dunning-policies", policy())
    revision = 1
    for change in ({"name": "B"}, {"default": True}, {"min_gap_days": 1}, {"name": "C", "default": False}):
        changed = await api.patch(f"/dunning-policies/{made['id']}", change)
        revision += 1
        assert changed["revision"] == revision, change
        assert {name: changed[name] for name in change} == change


async def test_a_change_that_changes_nothing_is_none(api: Api) -> None:
    made = await api.policy([5, 20])
    same = await api.patch(f"/dunning-policies/{made['id']}", {"name": made["name"], "steps": made["steps"]})
    assert same == made


async def test_a_published_version_never_changes(api: Api) -> None:
    published = await api.policy([5, 20], min_gap_days=2)
    path = f"/dunning-policies/{published['id']}"
    assert (published["status"], published["version"], published["published_version"]) == ("published", 1, 1)

    draft = await api.patch(path, {"steps": [step(9)]})
    assert (draft["status"], draft["version"], draft["published_version"]) == ("draft", 2, 1)
    assert (draft["min_gap_days"], [item["key"] for item in draft["steps"]]) == (2, ["d+9"])
    assert draft["published_at"] is None

    again = await api.patch(path, {"min_gap_days": 4})
    assert again["version"] == 2, "the draft changes in place"
    assert _content(await api.get(f"{path}/versions/1")) == _content(published)

    second = await api.post(f"{path}/publish", expect=200)
    assert (second["version"], second["published_version"], second["min_gap_days"]) == (2, 2, 4)
    assert _content(await api.get(f"{path}/versions/1")) == _content(published)
    versions = (await api.get(f"{path}/versions"))["data"]
    assert [version["version"] for version in versions] == [2, 1]
    assert [_content(version) for version in versions] == [_content(second), _content(published)]


def _content(version: dict[str, Any]) -> dict[str, Any]:
    """What a version says, without what counts the policy's changes."""
    return {
        name: value for name, value in version.items() if name not in {"revision", "updated_at", "published_version"}
    }


async def test_what_is_published_is_not_published_again(api: Api) -> None:
    published = await api.policy([5])
    problem = await api.post(f"/dunning-policies/{published['id']}/publish", expect=409)
    assert problem["code"] == "state_conflict"
    assert await api.get(f"/dunning-policies/{published['id']}") == published


async def test_a_new_default_takes_the_place_of_the_one_before(api: Api) -> None:
    first = await api.policy([5])
    second = await api.policy([7], publish=False)
    assert [first["default"], second["default"]] == [True, True]
    assert await _defaults(api) == [first["id"]]

    published = await api.post(f"/dunning-policies/{second['id']}/publish", expect=200)
    assert published["default"] is True
    assert await _defaults(api) == [second["id"]]
    former = await api.get(f"/dunning-policies/{first['id']}")
    assert (former["default"], former["status"], former["revision"]) == (False, "published", first["revision"] + 1)


async def test_a_former_default_does_not_return_by_a_later_version(api: Api) -> None:
    first = await api.policy([5])
    await api.patch(f"/dunning-policies/{first['id']}", {"min_gap_days": 1})
    second = await api.policy([7])
    await api.post(f"/dunning-policies/{first['id']}/publish", expect=200)
    assert await _defaults(api) == [second["id"]]


async def test_a_policy_gives_up_being_the_default(api: Api) -> None:
    first = await api.policy([5])
    draft = await api.patch(f"/dunning-policies/{first['id']}", {"default": False})
    assert (draft["default"], draft["version"]) == (False, 2)
    assert await _defaults(api) == [first["id"]], "not before it is published"
    await api.post(f"/dunning-policies/{first['id']}/publish", expect=200)
    assert await _defaults(api) == []


async def _defaults(api: Api) -> list[str]:
    return [found["id"] for found in await api.all("/dunning-policies", default="true")]


async def test_two_publishes_at_once_leave_one_default(api: Api) -> None:
    await api.policy([5])
    drafts = [await api.policy([7 + number], publish=False) for number in range(4)]
    answers = await asyncio.gather(*(api.call("POST", f"/dunning-policies/{draft['id']}/publish") for draft in drafts))
    assert [answer.status_code for answer in answers] == [200] * 4
    (default,) = await _defaults(api)
    assert default in {draft["id"] for draft in drafts}
    found = [await api.get(f"/dunning-policies/{draft['id']}") for draft in drafts]
    assert [policy["default"] for policy in found].count(True) == 1


async def test_one_draft_is_published_once(api: Api) -> None:
    draft = await api.policy([5], publish=False)
    answers = await asyncio.gather(*(api.call("POST", f"/dunning-policies/{draft['id']}/publish") for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert (await api.get(f"/dunning-policies/{draft['id']}"))["revision"] == 2


async def test_only_the_version_that_was_read_is_changed(api: Api) -> None:
    made = await api.policy([5], publish=False)
    path = f"/dunning-policies/{made['id']}"
    first, second = await asyncio.gather(
        *(api.call("PATCH", path, json={"min_gap_days": days}, headers={"If-Match": '"1"'}) for days in (1, 2))
    )
    assert sorted([first.status_code, second.status_code]) == [200, 412]
    stale = await api.call("POST", f"{path}/publish", headers={"If-Match": '"1"'}, expect=412)
    assert stale.json()["code"] == "precondition_failed"
    answer = await api.call("POST", f"{path}/publish", headers={"If-Match": '"2"'}, expect=200)
    assert answer.headers["etag"] == '"3"'
    assert (await api.call("GET", path)).headers["etag"] == '"3"'


async def test_publishing_checks_the_draft_against_the_tenant_as_it_is_now(api: Api) -> None:
    window = {"start": "16:00", "end": "17:00", "days": ["mon"]}
    draft = await api.post("/dunning-policies", policy(send_window=window))
    narrow = {"start": "09:00", "end": "12:00", "days": ["mon", "tue"]}
    await api.patch("/tenant", {"send_window": narrow})
    problem = await api.post(f"/dunning-policies/{draft['id']}/publish", expect=422)
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [
        ("/send_window", "window_never_opens")
    ]
    assert (await api.get(f"/dunning-policies/{draft['id']}"))["status"] == "draft"


async def test_lists_page_and_filter(api: Api) -> None:
    published = await api.policy([5])
    drafts = [await api.post("/dunning-policies", policy(name=f"P{number}")) for number in range(4)]
    await api.patch(f"/dunning-policies/{published['id']}", {"min_gap_days": 1})
    newest_first = [draft["id"] for draft in reversed(drafts)] + [published["id"]]
    page = await api.get("/dunning-policies", limit=2)
    rest = await api.get("/dunning-policies", limit=3, cursor=page["next_cursor"])
    assert [found["id"] for found in page["data"] + rest["data"]] == newest_first
    assert rest["next_cursor"] is None
    assert rest["data"][-1]["version"] == 2, "a policy shows its latest version"

    assert await _ids(api, status="published") == []
    assert await _ids(api, status="draft") == newest_first
    assert await _ids(api, default="false") == newest_first[:-1]


async def _ids(api: Api, **filters: str) -> list[str]:
    return [found["id"] for found in await api.all("/dunning-policies", **filters)]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/dunning-policies/{id}"),
        ("PATCH", "/dunning-policies/{id}"),
        ("POST", "/dunning-policies/{id}/publish"),
        ("GET", "/dunning-policies/{id}/versions"),
        ("GET", "/dunning-policies/{id}/versions/1"),
    ],
)
async def test_another_tenant_s_policy_is_not_found(api: Api, make_api: MakeApi, method: str, path: str) -> None:
    theirs = await (await make_api()).policy([5], publish=False)
    body = {"name": "Mine"} if method == "PATCH" else None
    answer = await api.call(method, path.format(id=theirs["id"]), json=body, expect=404)
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize(("number", "status"), [("2", 404), ("0", 422), ("2147483648", 422), ("one", 422)])
async def test_a_version_that_does_not_exist(api: Api, number: str, status: int) -> None:
    made = await api.policy([5])
    await api.call("GET", f"/dunning-policies/{made['id']}/versions/{number}", expect=status)


async def test_open_invoices_get_a_case_when_a_policy_is_published(api: Api) -> None:
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "100.00", "2026-02-20", "2026-03-20")
    before = await api.get(f"/invoices/{invoice['id']}/dunning")
    assert [blocker["code"] for blocker in before["blockers"]] == ["no_policy"]
    published = await api.policy([5])
    await api.advance("2026-03-02T12:00:00Z")
    outlook = await api.get(f"/invoices/{invoice['id']}/dunning")
    assert (outlook["policy_id"], outlook["policy_version"]) == (published["id"], 1)
    assert (outlook["next_step"]["key"], outlook["next_step"]["due_on"]) == ("d+5", "2026-03-25")


async def test_a_running_case_keeps_the_version_it_started_with(api: Api) -> None:
    published = await api.policy([5])
    customer = await api.customer()
    old = await api.invoice(customer["id"], "100.00", "2026-02-20", "2026-03-20")
    await api.patch(f"/dunning-policies/{published['id']}", {"steps": [step(9)]})
    await api.post(f"/dunning-policies/{published['id']}/publish", expect=200)
    new = await api.invoice(customer["id"], "100.00", "2026-02-20", "2026-03-20")
    await api.advance("2026-03-03T12:00:00Z")
    steps = {}
    for invoice in (old, new):
        outlook = await api.get(f"/invoices/{invoice['id']}/dunning")
        steps[invoice["id"]] = (outlook["policy_version"], outlook["next_step"]["key"])
    assert steps == {old["id"]: (1, "d+5"), new["id"]: (2, "d+9")}
