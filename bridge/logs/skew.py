"""Clocks of services that differ, estimated from traces: shown with the interval that the traces allow, applied only on request.

A service that calls another one logs before and after it: the first and the last event of the caller enclose those of the
called one. How long each took in a trace does not depend on its clock, so the longer one is the caller. With d the called
clock minus the caller's, each trace says: last(called) - last(caller) <= d <= first(called) - first(caller). The interval that
most traces agree on is the estimate (Marzullo 1984, as NTP chooses among servers). Where a service goes on after its caller
has answered, or is in no trace with others, traces don't agree or say nothing, and no estimate is made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

FEWEST: Final = 5
"""Traces with both services below which nothing is said."""
AGREE: Final = 0.8
"""Share of the traces that must allow the estimate, and in which the caller must be the longer one."""
_STEPS: Final = (1_000_000, 1_000, 1)

Spans = tuple[int, int, int, int]
"""First and last of one service, first and last of the other, in microseconds, within one trace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skew:
    """How far the clock of a service is ahead of the reference's; microseconds, negative: behind."""

    service: str
    reference: str
    low: int
    high: int
    traces: int
    """Traces with both services, of the weakest link where it goes over others."""
    agreeing: int

    @property
    def shift(self) -> int:
        """Return what is taken from the service's times: the middle of the interval, 0 where no difference is within it."""
        return 0 if self.low <= 0 <= self.high else (self.low + self.high) // 2


def estimate(at: Sequence[int], service: Sequence[str], trace_id: Sequence[str | None]) -> list[Skew]:
    """Return the skew of each service that can be told, against one reference: the service that most traces begin and end in."""
    spans: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    for when, name, trace in zip(at, service, trace_id, strict=True):
        if trace is not None:
            first, last = spans[trace].get(name, (when, when))
            spans[trace][name] = (min(first, when), max(last, when))
    steps = _resolution(at, service)
    links = {}
    callers: dict[str, int] = defaultdict(int)
    for (one, two), found in _pairs(spans.values()).items():
        slack = max(steps[one], steps[two])
        link = _link(found, slack if slack > 1 else 0)
        if link is not None:
            outer, low, high, traces, agreeing = link
            caller, called = (one, two) if outer == 0 else (two, one)
            links[caller, called] = (low, high, traces, agreeing)
            callers[caller] += traces
    if not callers:
        return []
    reference = max(sorted(callers), key=lambda name: callers[name])
    return sorted(_spread(reference, links), key=lambda skew: skew.service)


def _resolution(at: Sequence[int], service: Sequence[str]) -> dict[str, int]:
    """Return for each service the coarsest step (s, ms, us) that its times are written in: they are cut, not rounded."""
    steps: dict[str, int] = {}
    for when, name in zip(at, service, strict=True):
        step = steps.get(name, _STEPS[0])
        while when % step:
            step //= 1_000
        steps[name] = step
    return steps


def _pairs(traces: Iterable[Mapping[str, tuple[int, int]]]) -> dict[tuple[str, str], list[Spans]]:
    found: dict[tuple[str, str], list[Spans]] = defaultdict(list)
    for spans in traces:
        names = sorted(spans)
        for number, one in enumerate(names):
            for two in names[number + 1 :]:
                found[one, two].append((*spans[one], *spans[two]))
    return found


def _link(found: Sequence[Spans], slack: int) -> tuple[int, int, int, int, int] | None:
    """Return (which one calls, low, high, traces, agreeing) of the called clock minus the caller's; None: nothing can be told."""
    longer = [sum((last - first) > (end - start) for first, last, start, end in found)]
    longer.append(sum((last - first) < (end - start) for first, last, start, end in found))
    outer = 0 if longer[0] >= longer[1] else 1
    if len(found) < FEWEST or longer[outer] < AGREE * len(found):
        return None
    bounds = []
    for first, last, start, end in found:
        (a, b), (c, d) = ((first, last), (start, end)) if outer == 0 else ((start, end), (first, last))
        low, high = d - b - slack, c - a + slack
        if low <= high:
            bounds.append((low, high))
    low, high, agreeing = _most(bounds)
    return (outer, low, high, len(found), agreeing) if agreeing >= AGREE * len(found) else None


def _most(bounds: Sequence[tuple[int, int]]) -> tuple[int, int, int]:
    """Return the interval that lies in most of the given ones, and in how many (Marzullo's algorithm)."""
    edges = sorted([(low, -1) for low, _ in bounds] + [(high, 1) for _, high in bounds])
    best = inside = 0
    found = (0, 0)
    for number, (place, kind) in enumerate(edges):
        inside -= kind
        if inside > best:
            best, found = inside, (place, edges[number + 1][0])
    return (*found, best)


def _spread(reference: str, links: Mapping[tuple[str, str], tuple[int, int, int, int]]) -> Iterable[Skew]:
    """Yield the skews that follow from the reference over links, the narrowest link first."""
    known = {reference: (0, 0, 0, 0)}
    while True:
        open_links = []
        for (caller, called), (low, high, traces, agreeing) in links.items():
            if caller in known and called not in known:
                open_links.append((high - low, caller, called, (low, high, traces, agreeing)))
            elif called in known and caller not in known:
                open_links.append((high - low, called, caller, (-high, -low, traces, agreeing)))
        if not open_links:
            return
        _, near, far, (low, high, traces, agreeing) = min(open_links)
        start, end, fewest, fewest_agreeing = known[near]
        both = (traces, agreeing) if near == reference else min((traces, agreeing), (fewest, fewest_agreeing))
        known[far] = (start + low, end + high, *both)
        yield Skew(service=far, reference=reference, low=start + low, high=end + high, traces=both[0], agreeing=both[1])
