"""Finding the steps of a policy (rule D2)."""

from tests.domain.chasing import policy


def test_steps_are_found_by_their_key() -> None:
    found = policy(-3, 5).step("d+5")
    assert found is not None
    assert found.offset_days == 5
    assert policy(-3, 5).step("d+6") is None
