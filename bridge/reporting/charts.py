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
    left, right, top, bottom = 46, 12, 44, 30
    height = 250
    inner_w, inner_h = WIDTH - left - right, height - top - bottom
    ceiling = _ceiling(max(day.failures for day in days))
    slot = inner_w / len(days)
    shown = _rare(changes, named)
    start = datetime.fromisoformat(f"{days[0].day}T00:00:00+00:00")
    parts = []
    for step in range(5):
        value = ceiling * step / 4
        y = top + inner_h * (1 - step / 4)
        parts.append(f'<line class="c-grid" x1="{left}" x2="{WIDTH - right}" y1="{coordinate(y)}" y2="{coordinate(y)}"/>')
        if value == int(value):
            parts.append(label(left - 6, y + 4, formats.number(int(value)), "c-dim", "end"))
    # Behind the bars and their numbers.
    parts += _marks(shown, start, slot, left, top, inner_h)
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


def _marks(changes: Sequence[Change], start: datetime, slot: float, left: int, top: int, inner_h: int) -> list[str]:
    """Return the vertical marks; labels alternate between two lines so that neighbours can be read."""
    parts = []
    for index, change in enumerate(changes):
        offset = (utc(change.at) - start) / timedelta(days=1)
        x = left + slot * offset
        if not left <= x <= WIDTH:
            continue
        y = 14 + 15 * (index % 2)
        words = " ".join(part for part in (change.name, change.version or "") if part)
        anchor = "end" if x > WIDTH * 0.7 else "start"
        parts.append(f'<line class="c-mark" x1="{coordinate(x)}" x2="{coordinate(x)}" y1="{y - 10}" y2="{top + inner_h}"/>')
        parts.append(label(x + (-5 if anchor == "end" else 5), y, words[:48], "c-label", anchor))
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
