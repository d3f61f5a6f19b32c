"""An `external_id` is unique among a tenant's resources of a kind, also when two are written at the same moment."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import UniqueConstraint, inspect

from app.models import Base
from tests.conftest import Api

# A fault of an import repeats what its row said, and rows may say the same.
NO_RESOURCES = {"import_errors"}

BODIES: dict[str, dict[str, Any]] = {
    "/invoices": {
        "number": "F-1",
        "currency": "MXN",
        "total": "10.00",
        "issued_on": "2026-03-01",
        "due_on": "2026-03-31",
    },
    "/payments": {"currency": "MXN", "amount": "10.00", "received_on": "2026-03-01"},
    "/credit-notes": {"currency": "MXN", "amount": "10.00", "issued_on": "2026-03-01", "reason": "goods returned"},
    "/holds": {"reason": "asked for time", "effects": ["contact"]},
    "/tasks": {"kind": "review", "title": "Look at it", "due_on": "2026-03-05"},
    "/activities": {"kind": "note", "note": "Said hello."},
}


def test_the_schema_says_so() -> None:
    for mapper in Base.registry.mappers:
        table: Any = inspect(mapper).local_table
        if "external_id" in table.columns and table.name not in NO_RESOURCES:
            unique = [
                [column.name for column in one.columns]
                for one in (*table.constraints, *table.indexes)
                if isinstance(one, UniqueConstraint) or getattr(one, "unique", False)
            ]
            assert any(columns[:2] == ["tenant_id", "external_id"] for columns in unique), table.name


@pytest.mark.parametrize("path", [path for path in BODIES if path != "/activities"])
async def test_two_customers_at_once_get_one(api: Api, path: str) -> None:
    customers = [await api.customer() for _ in range(4)]
    answers = await asyncio.gather(
        *(
            api.call("POST", path, json={"customer_id": customer["id"], "external_id": "A-1", **BODIES[path]})
            for customer in customers
        )
    )
    refused = [answer for answer in answers if answer.status_code != 201]
    assert len(refused) == 3, answers[0].text
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(409, "external_id_taken")}
    assert len(await api.all(path, external_id="A-1") if path != "/tasks" else await api.all(path)) == 1


async def test_an_activity_is_recorded_once(api: Api) -> None:
    first, second = [await api.customer() for _ in range(2)]
    body = {"external_id": "A-1", **BODIES["/activities"]}
    await api.post("/activities", {"customer_id": first["id"], **body})
    for customer in (first, second):
        answer = await api.call("POST", "/activities", json={"customer_id": customer["id"], **body}, expect=409)
        assert answer.json()["code"] == "external_id_taken"
