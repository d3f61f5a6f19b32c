from datetime import date

import pytest

from app.domain.aging import DEFAULT_BUCKETS, AgingError, Bucket, days_overdue, parse_buckets


@pytest.mark.parametrize(
    ("due_on", "business_date", "days"),
    [
        (date(2026, 6, 8), date(2026, 5, 8), 0),
        (date(2026, 6, 8), date(2026, 6, 7), 0),
        (date(2026, 6, 8), date(2026, 6, 8), 0),
        (date(2026, 6, 8), date(2026, 6, 9), 1),
        (date(2028, 2, 28), date(2028, 3, 1), 2),
        (date(2027, 2, 28), date(2027, 3, 1), 1),
    ],
)
def test_overdue_starts_on_the_day_after_the_due_date(due_on: date, business_date: date, days: int) -> None:
    assert days_overdue(due_on, business_date) == days


def test_default_buckets() -> None:
    assert list(DEFAULT_BUCKETS) == [
        Bucket("current", None, 0),
        Bucket("1-30", 1, 30),
        Bucket("31-60", 31, 60),
        Bucket("61-90", 61, 90),
        Bucket("90+", 91, None),
    ]


def test_other_edges() -> None:
    assert parse_buckets("15") == (Bucket("current", None, 0), Bucket("1-15", 1, 15), Bucket("15+", 16, None))
    assert [bucket.label for bucket in parse_buckets("1,7,360")] == ["current", "1-1", "2-7", "8-360", "360+"]
    assert len(parse_buckets(",".join(str(edge) for edge in range(1, 13)))) == 14


@pytest.mark.parametrize("edges", ["1,7,45", "10,20,30,40,50", "9999"])
def test_buckets_leave_no_day_out_and_share_none(edges: str) -> None:
    buckets = parse_buckets(edges)
    for day in range(-2, 10_002):
        holding = [
            bucket
            for bucket in buckets
            if (bucket.from_days is None or bucket.from_days <= day)
            and (bucket.to_days is None or day <= bucket.to_days)
        ]
        assert len(holding) == 1


@pytest.mark.parametrize(
    "edges",
    ["", ",", "30,", ",30", "0,30", "-1", "30,30", "60,30", "30, 60", "30;60", "a", "30.5", "10000", "٣٠", "30\n"],
)
def test_edges_that_make_no_buckets(edges: str) -> None:
    with pytest.raises(AgingError):
        parse_buckets(edges)


def test_twelve_edges_are_enough() -> None:
    with pytest.raises(AgingError):
        parse_buckets(",".join(str(edge) for edge in range(1, 14)))
