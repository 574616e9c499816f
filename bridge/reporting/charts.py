"""Pictures as SVG, written by hand: the same bytes for the same numbers, light and dark, no script, no font file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from xml.sax.saxutils import escape, quoteattr

from bridge.model.change import Change
from bridge.model.finding import DayCount
from bridge.model.window import Window, utc
from bridge.reporting import formats
from bridge.text.terminal import visible

WIDTH = 760
_LINE, _MOST_LINES = 15, 8
_LETTER = 7.4
"""Units that a letter of a bold label takes, at most on average: fonts differ from machine to machine."""
LIGHT = """
.c-text{fill:#1f2933;font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
.c-dim{fill:#52606d}.c-bar{fill:#b42318}.c-grid{stroke:#cbd2d9;stroke-width:1}.c-mark{stroke:#1d4ed8;stroke-width:1.5;stroke-dasharray:4 3}
.c-label{fill:#1d4ed8;font-weight:600}.c-0{fill:#eef1f4}.c-1{fill:#fbd5cf}.c-2{fill:#f3a398}.c-3{fill:#c4321f}.c-4{fill:#8a1c10}
.c-n{font-size:11px}.c-over{paint-order:stroke;stroke:#fff;stroke-width:4px}.c-n1,.c-n2{fill:#3b0d07}.c-n3,.c-n4{fill:#fff}.c-band{fill:none;stroke:#1d4ed8;stroke-width:1.5}
.c-told{fill:#b42318}.c-silent{fill:#fbd5cf;stroke:#b42318}.c-other{fill:#52606d}
""".strip()
_OTHERWISE = """
@media (prefers-color-scheme:dark){.c-text{fill:#e4e7eb}.c-over{stroke:#12181f}.c-dim{fill:#a9b4c0}.c-bar{fill:#ff8a75}.c-grid{stroke:#3e4c59}.c-mark{stroke:#8ab4ff}
.c-label{fill:#8ab4ff}.c-0{fill:#222b34}.c-1{fill:#56231b}.c-2{fill:#7d2c20}.c-3{fill:#e0604c}.c-4{fill:#ff9c8a}.c-n1,.c-n2{fill:#fff}.c-n3,.c-n4{fill:#1b0502}.c-band{stroke:#8ab4ff}
.c-told{fill:#ff8a75}.c-silent{fill:#56231b;stroke:#ff8a75}.c-other{fill:#a9b4c0}}
@media print{.c-text{fill:#1f2933}.c-over{stroke:#fff}.c-dim{fill:#52606d}.c-bar{fill:#b42318}.c-grid{stroke:#cbd2d9}.c-mark{stroke:#1d4ed8}.c-label{fill:#1d4ed8}
.c-0{fill:#eef1f4}.c-1{fill:#fbd5cf}.c-2{fill:#f3a398}.c-3{fill:#c4321f}.c-4{fill:#8a1c10}.c-n1,.c-n2{fill:#3b0d07}.c-n3,.c-n4{fill:#fff}.c-band{stroke:#1d4ed8}.c-told{fill:#b42318}.c-silent{fill:#fbd5cf;stroke:#b42318}.c-other{fill:#52606d}}
""".strip()
STYLE = f"{LIGHT}\n{_OTHERWISE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A picture and the same numbers in words."""

    name: str
    """File name: timeline.svg."""
    caption: str
    alt: str
    body: str
    """SVG elements; every text in it is escaped."""
    height: int


def standalone(chart: Chart) -> bytes:
    """Return the picture as a file."""
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {chart.height}" width="{WIDTH}" height="{chart.height}" role="img">'
    )
    return f"{opening}\n<title>{_text(chart.caption)}</title>\n<desc>{_text(chart.alt)}</desc>\n<style>{STYLE}</style>\n{chart.body}\n</svg>\n".encode()


def inline(chart: Chart, number: int) -> str:
    """Return the picture for a page that carries STYLE; `number` keeps its ids apart from the others'."""
    opening = f'<svg viewBox="0 0 {WIDTH} {chart.height}" role="img" aria-labelledby="c{number}t c{number}d">'
    return f'{opening}<title id="c{number}t">{_text(chart.caption)}</title><desc id="c{number}d">{_text(chart.alt)}</desc>\n{chart.body}\n</svg>'


def timeline(days: Sequence[DayCount], changes: Sequence[Change], subject: str, named: Change | None) -> Chart | None:
    """Return failures by UTC day as bars, with changes as marks; None without a day.

    Scheduled jobs that run every day would mark every bar: only changes whose name and kind occur at
    most twice are drawn, and always the `named` one.
    """
    if not days:
        return None
    left, right, bottom, inner_h = 46, 12, 30, 176
    inner_w = WIDTH - left - right
    ceiling = _ceiling(max(day.failures for day in days))
    slot = inner_w / len(days)
    shown = _rare(changes, named)
    start = datetime.fromisoformat(f"{days[0].day}T00:00:00+00:00")
    marks = [mark for mark in (_mark(change, start, slot, left) for change in shown) if left <= mark.x <= WIDTH]
    lines = _lines(marks)
    top = 14 + _LINE * max([1, *(line + 1 for line in lines)])
    height = top + inner_h + bottom
    parts = []
    for step in range(5):
        value = ceiling * step / 4
        y = top + inner_h * (1 - step / 4)
        parts.append(f'<line class="c-grid" x1="{left}" x2="{WIDTH - right}" y1="{coordinate(y)}" y2="{coordinate(y)}"/>')
        if value == int(value):
            parts.append(label(left - 6, y + 4, formats.number(int(value)), "c-dim", "end"))
    # Behind the bars and their numbers.
    parts += _marks(marks, lines, top + inner_h)
    stride = max(1, -(-len(days) // 16))
    for index, day in enumerate(days):
        x = left + slot * index
        size = inner_h * day.failures / ceiling
        if day.failures:
            parts.append(
                f'<rect class="c-bar" x="{coordinate(x + slot * 0.15)}" y="{coordinate(top + inner_h - size)}" width="{coordinate(slot * 0.7)}" height="{coordinate(size)}" rx="1"/>'
            )
            if slot >= 24:  # noqa: PLR2004  # narrower bars have no room for a number
                parts.append(label(x + slot / 2, top + inner_h - size - 4, formats.number(day.failures), "c-n c-over", "middle"))
        if index % stride == 0:
            parts.append(label(x + slot / 2, height - 10, day.day[5:], "c-dim", "middle"))
    caption = f"Failures by day (UTC): {subject}"
    return Chart(name="timeline.svg", caption=caption, alt=_timeline_words(days, shown, subject), body="\n".join(parts), height=height)


def heat_map(failures: Sequence[datetime], window: Window, subject: str) -> Chart | None:
    """Return failures by UTC day (rows) and hour (columns); None without a failure or over more than 40 days."""
    first = window.start.replace(hour=0, minute=0, second=0, microsecond=0)
    days = [first + timedelta(days=index) for index in range((window.end - first).days + 1)]
    days = [day for day in days if day < window.end]
    inside = [utc(at) for at in failures if window.contains(at)]
    if not inside or len(days) > 40:  # noqa: PLR2004  # taller than a screen shows nothing at once
        return None
    counts = Counter((at.date(), at.hour) for at in inside)
    most = max(counts.values())
    left, top, cell_w, cell_h = 52, 26, 29, 19
    parts = [label(left + cell_w * hour + cell_w / 2, top - 8, f"{hour:02d}", "c-dim", "middle") for hour in range(24)]
    for row, day in enumerate(days):
        y = top + row * cell_h
        parts.append(label(left - 6, y + 14, f"{day:%m-%d}", "c-dim", "end"))
        empty = [hour for hour in range(24) if not counts[day.date(), hour]]
        parts += [_cell(left + hour * cell_w, y, cell_w, cell_h, 0) for hour in empty]
        for hour in range(24):
            count = counts[day.date(), hour]
            if count:
                level = min(4, 1 + 4 * (count - 1) // most)
                parts.append(_cell(left + hour * cell_w, y, cell_w, cell_h, level))
                parts.append(label(left + hour * cell_w + cell_w / 2 - 0.5, y + 13.5, formats.number(count), f"c-n c-n{level}", "middle"))
    caption = f"Failures by day and hour of the day (UTC): {subject}"
    height = top + len(days) * cell_h + 8
    return Chart(name="hours.svg", caption=caption, alt=_heat_words(counts, subject), body="\n".join(parts), height=height)


def _cell(x: float, y: float, width: float, height: float, level: int) -> str:
    return f'<rect class="c-{level}" x="{coordinate(x)}" y="{coordinate(y)}" width="{coordinate(width - 1)}" height="{coordinate(height - 1)}" rx="2"/>'


def _rare(changes: Sequence[Change], named: Change | None) -> tuple[Change, ...]:
    """Return the changes worth a mark, in time order: not the runs of a daily job."""
    often = Counter((change.kind, change.name) for change in changes)
    shown = {change for change in changes if often[change.kind, change.name] <= 2 and change.kind != "job"}  # noqa: PLR2004  # a third run makes a schedule
    if named is not None:
        shown.add(named)
    return tuple(sorted(shown, key=lambda change: (change.at, change.kind, change.name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mark:
    """A change as a vertical line with its name."""

    x: float
    words: str
    anchor: str
    span: tuple[float, float]
    """From where to where the name and the line reach."""


def _mark(change: Change, start: datetime, slot: float, left: int) -> _Mark:
    x = left + slot * ((utc(change.at) - start) / timedelta(days=1))
    words = " ".join(part for part in (change.name, change.version or "") if part)[:48]
    width = _LETTER * len(words) + 5
    ends = x + width > WIDTH
    return _Mark(x=x, words=words, anchor="end" if ends else "start", span=(x - width, x) if ends else (x, x + width))


def _lines(marks: Sequence[_Mark]) -> list[int]:
    """Return a line for each name, so that no two stand over each other; -1 for those that find no room: the words below name them."""
    taken: list[list[tuple[float, float]]] = [[] for _ in range(_MOST_LINES)]
    found = []
    for mark in marks:
        first, last = mark.span
        free = (line for line, spans in enumerate(taken) if all(last + _LETTER < begin or end + _LETTER < first for begin, end in spans))
        line = next(free, -1)
        found.append(line)
        if line >= 0:
            taken[line].append(mark.span)
    return found


def _marks(marks: Sequence[_Mark], lines: Sequence[int], bottom: int) -> list[str]:
    """Return the vertical lines, and over them the names."""
    parts = []
    for mark, line in zip(marks, lines, strict=True):
        y = 4 + _LINE * max(line, 0)
        parts.append(f'<line class="c-mark" x1="{coordinate(mark.x)}" x2="{coordinate(mark.x)}" y1="{y}" y2="{bottom}"/>')
    for mark, line in zip(marks, lines, strict=True):
        if line >= 0:
            x = mark.x + (-5 if mark.anchor == "end" else 5)
            parts.append(label(x, 14 + _LINE * line, mark.words, "c-label c-over", mark.anchor))
    return parts


def _ceiling(value: int) -> int:
    """Return the next round number at or above `value` that four grid lines divide."""
    step = 4
    while True:
        for factor in (1, 2, 3, 5):
            if step * factor >= value:
                return step * factor
        step *= 10


def _timeline_words(days: Sequence[DayCount], changes: Sequence[Change], subject: str) -> str:
    total = sum(day.failures for day in days)
    failing = [day for day in days if day.failures]
    words = f"{formats.number(total)} failures of {subject} from {days[0].day} to {days[-1].day}. "
    if failing:
        words += (
            f"First on {failing[0].day}. Each day: " + ", ".join(f"{day.day[5:]} {formats.number(day.failures)}" for day in days) + ". "
        )
    for change in changes:
        name = " ".join(part for part in (change.kind, change.name, change.version or "") if part)
        words += f"{name} at {formats.instant(change.at)}. "
    return visible(words.strip())


def _heat_words(counts: Counter[tuple[date, int]], subject: str) -> str:
    hours: Counter[int] = Counter()
    for (_, hour), count in counts.items():
        hours[hour] += count
    listed = ", ".join(f"{hour:02d}:00 to {hour + 1:02d}:00 UTC {formats.number(hours[hour])}" for hour in sorted(hours))
    rest = 24 - len(hours)
    none = f" None in the other {rest} hours." if rest else ""
    return visible(f"{formats.number(sum(hours.values()))} failures of {subject} by hour of the day: {listed}.{none}")


def label(x: float, y: float, text: str, kind: str, anchor: str) -> str:
    """Return a text; `kind` are the classes of STYLE it has besides its own, `anchor` start, middle or end."""
    return f'<text class="c-text {kind}" x="{coordinate(x)}" y="{coordinate(y)}" text-anchor="{anchor}">{_text(text)}</text>'


def _text(text: str) -> str:
    return escape(visible(text))


def coordinate(value: float) -> str:
    """Return a coordinate with at most two decimals, the same on every machine."""
    return f"{round(value, 2):.2f}".rstrip("0").rstrip(".")


def attribute(text: str) -> str:
    """Return `text` as a quoted XML attribute."""
    return quoteattr(visible(text))
