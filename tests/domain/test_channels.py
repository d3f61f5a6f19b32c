"""Which channel a step takes, and how it goes on by the next one (rules D2, D6)."""

from datetime import timedelta
from typing import Any

import pytest

from app.domain.channels import CHANNELS, THROUGH_ACCOUNTS, WITHOUT_ADDRESS, address_kind
from app.domain.errors import Code
from app.domain.retry import channel_pause
from app.domain.verdicts import Address, Again
from tests.domain.chasing import D, at, case, codes, judged, key_of, ladder, policy, step

NOON = at("2026-03-16T12:00")  # a Monday
DUE = "2026-03-02"


def address(kind: str, **fields: Any) -> Address:
    values: dict[str, Any] = {"consent": "unknown", "preferred": False, "name": None, **fields}
    return Address(kind, f"an address for {kind}", **values)


ALL = tuple(address(kind) for kind in ("email", "sms", "whatsapp", "phone", "post"))


@pytest.mark.parametrize(
    ("channels", "addresses", "unavailable", "taken", "kind"),
    [
        (("letter",), ALL, (), "letter", "post"),
        (("call", "email"), ALL, (), "call", "phone"),
        (("call", "email"), (address("email"),), (), "email", "email"),
        (("sms", "whatsapp"), ALL, ("sms",), "whatsapp", "whatsapp"),
        (("erp",), (), (), "erp", None),
        (("sms", "erp"), (address("sms", consent="denied"),), (), "erp", None),
    ],
)
def test_the_first_channel_with_an_address_is_taken(
    channels: tuple[str, ...],
    addresses: tuple[Address, ...],
    unavailable: tuple[str, ...],
    taken: str,
    kind: str | None,
) -> None:
    of = policy(step(5, channels=channels))
    verdict = judged(NOON, case(1, of, DUE), addresses=addresses, unavailable=frozenset(unavailable))
    assert verdict.sendable
    assert verdict.address is not None
    assert (verdict.address.channel, verdict.address.address) == (taken, f"an address for {kind}" if kind else "")


def test_without_any_channel_the_step_waits_for_a_fact() -> None:
    of = policy(step(5, channels=("sms",)))
    verdict = judged(NOON, case(1, of, DUE), addresses=ALL, unavailable=frozenset({"sms"}))
    assert codes(verdict) == ["no_address"]


def again(*tried: str) -> Again:
    return Again("d+5", frozenset(tried), D("2026-03-07"))


LADDER = policy(step(5, channels=("email", "sms", "letter")), step(20))


def test_a_step_that_failed_goes_on_by_the_channels_that_are_left() -> None:
    reached = ladder(DUE, reached=5, sent_on="2026-03-16")
    tried = judged(NOON, case(1, LADDER, reached, again=again("email")), addresses=ALL)
    assert (key_of(tried.next_step), tried.address and tried.address.channel, codes(tried)) == ("d+5", "sms", [])
    last = judged(NOON, case(1, LADDER, reached, again=again("email", "sms")), addresses=ALL)
    assert last.address is not None
    assert last.address.channel == "letter"
    none_left = judged(NOON, case(1, LADDER, reached, again=again("email", "sms", "letter")), addresses=ALL)
    assert codes(none_left) == ["no_address"]


def test_the_last_step_goes_on_although_the_ladder_has_ended() -> None:
    of = policy(step(5, channels=("email", "sms")))
    where = ladder(DUE, reached=5, sent_on="2026-03-16")
    assert judged(NOON, case(1, of, where, case_state="exhausted", again=again("email")), addresses=ALL).sendable
    closed = judged(NOON, case(1, of, where, case_state="closed", again=again("email")), addresses=ALL)
    assert not closed.sendable


def test_a_later_step_that_has_come_due_takes_its_place() -> None:
    where = ladder(DUE, reached=5, sent_on="2026-03-16")
    verdict = judged(at("2026-03-23T12:00"), case(1, LADDER, where, again=again("email")), addresses=ALL)
    assert key_of(verdict.next_step) == "d+20"


@pytest.mark.parametrize(("due_on", "goes"), [("2026-03-11", True), ("2026-03-12", False), ("2026-04-01", False)])
def test_a_due_date_that_was_moved_on_ends_it(due_on: str, goes: bool) -> None:
    verdict = judged(NOON, case(1, LADDER, ladder(due_on, reached=5), again=again("email")), addresses=ALL)
    assert (key_of(verdict.next_step) == "d+5") is goes


@pytest.mark.parametrize(("due_on", "goes"), [("2026-03-15", False), ("2026-03-16", True), ("2026-03-20", True)])
def test_a_step_before_the_due_date_is_not_tried_after_it(due_on: str, goes: bool) -> None:
    of = policy(step(-5, channels=("email", "sms")), step(20))
    tried = Again("d-5", frozenset({"email"}), D("2026-03-10"))
    verdict = judged(NOON, case(1, of, ladder(due_on, reached=-5), again=tried), addresses=ALL)
    assert (key_of(verdict.next_step) == "d-5") is goes


def test_a_call_that_waits_does_not_hold_up_a_later_step() -> None:
    verdict = judged(NOON, case(1, LADDER, DUE, pending=Code.awaiting_call), addresses=ALL)
    assert codes(verdict) == ["awaiting_call"]
    assert verdict.wake_at == verdict.later_at == at("2026-03-23T09:00")


def test_every_channel_has_a_kind_of_address_or_needs_none() -> None:
    kinds = {"email", "sms", "whatsapp", "phone", "post"}
    assert all((address_kind(name) in kinds) is (name not in WITHOUT_ADDRESS) for name in CHANNELS)
    assert set(CHANNELS) > THROUGH_ACCOUNTS


def test_a_pause_doubles_up_to_an_hour() -> None:
    assert [channel_pause(number) for number in (1, 2, 3, 8, 50)] == [
        timedelta(seconds=30),
        timedelta(minutes=1),
        timedelta(minutes=2),
        timedelta(hours=1),
        timedelta(hours=1),
    ]
    with pytest.raises(ValueError, match="from 1"):
        channel_pause(0)
