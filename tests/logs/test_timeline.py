"""Timelines: order, silences, marks, and a picture that is safe to open."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from bridge.logs.timeline import Entry, lines, merge, since
from bridge.logs.timeline_picture import picture

SECOND = 1_000_000
AT = 1_773_108_000 * SECOND


def event(seconds: float, text: str = "done", service: str = "exports", level: str = "INFO") -> Entry:
    return Entry(at=AT + int(seconds * SECOND), kind="event", text=text, service=service, level=level, place="a.log:0")


def test_services_are_merged_in_time_order_and_silences_marked() -> None:
    change = Entry(at=AT + 50 * SECOND, kind="change", text="release reporting 4.18.0")
    merged = merge([event(100, service="cache"), event(0), change, event(1, level="ERROR")], gap=60)
    assert [entry.kind for entry in merged] == ["event", "event", "gap", "change", "event"]
    assert merged[2].seconds == 99
    day, *text = lines(merged)
    assert day == "2026-03-10 UTC"
    assert "no event for 0:01:39" in text[2]
    assert "change: release reporting 4.18.0" in text[3]
    assert text[0].startswith("02:00:00.000    +0.000 s  INFO")
    assert text[4].startswith("02:01:40.000     +1:40.0  INFO")


def test_lines_fit_a_terminal_and_name_what_has_no_service_by_its_file() -> None:
    long = Entry(at=AT, kind="event", text="x" * 200, account_id="acct_1", place="logs/worker.log.1:123456")
    short = Entry(at=AT + 90_000 * SECOND, kind="event", text="done", account_id="acct_1", place="logs/worker.log:7")
    text = lines(merge([long, short], gap=60), 80)
    assert max(map(len, text)) <= 80
    assert text[0] == "2026-03-10 UTC   account acct_1"
    assert text[1].endswith("…")
    assert text[3] == "2026-03-11 UTC   account acct_1"
    assert text[4] == "03:00:00.000   +25:00:00  -      worker.log  done  [logs/worker.log:7]"
    assert "[logs/worker.log.1:123456]" in lines([long])[1]


@pytest.mark.parametrize(
    ("micros", "text"), [(0, "+0.000 s"), (-1_500_000, "-1.500 s"), (61_000_000, "+1:01.0"), (3_600_000_000, "+1:00:00")]
)
def test_the_time_since_the_first_event(micros: int, text: str) -> None:
    assert since(micros) == text


def test_no_silence_below_the_length_and_none_without_events() -> None:
    assert [entry.kind for entry in merge([event(0), event(59)], gap=60)] == ["event", "event"]
    assert merge([], gap=60) == []
    assert lines([]) == []


def test_untrusted_text_stays_text() -> None:
    nasty = event(0, text='</title><script>alert(1)</script>\x1b[2J"', service="<b>&")
    drawn = picture(merge([nasty, event(200)], gap=60), "Timeline: <i>")
    root = ET.fromstring(drawn)  # noqa: S314 - our own picture
    assert not [one for one in root.iter() if one.tag.endswith("script")]
    assert "\x1b" not in drawn
    assert "\x1b" not in "".join(lines([nasty]))


def test_many_events_draw_a_bounded_picture_that_tells_the_whole_number() -> None:
    drawn = picture([event(number / 10) for number in range(20_000)], "Timeline")
    assert drawn.count("<circle") + drawn.count("<rect") <= 1_000
    assert "20,000 events" in drawn
    assert "prefers-color-scheme:dark" in drawn


def test_the_picture_tells_itself_in_words_and_labels_do_not_lie_on_each_other() -> None:
    marks = [
        Entry(at=AT + number * SECOND // 10, kind=("change", "failing", "ticket")[number % 3], text=f"mark {number}")
        for number in range(90)
    ]
    drawn = picture(merge([event(0), *marks, event(200, level="ERROR")], gap=60), "Timeline")
    root = ET.fromstring(drawn)  # noqa: S314 - our own picture
    assert root.get("role") == "img"
    names = (root.get("aria-labelledby") or "").split()
    words = {one.get("id"): one.text or "" for one in root.iter() if one.get("id")}
    assert [bool(words[name]) for name in names] == [True, True]
    assert "exports: 2 events, 1 of them errors" in words["words"]
    assert "2026-03-10 02:00:00 UTC change: mark 0" in words["words"]
    assert "no event for 0:03:20" in words["words"]
    labels = [(float(one.get("y", 0)), float(one.get("x", 0)), one.text or "") for one in root.iter() if one.tag.endswith("text")]
    shown = sorted(label for label in labels if label[2].startswith("mark"))
    assert len(shown) >= 8
    for (y, x, text), (next_y, next_x, _) in pairwise(shown):
        assert y != next_y or x + 5 * len(text) <= next_x
    assert len([one for one in root.iter() if one.tag.endswith("line") and one.get("stroke-dasharray")]) == 90, "every mark has its line"
