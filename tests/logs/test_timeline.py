"""Timelines: order, silences, marks, and a picture that is safe to open."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise

from bridge.logs.timeline import Entry, lines, merge, picture

SECOND = 1_000_000
AT = 1_773_108_000 * SECOND


def event(seconds: float, text: str = "done", service: str = "exports", level: str = "INFO") -> Entry:
    return Entry(at=AT + int(seconds * SECOND), kind="event", text=text, service=service, level=level, place="a.log:0")


def test_services_are_merged_in_time_order_and_silences_marked() -> None:
    change = Entry(at=AT + 50 * SECOND, kind="change", text="release reporting 4.18.0")
    merged = merge([event(100, service="cache"), event(0), change, event(1, level="ERROR")], gap=60)
    assert [entry.kind for entry in merged] == ["event", "event", "gap", "change", "event"]
    assert merged[2].seconds == 99
    text = lines(merged)
    assert "no event for 0:01:39" in text[2]
    assert "change: release reporting 4.18.0" in text[3]
    assert text[0].startswith("2026-03-10 02:00:00.000")


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
    assert "\x1b" not in lines([nasty])[0]


def test_many_events_draw_a_bounded_picture_that_tells_the_whole_number() -> None:
    drawn = picture([event(number / 10) for number in range(20_000)], "Timeline")
    assert drawn.count("<circle") <= 4_100
    assert "20,000 events" in drawn


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
    assert drawn.count("<g>") >= 90, "every mark has its line"
