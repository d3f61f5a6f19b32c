"""The customer's link: it shows the terms, is accepted once, expires, and gives nothing else away."""

import asyncio
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select

from app.core.settings import Settings
from app.main import create_app
from app.models import PlanLink
from tests.conftest import Api, MakeApi, make_settings
from tests.plans.agreeing import declining, owing, proposed, standing, told

Begin = Callable[[UUID], Any]


async def follow(api: Api, plan: Any, body: Any = None, *, to: str = "") -> httpx.Response:
    """Open the link of a plan as its customer does, without any key, or send something to it."""
    path = plan["link"]["path"] + to
    return await (api.client.get(path) if body is None else api.client.post(path, json=body))


async def test_it_shows_what_is_agreed(api: Api) -> None:
    await api.patch("/tenant", {"name": "Comercial Ñandú"})
    plan = await proposed(api, await owing(api, "100.00", name="Ana Núñez"), interest=declining())
    answer = await follow(api, plan)
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["creditor"], shown["customer"], shown["status"]) == ("Comercial Ñandú", "Ana Núñez", "proposed")
    assert (shown["expires_at"], shown["accepted_by"]) == (plan["expires_at"], None)
    terms = shown["terms"]
    assert [part["total"] for part in terms["instalments"]] == ["25.63", "25.63", "25.63", "25.61"]
    assert (terms["total_cost"], terms["effective_annual_rate"]) == ("2.50", plan["effective_annual_rate"])
    # Whoever reads the terms can work their hash out.
    agreed = {name: value for name, value in terms.items() if name != "terms_hash"}
    canonical = json.dumps(agreed, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert sha256(canonical.encode()).hexdigest() == terms["terms_hash"] == plan["terms_hash"]


async def test_it_is_accepted_once(api: Api) -> None:
    plan = await proposed(api, await owing(api, "100.00"))
    assert (await follow(api, plan, {"name": "Ana", "terms_hash": "0" * 64}, to="/accept")).json()["code"] == (
        "plan_changed"
    )
    answer = await follow(api, plan, {"name": "Ana Núñez", "terms_hash": plan["terms_hash"]}, to="/accept")
    assert (answer.status_code, answer.json()["status"], answer.json()["accepted_by"]) == (200, "active", "Ana Núñez")
    kept = (await standing(api, plan))["acceptance"]
    assert kept == {
        "by": "Ana Núñez",
        "at": "2026-03-02T12:00:00Z",
        "method": "link",
        "address": "127.0.0.1",
        "terms_hash": plan["terms_hash"],
    }
    again = await follow(api, plan, {"name": "Ana Núñez"}, to="/accept")
    assert (again.status_code, again.json()["code"]) == (409, "state_conflict")
    # It can still be read.
    assert (await follow(api, plan)).json()["accepted_at"] == "2026-03-02T12:00:00Z"
    assert (await told(api)).count("accepted") == 1


async def test_two_acceptances_at_once_are_one(api: Api) -> None:
    plan = await proposed(api, await owing(api, "100.00"))
    answers = await asyncio.gather(*(follow(api, plan, {"name": f"Ana {n}"}, to="/accept") for n in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409, 409]
    assert (await told(api)).count("accepted") == 1


@pytest.mark.parametrize(("at", "status"), [("2026-03-09T11:59:59Z", 200), ("2026-03-09T12:00:00Z", 410)])
async def test_it_expires(api: Api, at: str, status: int) -> None:
    plan = await proposed(api, await owing(api, "100.00"), expires_at="2026-03-09T12:00:00Z")
    await api.advance(at)
    assert (await follow(api, plan)).status_code == status
    answer = await follow(api, plan, {"name": "Ana"}, to="/accept")
    assert answer.status_code == status
    if status == 410:
        assert answer.json()["code"] == "link_expired"
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_renewed_proposal_ends_the_former_link_and_a_cancelled_one_its_own(api: Api) -> None:
    plan = await proposed(api, await owing(api, "100.00"))
    again = await api.post(f"/payment-plans/{plan['id']}/propose", {}, expect=200)
    assert (await follow(api, plan)).status_code == 404
    assert (await follow(api, again)).status_code == 200
    await api.post(f"/payment-plans/{plan['id']}/cancel", {"reason": "mistaken"}, expect=200)
    assert (await follow(api, again)).status_code == 410
    assert (await follow(api, again, {"name": "Ana"}, to="/accept")).status_code == 410


async def test_what_is_no_link_leads_nowhere(api: Api, make_api: MakeApi) -> None:
    plan = await proposed(api, await owing(api, "100.00"))
    token = plan["link"]["token"]
    other = "A" if token[-1] != "A" else "B"
    strange = await make_api()
    theirs = await proposed(strange, await owing(strange, "100.00"))
    # The tenant of one link with the secret of another's.
    mixed = theirs["link"]["token"][:22] + token[22:]
    for wrong in (token[:-1] + other, mixed, token[:-1], token + "A", "x", api.key, "%00", "ñ" * 56):
        assert (await api.client.get(f"/v1/plan-links/{wrong}")).status_code == 404, wrong
        accepted = await api.client.post(f"/v1/plan-links/{wrong}/accept", json={"name": "Ana"})
        assert accepted.status_code == 404, wrong
    assert (await standing(api, plan))["status"] == "proposed"


async def test_a_key_is_no_link_and_a_link_no_key(api: Api) -> None:
    plan = await proposed(api, await owing(api, "100.00"))
    headers = {"Authorization": f"Bearer {plan['link']['token']}"}
    assert (await api.client.get(f"/v1/payment-plans/{plan['id']}", headers=headers)).status_code == 401
    answer = await api.client.get(plan["link"]["path"], headers={"Authorization": "Bearer nonsense"})
    assert answer.status_code == 200


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "x" * 201}, {"name": "Ana", "more": 1}, {"name": 7}])
async def test_an_acceptance_says_who(api: Api, body: Any) -> None:
    plan = await proposed(api, await owing(api, "100.00"))
    assert (await follow(api, plan, body, to="/accept")).status_code == 422
    assert (await standing(api, plan))["status"] == "proposed"


async def test_only_a_hash_of_the_token_is_kept(api: Api, unit_of_work: Begin) -> None:
    plan = await proposed(api, await owing(api, "100.00"))
    token = plan["link"]["token"]
    async with unit_of_work(api.tenant_id) as uow:
        links = (await uow.session.scalars(select(PlanLink).where(PlanLink.tenant_id == api.tenant_id))).all()
        assert [link.token_hash for link in links] == [sha256(token.encode()).digest()]
    assert "link" not in await standing(api, plan)
    assert all(token not in json.dumps(event) for event in await api.all("/events"))


async def test_guessing_is_slow(own_database: str, tmp_path: Path, api: Api, settings: Settings) -> None:
    """Three links that are none, and the address waits; one that was found before is not held up by that."""
    plan = await proposed(api, await owing(api, "100.00"))
    app = create_app(make_settings(own_database, tmp_path, unknown_key_limit_per_second=3))
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        assert (await client.get(plan["link"]["path"])).status_code == 200
        statuses = [(await client.get(f"/v1/plan-links/{n:056d}")).status_code for n in range(5)]
        assert statuses == [404, 404, 404, 429, 429]
        assert (await client.get(plan["link"]["path"])).status_code == 200
