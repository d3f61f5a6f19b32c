"""Credit limits at their edge."""

import pytest

from app.domain.credit import credit_state


@pytest.mark.parametrize(
    ("exposure", "limit", "state"),
    [
        (999, 1000, "within_limit"),
        (1000, 1000, "within_limit"),
        (1001, 1000, "over_limit"),
        (0, 0, "within_limit"),
        (1, 0, "over_limit"),
        (-500, 0, "within_limit"),
        (10**15, None, "within_limit"),
    ],
)
def test_owing_exactly_the_limit_is_within_it(exposure: int, limit: int | None, state: str) -> None:
    assert credit_state(exposure, limit) == state
