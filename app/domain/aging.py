"""How late an invoice is, and the aging bucket that it falls in (rule T2)."""

import re
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final

MAX_EDGES: Final = 12
"""More columns than that is no report that anybody reads."""

_EDGES: Final = re.compile(r"[1-9][0-9]{0,3}(,[1-9][0-9]{0,3})*")


class AgingError(ValueError):
    """A list of bucket edges that makes no buckets."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A range of days overdue, inclusive at both ends (rule T0).

    Attributes:
        label: Its name in reports.
        from_days: First day overdue that it holds; None for what is not overdue.
        to_days: Last day overdue that it holds; None for the open end.
    """

    label: str
    from_days: int | None
    to_days: int | None


def days_overdue(due_on: date, business_date: date) -> int:
    """Return whole days since the due date: 0 on it and before, 1 on the day after (rule T2)."""
    return max(0, (business_date - due_on).days)


def parse_buckets(edges: str) -> tuple[Bucket, ...]:
    """Build buckets from the last days of all but the first and the open one, such as `30,60,90`.

    Raises:
        AgingError: The text is no ascending list of 1 to 12 whole numbers of days from 1 to 9999.
    """
    if _EDGES.fullmatch(edges) is None:
        raise AgingError("Bucket edges are whole days such as '30,60,90'.")
    ends = [int(edge) for edge in edges.split(",")]
    if len(ends) > MAX_EDGES:
        raise AgingError(f"There are at most {MAX_EDGES} bucket edges.")
    if any(later <= earlier for earlier, later in pairwise(ends)):
        raise AgingError("Bucket edges ascend.")
    starts = [1, *(end + 1 for end in ends)]
    closed = (Bucket(f"{start}-{end}", start, end) for start, end in zip(starts, ends, strict=False))
    return (Bucket("current", None, 0), *closed, Bucket(f"{ends[-1]}+", starts[-1], None))


DEFAULT_BUCKETS: Final = parse_buckets("30,60,90")
"""current, 1-30, 31-60, 61-90, 90+; the last one starts on day 91."""
