"""What a policy may say and probably does not mean: it can be published, and these are told."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from app.core.errors import FieldError
from app.core.wire import money
from app.domain.contact_profiles import PROFILES
from app.domain.errors import Code
from app.domain.policy import Policy, Step
from app.domain.windows import SendWindow, intersect, intersect_hours
from app.dunning.definitions import parse_window


def warnings_of(policy: Policy, settings: Mapping[str, Any], today: date) -> list[FieldError]:
    """What is odd about a valid policy.

    Args:
        policy: the policy as it would be published.
        settings: the tenant's own, whose hours and contact profiles it meets.
        today: the business date, for the profiles in force.
    """
    found = list(_of_windows(policy, settings, today))
    for index, step in enumerate(policy.steps):
        pointer = f"/steps/{index}"
        found += _of_fee(pointer, policy, step)
        found += _of_amounts(pointer, step)
        if index < len(policy.steps) - 1 and step.on_exhausted != "event":
            message = "Only what the last step says is done once the ladder is exhausted."
            found.append(FieldError(f"{pointer}/on_exhausted", Code.invalid_value, message))
    if policy.max_count is not None and policy.max_count < len(policy.steps):
        message = (
            f"There are {len(policy.steps)} steps: those after the first {policy.max_count} go out only where earlier "
            "ones were passed over."
        )
        found.append(FieldError("/max_count", Code.out_of_range, message))
    return found


def _of_windows(policy: Policy, settings: Mapping[str, Any], today: date) -> Iterator[FieldError]:
    windows: list[SendWindow] = [parse_window(settings["send_window"])]
    windows += [policy.send_window] if policy.send_window else []
    own = intersect(windows)
    keys = dict.fromkeys([settings["contact_profile"], *(entry["profile"] for entry in settings["contact_rules"])])
    for key in keys:
        rules = PROFILES[key].on(today)
        for index, step in enumerate(policy.steps):
            for place, channel in enumerate(step.channels):
                bound = rules.rules_for(channel) if rules is not None else None
                if own is not None and bound is not None and intersect_hours([own, bound.hours]) is None:
                    yield FieldError(
                        f"/steps/{index}/channels/{place}",
                        Code.window_never_opens,
                        f"Whom the contact profile {key} protects is never reached by this channel: the send windows "
                        "share no time with its hours.",
                    )


def _of_fee(pointer: str, policy: Policy, step: Step) -> Iterator[FieldError]:
    fee = step.fee
    if fee is None or fee.currency is None:
        return
    least = max(
        step.min_amount.get(fee.currency, 0),
        step.conditions.min_amount.get(fee.currency, 0),
        policy.min_amount.get(fee.currency, 0),
    )
    charged = max(fee.flat_minor or 0, fee.min_minor or 0)
    if charged > least > 0:
        name = "amount" if fee.flat_minor else "min"
        message = f"This is more than the least debt that it is charged on, {money(least, fee.currency)}."
        yield FieldError(f"{pointer}/fee/{name}", Code.amount_range, message)


def _of_amounts(pointer: str, step: Step) -> Iterator[FieldError]:
    for currency, most in step.conditions.max_amount.items():
        if step.min_amount.get(currency, 0) > most:
            message = "The step never goes out in this currency: its `min_amount` is above its `conditions.max_amount`."
            yield FieldError(f"{pointer}/min_amount/{currency}", Code.amount_range, message)
