"""Bars and pixels: shares as they are, and text that is there on a machine without fonts."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model.change import Change
from bridge.model.finding import Contrast, DayCount
from bridge.reporting import bars, charts, example, pixels
from bridge.reporting.charts import Chart

FACTS = example.load("empty-exports")
PNG = b"\x89PNG\r\n\x1a\n"


def decoded(data: bytes) -> tuple[int, int, list[bytes]]:
    """Return width, height and the rows of an RGBA picture: enough of PNG for what resvg writes."""
    assert data.startswith(PNG)
    position, header, packed = len(PNG), b"", b""
    while position < len(data):
        size, kind = struct.unpack(">I4s", data[position : position + 8])
        body = data[position + 8 : position + 8 + size]
        header, packed = (body if kind == b"IHDR" else header), packed + (body if kind == b"IDAT" else b"")
        position += 12 + size
    width, height, depth, colour = struct.unpack(">IIBB", header[:10])
    assert (depth, colour) == (8, 6)
    raw, stride = zlib.decompress(packed), width * 4
    rows: list[bytes] = []
    above = bytes(stride)
    for number in range(height):
        start = number * (stride + 1)
        above = _unfiltered(raw[start], raw[start + 1 : start + 1 + stride], above)
        rows.append(above)
    return width, height, rows


def _unfiltered(kind: int, line: bytes, above: bytes) -> bytes:
    if kind == 2 and not any(line):
        return above
    done = bytearray(line)
    for index in range(len(done)):
        left, up, corner = (done[index - 4] if index > 3 else 0), above[index], (above[index - 4] if index > 3 else 0)
        near = min((left, up, corner), key=lambda value: abs(left + up - corner - value))
        done[index] = (done[index] + (0, left, up, (left + up) // 2, near)[kind]) & 255
    return bytes(done)


@cache
def ink_of(text: str) -> int:
    """Count the dark pixels on the left of a picture of some words."""
    width, height, rows = decoded(pixels.png(words(text)))
    assert (width, height) == (charts.WIDTH * pixels.ZOOM, 32 * pixels.ZOOM)
    return dark(rows, 16, 400)


def dark(rows: list[bytes], left: int, right: int) -> int:
    """Count pixels that are not white between two columns."""
    return sum(row[index] < 128 for row in rows for index in range(left * 4, right * 4, 4))


def words(text: str) -> Chart:
    return Chart(name="a.svg", caption="c", alt="a", body=charts.label(8, 20, text, "", "start"), height=32)


@pytest.mark.parametrize("text", ["Failures", "Größe äöüß", "Ошибки", "Αριθμός", "žluťoučký", "1,234 €", "- → ≥ …"])
def test_text_is_there_without_any_font_of_the_system(text: str) -> None:
    ink = ink_of(text)
    assert ink > 20 * len(text) / 2
    assert ink != ink_of("\ue000" * len(text)), "boxes for missing letters"
    assert ink_of("") == 0


def test_the_same_picture_gives_the_same_bytes() -> None:
    assert pixels.png(words("a")) == pixels.png(words("a"))
    assert pixels.name(words("a")) == "a.png"


def contrasts() -> list[Contrast]:
    return list(FACTS.analysis.contrasts)


def test_shares_are_as_wide_as_they_are() -> None:
    found = contrasts()
    chart = bars.contrast(found, [f"condition {number}" for number in range(len(found))])
    assert chart is not None
    room = charts.WIDTH - 380
    for item in found:
        assert f'width="{charts.coordinate(max(room * item.affected / item.affected_total, 2))}"' in chart.body
        assert f"{item.affected} of {item.affected_total}" in chart.alt
    none = replace(found[0], affected=0, affected_total=0, control=0, control_total=0)
    empty = bars.contrast([none], ["<b>&"])
    assert empty is not None
    assert "<b>" not in empty.body
    assert "c-told" not in empty.body
    assert bars.contrast([], []) is None


def test_tiers_tell_silent_ones_apart() -> None:
    groups = [bars.Tier(value=f"tier {n}", accounts=n, silent=n // 2, revenue=Decimal(n) * 1000) for n in range(12)]
    chart = bars.tiers(groups, "EUR")
    assert chart is not None
    assert "tier 0:" not in chart.alt, "nobody is affected there"
    assert chart.alt.count("accounts") == 7
    assert "tier 1: 1 account, 0 of them silent, 1,000 EUR" in chart.alt
    assert "tier 9" not in chart.alt, "the table has the rest"
    assert "EUR" not in (bars.tiers(groups, "") or chart).alt
    assert bars.tiers(groups[:1], "EUR") is None


def test_every_picture_is_drawn_light_and_dark() -> None:
    light, otherwise = charts.STYLE.split("@media (prefers-color-scheme:dark)")
    for name in ("c-told", "c-silent", "c-other"):
        assert f".{name}{{" in light
        assert otherwise.count(f".{name}{{") == 2, "dark, and print"


def test_new_templates_now_and_before() -> None:
    found = example.load("new-errors").analysis.novelties
    chart = bars.novel(found)
    assert chart is not None
    for item in found:
        assert f"{item.service}, now {item.traces} of {item.traces_total} traces" in chart.alt
        assert f"before {item.traces_before} of {item.traces_before_total}" in chart.alt
    long = bars.novel([replace(found[0], template="<b>&" + "x" * 5_000)])
    assert long is not None
    assert "<b>" not in long.body
    assert len(long.alt) < 300, "a template can be pages long"
    assert bars.novel([]) is None


@given(st.lists(st.tuples(st.integers(0, 14 * 24 * 60), st.text("abc", max_size=60)), max_size=30))
def test_names_of_changes_never_stand_over_each_other(found: list[tuple[int, str]]) -> None:
    start = datetime(2026, 3, 3, tzinfo=UTC)
    days = [DayCount(day=f"2026-03-{day:02d}", failures=day, events=100) for day in range(3, 17)]
    changes = [
        Change(at=start + timedelta(minutes=at), kind="release", name=f"{n}{name}", version=None) for n, (at, name) in enumerate(found)
    ]
    chart = charts.timeline(days, changes, "exports", None)
    assert chart is not None
    root = ET.fromstring(f"<svg>{chart.body}</svg>")  # noqa: S314  # our own picture
    taken: dict[str, list[tuple[float, float]]] = {}
    for text in root.iter("text"):
        if "c-label" in (text.get("class") or ""):
            x, width = float(text.get("x") or 0), 7 * len(text.text or "")
            span = (x - width, x) if text.get("text-anchor") == "end" else (x, x + width)
            assert all(span[1] < begin or end < span[0] for begin, end in taken.get(text.get("y") or "", []))
            taken.setdefault(text.get("y") or "", []).append(span)
    for change in changes:
        assert change.name in chart.alt, "the words name each, also where its name finds no room"
