from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.logs.times import EPOCH, Clockwork, TimeError, micros, parse_head, parse_text, parse_value, zone_of

ROWS: list[tuple[str, dict[str, Any], str]] = json.loads(
    (Path(__file__).parents[1] / "cases" / "logs" / "times.json").read_text(encoding="utf-8")
)["rows"]


def clockwork(declared: dict[str, Any]) -> Clockwork:
    return Clockwork(
        zone=zone_of(declared["zone"]) if "zone" in declared else None,
        year=declared.get("year"),
        order=declared.get("order"),
        latest=datetime.fromisoformat(declared["latest"]) if "latest" in declared else None,
    )


@pytest.mark.parametrize(("text", "declared", "expected"), ROWS)
def test_table(text: str, declared: dict[str, Any], expected: str) -> None:
    try:
        found = (EPOCH + timedelta(microseconds=parse_text(text, clockwork(declared)))).isoformat()
    except TimeError as error:
        found = str(error)
    assert found == expected if expected[:4].isdigit() else expected in found


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2099, 1, 1)),  # noqa: DTZ001 - the zone is drawn beside it
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from(["T", " "]),
    st.sampled_from([".", ","]),
)
def test_any_offset_gives_the_instant(local: datetime, minutes: int, between: str, comma: str) -> None:
    at = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    text = at.isoformat(sep=between, timespec="microseconds").replace(".", comma)
    assert parse_text(text, Clockwork()) == micros(at)


@given(st.integers(1, 4_000_000_000))
def test_epoch_numbers_by_magnitude(seconds: int) -> None:
    # What is earlier is no time of a log, but seconds since a start, or another unit.
    if seconds > 946_684_800:
        for scale in (1, 1_000, 1_000_000, 1_000_000_000):
            assert parse_value(seconds * scale, Clockwork()) == seconds * 1_000_000


@given(st.text(max_size=40))
def test_any_text_gives_a_time_or_a_reason(text: str) -> None:
    for declared in (Clockwork(), Clockwork(zone=UTC, year=2026)):
        try:
            parse_text(text, declared)
            parse_head(text, 0, declared)
        except TimeError as error:
            reason = str(error)
            assert reason


@pytest.mark.parametrize("value", [True, {"at": 1}, [1], float("nan"), float("inf")])
def test_values_that_are_no_times(value: object) -> None:
    with pytest.raises(TimeError):
        parse_value(value, Clockwork())


@pytest.mark.parametrize("text", ["2026-03-10 02:00:01 GET /", "2026-03-10 02:00:01 INFO x", "2026-03-10 02:00:01 ERR x"])
def test_a_word_after_the_time_is_no_zone(text: str) -> None:
    assert parse_head(text, 0, Clockwork(zone=UTC)) == (1_773_108_001_000_000, 19)


def test_unknown_zone() -> None:
    with pytest.raises(ValueError, match="Mars/Olympus"):
        zone_of("Mars/Olympus")
