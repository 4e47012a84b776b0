"""Numbers as people read them."""

from abn.plots import numbers


def test_times_are_told_in_seconds_then_in_minutes():
    assert [numbers.duration(seconds) for seconds in (0.2, 45.4, 89, 90, 189)] == [
        "1 s",
        "45 s",
        "89 s",
        "2 min",
        "3 min",
    ]
