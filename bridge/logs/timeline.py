"""Events of several services in one order, with what happened meanwhile and the silences between them; `timeline_picture` draws them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from bridge.logs.paths import rotation
from bridge.logs.times import EPOCH
from bridge.text.terminal import visible

_DAY: Final = 86_400_000_000
_MARKED: Final = "====  "


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


def lane(entry: Entry) -> str:
    """Return what an event is listed under: its service, or the file that it stands in; rotated ones are one."""
    return entry.service or rotation(Path(entry.place.rpartition(":")[0]))[1]


def lines(entries: Sequence[Entry], width: int | None = None) -> list[str]:
    """Return the timeline as lines of text: a line for each day, then the time of day and the time since the first event.

    With a `width`, lines are cut to it, and the place (file:offset) of an event only stands where there is room for it.
    """
    events = [entry for entry in entries if entry.kind == "event"]
    accounts = {entry.account_id for entry in events}
    shared = len(accounts) == 1
    first = next((entry.at for entry in events), entries[0].at if entries else 0)
    most = max((len(visible(lane(entry))) for entry in events), default=0)
    layout = _Layout(first=first, lane=most if width is None else min(most, max(8, width // 5)), accounts=not shared, width=width)
    made: list[str] = []
    day = None
    for entry in entries:
        if entry.kind != "gap" and (entry.at // _DAY) != day:
            day = entry.at // _DAY
            account = f"   account {visible(next(iter(accounts)) or '')}" if shared and accounts != {None} else ""
            made.append(_fitted(f"{EPOCH + timedelta(microseconds=entry.at):%Y-%m-%d} UTC{account}", width))
        made.append(_line(entry, layout))
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """How the lines of one timeline are set."""

    first: int
    lane: int
    accounts: bool
    """False: all events are of one account, or of none."""
    width: int | None


def _line(entry: Entry, layout: _Layout) -> str:
    if entry.kind == "gap":
        return _fitted(f"{'':12}  {'~~~~':>10}  {entry.text}", layout.width)
    when = f"{EPOCH + timedelta(microseconds=entry.at):%H:%M:%S.%f}"[:-3] + f"  {since(entry.at - layout.first):>10}"
    if entry.kind != "event":
        return _fitted(f"{when}  {_MARKED}{entry.kind}: {visible(entry.text)}", layout.width)
    text = visible(entry.text.partition("\n")[0])
    name = _fitted(visible(lane(entry)), layout.lane)
    account = f"{visible(entry.account_id or '-')}  " if layout.accounts else ""
    line = f"{when}  {entry.level or '-':5}  {name:{layout.lane}}  {account}{text}"
    place = f"  [{visible(entry.place)}]"
    return line + place if layout.width is None or len(line) + len(place) <= layout.width else _fitted(line, layout.width)


def _fitted(text: str, width: int | None) -> str:
    return text if width is None or len(text) <= width else text[: width - 1] + "…"


def since(micros: int) -> str:
    """Return a difference of times in as few digits as tell it: +0.250 s, +15:08.3, +2:15:08."""
    sign = "-" if micros < 0 else "+"
    seconds = abs(micros) / 1e6
    minutes, rest = divmod(seconds, 60)
    if seconds < 60:  # noqa: PLR2004 - below a minute
        return f"{sign}{seconds:.3f} s"
    hours, minutes = divmod(int(minutes), 60)
    return f"{sign}{minutes}:{rest:04.1f}" if not hours else f"{sign}{hours}:{minutes:02}:{int(rest):02}"
