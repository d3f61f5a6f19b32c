"""Finding the steps of a policy (rule D2)."""

import pytest

from tests.domain.chasing import policy


def test_steps_are_found_by_their_key() -> None:
    found = policy(-3, 5).step("d+5")
    assert found is not None
    assert found.offset_days == 5
    assert policy(-3, 5).step("d+6") is None


def test_a_step_that_was_planned_by_another_version_is_no_step_of_this_one() -> None:
    assert policy(-3, 5).own_step("d-3").offset_days == -3
    with pytest.raises(LookupError, match="no such step"):
        policy(-3, 5).own_step("d+6")
