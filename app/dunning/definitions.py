"""From a policy version's stored definition to the value the domain evaluates; versions never change, so it is kept."""

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import select, tuple_

from app.core.uow import UnitOfWork
from app.domain.conditions import EVERYTHING, Conditions
from app.domain.fees import FeeTier
from app.domain.money import parse_amount
from app.domain.policy import CatchUp, Fee, Grouping, LateEntry, OnExhausted, Policy, Step
from app.domain.windows import SendWindow
from app.models import DunningPolicyVersion

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def parse_window(window: Mapping[str, Any]) -> SendWindow:
    """A send window from its wire form."""
    return _window(window["start"], window["end"], tuple(window["days"]))


@lru_cache(maxsize=1024)
def _window(start: str, end: str, days: tuple[str, ...]) -> SendWindow:
    return SendWindow.of(start, end, [WEEKDAYS.index(name) for name in days])


def parse_amounts(amounts: Mapping[str, str]) -> dict[str, int]:
    """Amounts by currency from their wire form."""
    return {currency: parse_amount(amount, currency) for currency, amount in amounts.items()}


def parse_fee(fee: Mapping[str, Any]) -> Fee:
    """A fee from its stored form, whose currency was filled in when the policy was written."""
    currency = fee["currency"]

    def minor(name: str) -> int | None:
        return None if fee[name] is None else parse_amount(fee[name], currency)

    return Fee(
        currency=currency,
        flat_minor=minor("amount"),
        percent=Fraction(fee["percent"]) if fee["percent"] is not None else None,
        min_minor=minor("min"),
        max_minor=minor("max"),
        # Policies that were published before fees could have tiers have none.
        tiers=tuple(
            FeeTier(
                parse_amount(tier["from_amount"], currency),
                None if tier["amount"] is None else parse_amount(tier["amount"], currency),
                None if tier["percent"] is None else Fraction(tier["percent"]),
            )
            for tier in fee.get("tiers") or ()
        ),
    )


def parse_conditions(conditions: Mapping[str, Any] | None) -> Conditions:
    """Conditions from their stored form; where nothing is asked for, every debt meets them."""
    if not conditions:
        return EVERYTHING
    return Conditions(
        kinds=frozenset(conditions["kinds"]),
        countries=frozenset(conditions["countries"]),
        # Those of steps have none.
        currencies=frozenset(conditions.get("currencies") or ()),
        tags=frozenset(conditions["tags"]),
        min_amount=parse_amounts(conditions["min_amount"]),
        max_amount=parse_amounts(conditions["max_amount"]),
    )


def complete(definition: Mapping[str, Any]) -> dict[str, Any]:
    """A stored definition with what versions said nothing of that are older than it."""
    return {
        "max_count": None,
        **definition,
        "steps": [{"conditions": None, **step} for step in definition["steps"]],
    }


# Its former name is in versions that never change.
_ENDINGS = {None: OnExhausted.event, "placement": OnExhausted.suggest_placement}


def parse_policy(policy_id: UUID, version: int, definition: Mapping[str, Any]) -> Policy:
    """A policy version from its stored definition."""
    definition = complete(definition)
    steps = tuple(
        Step(
            key=step["key"],
            offset_days=step["offset_days"],
            channels=tuple(step["channels"]),
            template=step["template"],
            min_amount=parse_amounts(step["min_amount"]),
            fee=parse_fee(step["fee"]) if step["fee"] else None,
            requires_approval=step["requires_approval"],
            conditions=parse_conditions(step["conditions"]),
            on_exhausted=_ENDINGS.get(step["on_exhausted"]) or OnExhausted(step["on_exhausted"]),
        )
        for step in definition["steps"]
    )
    return Policy(
        id=policy_id,
        version=version,
        grouping=Grouping(definition["grouping"]),
        catch_up=CatchUp(definition["catch_up"]),
        late_entry=LateEntry(definition["late_entry"]),
        min_gap_days=definition["min_gap_days"],
        min_amount=parse_amounts(definition["min_amount"]),
        send_window=parse_window(definition["send_window"]) if definition["send_window"] else None,
        calendar=definition["calendar"],
        steps=tuple(sorted(steps, key=lambda step: step.offset_days)),
        max_count=definition["max_count"],
    )


_kept: dict[tuple[UUID, UUID, int], Policy] = {}


async def load_policies(uow: UnitOfWork, versions: set[tuple[UUID, int]]) -> dict[tuple[UUID, int], Policy]:
    """The named published versions; those seen before are not read again."""
    missing = {key for key in versions if (uow.tenant_id, *key) not in _kept}
    if missing:
        rows = await uow.session.execute(
            select(
                DunningPolicyVersion.policy_id, DunningPolicyVersion.version_number, DunningPolicyVersion.definition
            ).where(
                DunningPolicyVersion.tenant_id == uow.tenant_id,
                DunningPolicyVersion.status == "published",
                tuple_(DunningPolicyVersion.policy_id, DunningPolicyVersion.version_number).in_(missing),
            )
        )
        for policy_id, number, definition in rows:
            _kept[uow.tenant_id, policy_id, number] = parse_policy(policy_id, number, definition)
    return {key: _kept[(uow.tenant_id, *key)] for key in versions}
