"""A timeline as SVG: a lane for each service, its events, and what happened meanwhile; for light and for dark pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final
from xml.sax.saxutils import escape

from bridge.logs.timeline import Entry, lane
from bridge.logs.times import EPOCH
from bridge.text.terminal import visible

_WIDTH: Final = 960
_LEFT: Final = 160
_RIGHT: Final = 116
_TOP: Final = 68
_LANE: Final = 30
_ROW: Final = 14
_ROWS: Final = 8
_LETTER: Final = 5.8
_LABEL: Final = 44
_NAME: Final = 22
_MOST_MARKS: Final = 400
_DOTS: Final = 250
"""Events of a lane from which on bars show how many there are, not a dot each."""
_BIN: Final = 4
_LABELS: Final = 60
_TICKS: Final = 7
_BAD: Final = frozenset({"ERROR", "FATAL"})
_CLASSES: Final = {"FATAL": "bad", "ERROR": "bad", "WARN": "warn"}
_MARKS: Final = ("change", "ticket", "failing")
_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800)
_DAY: Final = 86_400
_MINUTE: Final = 60
_STYLE: Final = (
    ".page{fill:#fff}.ink{fill:#1d2733}.soft{fill:#5b6b7a}.line{stroke:#d5dbe1}.grid{stroke:#eceff2}.gap{fill:#f1f3f6}"
    ".info{fill:#5b7fa6}.warn{fill:#b7791f}.bad{fill:#c0262d}.change{fill:#6b3fa0}.ticket{fill:#0f6c5c}"
    ".failing{fill:#c0262d}.change line{stroke:#6b3fa0}.ticket line{stroke:#0f6c5c}.failing line{stroke:#c0262d}"
    "@media (prefers-color-scheme:dark){.page{fill:#0d1117}.ink{fill:#e6edf3}.soft{fill:#9aa7b4}.line{stroke:#30363d}.grid{stroke:#21262d}"
    ".gap{fill:#1b222b}.info{fill:#6ea8e0}.warn{fill:#e3b341}.bad{fill:#ff7b72}.change{fill:#c297ff}"
    ".ticket{fill:#56d4bc}.failing{fill:#ff7b72}.change line{stroke:#c297ff}.ticket line{stroke:#56d4bc}.failing line{stroke:#ff7b72}}"
)


def picture(entries: Sequence[Entry], title: str) -> str:
    """Return the timeline as SVG: a lane for each service, dots for events (bars for many), lines for changes and tickets, bands for gaps.

    Its text alternative tells the same in words. Labels that would lie on others are left out; a mark's words are its tooltip.
    """
    events = [entry for entry in entries if entry.kind == "event"]
    marks = [entry for entry in entries if entry.kind in _MARKS]
    names = sorted({lane(entry) for entry in events}) or [""]
    start = min((entry.at for entry in entries), default=0)
    end = max(max((entry.at for entry in entries), default=0), start + 1)
    scale = (_WIDTH - _LEFT - _RIGHT) / (end - start)

    def x(at: int) -> float:
        return round(_LEFT + (at - start) * scale, 1)

    rows = _label_rows(marks, [x(entry.at) for entry in marks])
    top = _TOP + _ROW * (max(rows.values(), default=-1) + 1)
    bottom = top + _LANE * len(names)
    shapes = [
        _text(16, 24, title, size=16, weight="600"),
        _text(16, 43, f"{_when(start)} to {_when(end)} UTC · {_words(events, marks)}", kind="soft"),
        *_gaps(entries, x, (top, bottom)),
        *_axis(start, end, x, (top, bottom)),
    ]
    for number, name in enumerate(names):
        own = [entry for entry in events if lane(entry) == name]
        shapes += _drawn(own, name, x, top + _LANE * number + _LANE / 2)
    shapes += [_mark(entry, x(entry.at), (top, bottom), rows.get(number)) for number, entry in enumerate(marks[:_MOST_MARKS])]
    shapes += _legend(entries, bottom + 58)
    height = bottom + 70
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-labelledby="title words" font-family="system-ui, sans-serif"><title id="title">{_safe(title)}</title>'
        f'<desc id="words">{_safe(_told(entries, events, marks))}</desc><style>{_STYLE}</style><rect class="page" width="100%" height="100%"/>'
        + "\n".join(shapes)
        + "</svg>\n"
    )


def _gaps(entries: Sequence[Entry], x: Callable[[int], float], ends: tuple[float, float]) -> list[str]:
    """Return a band for each silence, with its length where there is room."""
    top, bottom = ends
    between = top + _LANE * (int((bottom - top) / _LANE) // 2) + (4 if bottom - top > _LANE else 9)  # no lane's line goes through the words
    shapes = []
    for entry in entries:
        if entry.kind == "gap":
            left, right = x(entry.at), x(entry.at + int(entry.seconds * 1_000_000))
            band = f'<rect class="gap" x="{left}" y="{top}" width="{max(1.0, right - left):.1f}" height="{bottom - top}"/>'
            length = _length(entry.seconds)
            short = next((text for text in (f"{length} silent", length) if right - left > _LETTER * len(text)), "")
            words = _text((left + right) / 2, between, short, size=10, anchor="middle", kind="soft") if short else ""
            shapes.append(f"<g>{band}{words}<title>{_safe(entry.text)}</title></g>")
    return shapes


def _length(seconds: float) -> str:
    minutes = round(seconds / _MINUTE)
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 2 * _MINUTE else f"{seconds / 3_600:.1f} h"


def _axis(start: int, end: int, x: Callable[[int], float], ends: tuple[float, float]) -> list[str]:
    """Return a line and a time at round moments; the date below the first and wherever it changes."""
    top, bottom = ends
    seconds = (end - start) / 1e6
    step = next((step for step in _STEPS if seconds / step <= _TICKS), _STEPS[-1] * (1 + int(seconds / _STEPS[-1] / _TICKS)))
    form = "%m-%d" if step >= _DAY else "%H:%M" if step >= _MINUTE else "%H:%M:%S"
    shapes, shown = [], ""
    first = -(-start // (step * 1_000_000))
    for number in range(first, end // (step * 1_000_000) + 1):
        at = number * step * 1_000_000
        moment = EPOCH + timedelta(microseconds=at)
        shapes.append(f'<line class="grid" x1="{x(at)}" y1="{top}" x2="{x(at)}" y2="{bottom + 4}"/>')
        shapes.append(_text(x(at), bottom + 18, f"{moment:{form}}", size=11, anchor="middle", kind="soft"))
        day = f"{moment:%Y-%m-%d}"
        if day != shown:
            shapes.append(_text(x(at), bottom + 32, f"{day} UTC" if not shown else day, size=10, anchor="middle", kind="soft"))
            shown = day
    return shapes


def _drawn(events: Sequence[Entry], name: str, x: Callable[[int], float], y: float) -> list[str]:
    """Return one lane: its name, its events, and how many they are."""
    bad = sum(entry.level in _BAD for entry in events)
    short = name if len(name) <= _NAME else name[: _NAME - 1] + "…"
    shapes = [
        f'<line class="line" x1="{_LEFT}" y1="{y}" x2="{_WIDTH - _RIGHT}" y2="{y}"/>',
        f"<g>{_text(_LEFT - 12, y + 4, short or '(no service)', anchor='end')}<title>{_safe(name)}</title></g>",
        _text(_WIDTH - _RIGHT + 12, y + 4, f"{len(events):,}", size=11, kind="soft"),
    ]
    if bad:
        shapes.append(_text(_WIDTH - 12, y + 4, f"{bad:,} bad", size=11, anchor="end", kind="bad"))
    if len(events) <= _DOTS:
        loud_last = sorted(events, key=lambda entry: entry.level in _CLASSES)
        return shapes + [_dot(entry, x(entry.at), y) for entry in loud_last]
    return shapes + _bars(events, x, y)


def _bars(events: Sequence[Entry], x: Callable[[int], float], y: float) -> list[str]:
    """Return bars of as many events as fall on a few pixels: loud ones above the line, the others below; lengths by the square root."""
    loud = Counter(int(x(entry.at) // _BIN) for entry in events if entry.level in _CLASSES)
    bad = {int(x(entry.at) // _BIN) for entry in events if entry.level in _BAD}
    quiet = Counter(int(x(entry.at) // _BIN) for entry in events if entry.level not in _CLASSES)
    most = max([*loud.values(), *quiet.values()])
    room = _LANE / 2 - 2
    shapes = []
    for counts, sign in ((loud, -1), (quiet, 1)):
        for place, count in sorted(counts.items()):
            length = max(2.0, room * (count / most) ** 0.5)
            kind = "info" if sign > 0 else "bad" if place in bad else "warn"
            words = f"{count:,} {'events below WARN' if sign > 0 else 'events of WARN or above'}"
            shapes.append(
                f'<rect class="{kind}" x="{place * _BIN}" y="{y - length if sign < 0 else y:.1f}" width="{_BIN - 1}" height="{length:.1f}">'
                f"<title>{words}</title></rect>"
            )
    return shapes


def _label_rows(marks: Sequence[Entry], places: Sequence[float]) -> dict[int, int]:
    """Return the row of each mark's label, of those that find room: tickets and releases before failures and jobs."""
    rank = {"ticket": 0, "change": 1, "failing": 2}
    order = sorted(
        range(len(marks)), key=lambda number: (rank[marks[number].kind] + 2 * marks[number].text.startswith("job "), places[number])
    )
    taken: list[list[tuple[float, float]]] = [[] for _ in range(_ROWS)]
    found: dict[int, int] = {}
    for number in order:
        left, right = _label_span(places[number], marks[number].text)
        row = next((at for at, spans in enumerate(taken) if all(right < one or left > two for one, two in spans)), None)
        if row is not None:
            taken[row].append((left, right))
            found[number] = row
    return found


def _label_span(x: float, text: str) -> tuple[float, float]:
    """Return where a label lies: behind its line, or before it where the picture ends."""
    width = 8 + _LETTER * len(text[:_LABEL])
    return (x, x + width) if x + width < _WIDTH else (x - width, x)


def _mark(entry: Entry, x: float, ends: tuple[float, float], row: int | None) -> str:
    top = ends[0] - 4 if row is None else _TOP - 8 + _ROW * row
    line = f'<line x1="{x}" y1="{top}" x2="{x}" y2="{ends[1]}" stroke-width="1.4" stroke-dasharray="4 3"/><circle cx="{x}" cy="{top}" r="2.5"/>'
    behind = _label_span(x, entry.text)[0] == x
    place, anchor = (x + 5, "start") if behind else (x - 5, "end")
    label = "" if row is None else _text(place, top + 4, entry.text[:_LABEL], size=10.5, anchor=anchor, kind=entry.kind)
    return f'<g class="{entry.kind}">{line}{label}<title>{_safe(f"{_when(entry.at)} UTC {entry.kind}: {entry.text}")}</title></g>'


def _dot(entry: Entry, x: float, y: float) -> str:
    kind = _CLASSES.get(entry.level, "info")
    radius = 4.5 if kind != "info" else 3.2
    text = _safe(f"{_when(entry.at)} {entry.level} {entry.text.partition(chr(10))[0][:160]} [{entry.place}]")
    return f'<circle class="{kind}" cx="{x}" cy="{y}" r="{radius}" fill-opacity="0.8"><title>{text}</title></circle>'


def _legend(entries: Sequence[Entry], y: float) -> list[str]:
    """Return what the colours mean, of those that are there."""
    kinds = {entry.kind for entry in entries}
    levels = {_CLASSES.get(entry.level, "info") for entry in entries if entry.kind == "event"}
    words = (("info", "events"), ("warn", "WARN"), ("bad", "ERROR, FATAL"))
    shown = [(kind, word) for kind, word in words if kind in levels]
    shown += [(kind, kind) for kind in _MARKS if kind in kinds] + ([("gap", "no events")] if "gap" in kinds else [])
    shapes, place = [], float(_LEFT)
    for kind, word in shown:
        box = f'<rect class="{kind}" x="{place}" y="{y - 9}" width="10" height="10" rx="2"/>'
        shapes += [box, _text(place + 16, y, word, size=11, kind="soft")]
        place += 34 + 6.2 * len(word)
    return shapes


def _words(events: Sequence[Entry], marks: Sequence[Entry]) -> str:
    bad = sum(entry.level in _BAD for entry in events)
    return f"{len(events):,} events, {bad:,} of them errors, {len(marks)} marks"


def _told(entries: Sequence[Entry], events: Sequence[Entry], marks: Sequence[Entry]) -> str:
    """Return the picture in words: how many events of which service, and what is marked when."""
    counts = Counter(lane(entry) for entry in events)
    bad = Counter(lane(entry) for entry in events if entry.level in _BAD)
    lanes = "; ".join(f"{name or '(no service)'}: {counts[name]:,} events, {bad[name]:,} of them errors" for name in sorted(counts))
    gaps = [entry for entry in entries if entry.kind == "gap"]
    silences = [f"{_when(gap.at)} UTC {gap.text}" for gap in gaps[:_LABELS]]
    told = [f"{_when(mark.at)} UTC {mark.kind}: {mark.text[:80]}" for mark in marks[:_LABELS]]
    more = len(marks) + len(gaps) - len(told) - len(silences)
    return ". ".join([_words(events, marks), lanes or "no events", *told, *silences, *([f"{more} more"] if more else [])]) + "."


def _when(at: int) -> str:
    return f"{EPOCH + timedelta(microseconds=at):%Y-%m-%d %H:%M:%S}"


def _text(x: float, y: float, text: str, *, size: float = 12, anchor: str = "start", kind: str = "ink", weight: str = "400") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}">{_safe(text)}</text>'


def _safe(text: str) -> str:
    return escape(visible(text), {'"': "&quot;"})
