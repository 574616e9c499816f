from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.durations import duration, moment, show
from bridge.errors import InputError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30m", 1800),
        ("2h", 7200),
        ("14d", 1_209_600),
        ("1h30m", 5400),
        ("1 week", 604_800),
        ("90 seconds", 90),
        ("0s", 0),
        (" 5 min ", 300),
    ],
)
def test_lengths(text: str, seconds: int) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", " ", "30", "m", "30 parsecs", "-5m", "1.5h", "5m!", "1 month", "99999d", "٣m"])
def test_what_is_no_length(text: str) -> None:
    with pytest.raises(InputError) as caught:
        duration(text)
    assert "30m" in caught.value.hint


@given(st.integers(0, 3660 * 86_400))
def test_shown_lengths_are_read_back(seconds: int) -> None:
    assert duration(show(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@given(st.datetimes(min_value=datetime(1970, 1, 2), timezones=st.timezones()))  # noqa: DTZ001 - hypothesis wants its bounds naive
def test_moments_are_read_in_any_zone(at: datetime) -> None:
    # In UTC: Python calls a time in a repeated hour unequal to the same moment of another zone.
    assert moment(at.isoformat()) == at.astimezone(UTC)
    assert moment(at.isoformat()).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-03-17T06:00:00", "has no zone"),
        ("yesterday", "is not a time"),
        ("2026-02-30", "is not a time"),
        ("0001-01-01T00:00:00+05:00", "outside"),
    ],
)
def test_what_is_no_moment(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        moment(text)


def test_a_date_is_its_utc_midnight() -> None:
    assert moment("2026-03-17") == datetime(2026, 3, 17, tzinfo=UTC)
