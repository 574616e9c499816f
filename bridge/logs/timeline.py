"""Events of several services in one order, with what happened meanwhile and the silences between them: as lines and as a picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from xml.sax.saxutils import escape

from bridge.logs.times import EPOCH
from bridge.text.terminal import visible

_WIDTH: Final = 960
_LEFT: Final = 150
_LANE: Final = 26
_TOP: Final = 46
_RIGHT: Final = 24
_ROW: Final = 12
_ROWS: Final = 8
_LETTER: Final = 5.4
_LABEL: Final = 40
_MOST_MARKS: Final = 400
_GAP: Final = "#eceff3"
_COLOURS: Final = {"FATAL": "#7f1d1d", "ERROR": "#c0262d", "WARN": "#b7791f"}
_BAD: Final = frozenset({"ERROR", "FATAL"})
_OTHER: Final = "#5b7083"
_MARKS: Final = {"change": "#6b3fa0", "ticket": "#0f6c5c", "failing": "#c0262d"}
_MOST_DOTS: Final = 4_000
_LABELS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a timeline."""

    at: int
    """Microseconds since 1970, UTC."""
    kind: str
    """event, change, ticket, failing or gap."""
    text: str
    level: str = ""
    service: str = ""
    account_id: str | None = None
    trace_id: str | None = None
    place: str = ""
    """file:offset of an event."""
    seconds: float = 0.0
    """Length of a gap."""


def merge(entries: Iterable[Entry], gap: float) -> list[Entry]:
    """Return the entries in time order, with a gap entry where no event is for `gap` seconds or longer."""
    merged: list[Entry] = []
    last: int | None = None
    for entry in sorted(entries, key=lambda one: (one.at, one.kind != "change", one.place)):
        if entry.kind == "event":
            if last is not None and entry.at - last >= gap * 1_000_000:
                seconds = (entry.at - last) / 1e6
                silence = Entry(at=last, kind="gap", text=f"no event for {timedelta(seconds=round(seconds))}", seconds=seconds)
                # It begins after its last event, and marks inside it come behind its line.
                place = next(number for number in range(len(merged), 0, -1) if merged[number - 1].kind == "event")
                merged.insert(place, silence)
            last = entry.at
        merged.append(entry)
    return merged


def lines(entries: Sequence[Entry]) -> list[str]:
    """Return the timeline as lines of text, each with the time since the first event."""
    width = max((len(visible(entry.service)) for entry in entries), default=0)
    first = next((entry.at for entry in entries if entry.kind == "event"), entries[0].at if entries else 0)
    return [_line(entry, first, width) for entry in entries]


def _line(entry: Entry, first: int, width: int) -> str:
    if entry.kind == "gap":
        return f"{'':26}  ~~~~ {entry.text}"
    when = f"{EPOCH + timedelta(microseconds=entry.at):%Y-%m-%d %H:%M:%S.%f}"[:-3] + f"  {(entry.at - first) / 1e6:+12.3f} s"
    if entry.kind != "event":
        return f"{when}  ==== {entry.kind}: {visible(entry.text)}"
    text = visible(entry.text.partition("\n")[0])
    return f"{when}  {entry.level or '-':5}  {visible(entry.service):{width}}  {visible(entry.account_id or '-')}  {text}  [{visible(entry.place)}]"


def picture(entries: Sequence[Entry], title: str) -> str:
    """Return the timeline as SVG: a lane for each service, dots for events, lines for changes and tickets, bands for gaps.

    Its text alternative tells the same in words. Labels that would lie on others are left out; a mark's words are its tooltip.
    """
    events = [entry for entry in entries if entry.kind == "event"]
    marks = [entry for entry in entries if entry.kind in _MARKS]
    services = sorted({entry.service for entry in events}) or [""]
    start = min((entry.at for entry in entries), default=0)
    end = max(max((entry.at for entry in entries), default=0), start + 1)
    scale = (_WIDTH - _LEFT - _RIGHT) / (end - start)

    def x(at: int) -> float:
        return round(_LEFT + (at - start) * scale, 1)

    rows = _label_rows(marks, [x(entry.at) for entry in marks])
    top = _TOP + _ROW * (max(rows.values(), default=-1) + 1)
    bottom = top + _LANE * len(services)
    lanes = {service: top + _LANE * number + _LANE / 2 for number, service in enumerate(services)}
    shapes = [_text(16, 22, title, size=14, weight="600")]
    for entry in entries:
        if entry.kind == "gap":
            band = f'<rect x="{x(entry.at)}" y="{top}" width="{max(1.0, entry.seconds * 1e6 * scale):.1f}" height="{bottom - top}" fill="{_GAP}"/>'
            shapes.append(f"<g>{band}<title>{_safe(entry.text)}</title></g>")
    for service, y in lanes.items():
        shapes.append(f'<line x1="{_LEFT}" y1="{y}" x2="{_WIDTH - _RIGHT}" y2="{y}" stroke="#d5dbe1"/>')
        shapes.append(_text(_LEFT - 10, y + 4, service[:20] or "(no service)", anchor="end"))
    shapes += [_dot(entry, x(entry.at), lanes[entry.service]) for entry in _thinned(events)]
    shapes += [_mark(entry, x(entry.at), (top, bottom), rows.get(number)) for number, entry in enumerate(marks[:_MOST_MARKS])]
    for share in (0.0, 0.5, 1.0):
        at = int(start + (end - start) * share)
        anchor = "start" if share == 0 else "end" if share == 1 else "middle"
        shapes.append(_text(x(at), bottom + 20, f"{_when(at)} UTC", anchor=anchor, size=11))
    shapes.append(_text(16, bottom + 40, _words(events, marks), size=11, fill=_OTHER))
    place = float(_LEFT + 210)
    for word, colour in (*_MARKS.items(), ("no events", _GAP)):
        shapes.append(f'<rect x="{place}" y="{bottom + 31}" width="10" height="10" fill="{colour}"/>')
        shapes.append(_text(place + 15, bottom + 40, word, size=11, fill=_OTHER))
        place += 90
    height = bottom + 54
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-labelledby="title words" font-family="system-ui, sans-serif"><title id="title">{_safe(title)}</title>'
        f'<desc id="words">{_safe(_told(entries, events, marks))}</desc><rect width="100%" height="100%" fill="#ffffff"/>'
        + "\n".join(shapes)
        + "</svg>\n"
    )


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
    width = 6 + _LETTER * len(text[:_LABEL])
    return (x, x + width) if x + width < _WIDTH else (x - width, x)


def _mark(entry: Entry, x: float, ends: tuple[float, float], row: int | None) -> str:
    colour = _MARKS[entry.kind]
    top = ends[0] - 4 if row is None else _TOP - 12 + _ROW * row
    line = f'<line x1="{x}" y1="{top}" x2="{x}" y2="{ends[1]}" stroke="{colour}" stroke-dasharray="4 3"/>'
    behind = _label_span(x, entry.text)[0] == x
    place, anchor = (x + 3, "start") if behind else (x - 3, "end")
    label = "" if row is None else _text(place, top + 8, entry.text[:_LABEL], size=10, anchor=anchor, fill=colour)
    return f"<g>{line}{label}<title>{_safe(f'{entry.kind}: {entry.text}')}</title></g>"


def _thinned(events: Sequence[Entry]) -> list[Entry]:
    """Return at most `_MOST_DOTS` events, those of a level that matters first; the words below tell the whole number."""
    if len(events) <= _MOST_DOTS:
        return list(events)
    loud = [entry for entry in events if entry.level in _COLOURS]
    quiet = [entry for entry in events if entry.level not in _COLOURS]
    return [*quiet[:: max(1, 2 * len(quiet) // _MOST_DOTS)], *loud[:: max(1, 2 * len(loud) // _MOST_DOTS)]]


def _dot(entry: Entry, x: float, y: float) -> str:
    colour = _COLOURS.get(entry.level, _OTHER)
    radius = 4 if entry.level in _COLOURS else 3
    text = _safe(f"{entry.level} {entry.text.partition(chr(10))[0][:160]} [{entry.place}]")
    return f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{colour}" fill-opacity="0.75"><title>{text}</title></circle>'


def _words(events: Sequence[Entry], marks: Sequence[Entry]) -> str:
    bad = sum(entry.level in _BAD for entry in events)
    return f"{len(events):,} events, {bad:,} of them errors, {len(marks)} marks"


def _told(entries: Sequence[Entry], events: Sequence[Entry], marks: Sequence[Entry]) -> str:
    """Return the picture in words: how many events of which service, and what is marked when."""
    services = sorted({entry.service for entry in events})
    counts = "; ".join(
        f"{service or '(no service)'}: {sum(one.service == service for one in events):,} events, "
        f"{sum(one.service == service and one.level in _BAD for one in events):,} of them errors"
        for service in services
    )
    gaps = [entry for entry in entries if entry.kind == "gap"]
    silences = [f"{_when(gap.at)} UTC {gap.text}" for gap in gaps[:_LABELS]]
    told = [f"{_when(mark.at)} UTC {mark.kind}: {mark.text[:80]}" for mark in marks[:_LABELS]]
    more = len(marks) + len(gaps) - len(told) - len(silences)
    return ". ".join([_words(events, marks), counts or "no events", *told, *silences, *([f"{more} more"] if more else [])]) + "."


def _when(at: int) -> str:
    return f"{EPOCH + timedelta(microseconds=at):%Y-%m-%d %H:%M:%S}"


def _text(x: float, y: float, text: str, *, size: int = 12, anchor: str = "start", fill: str = "#1d2733", weight: str = "400") -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}" fill="{fill}" font-weight="{weight}">{_safe(text)}</text>'


def _safe(text: str) -> str:
    return escape(visible(text), {'"': "&quot;"})
