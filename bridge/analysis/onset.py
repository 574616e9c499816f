"""Onset: when it began, after which change, and whether it happened before at all.

Looked at are the opportunities: events that could have failed, inside the concentration's window and of accounts
that carry what affected accounts share, where these were found. The step is the split with the greatest binomial
likelihood ratio for a rise; it is tested by permuting whole days (or shorter blocks in short windows), so that a
burst stays one block. A step in the last block of a long quiet window is one block's word: a note, no finding.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc
from scipy import stats
from scipy.special import xlogy

from bridge.analysis.events import DAY, micros, moment
from bridge.model.finding import Onset
from bridge.model.window import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.analysis.events import Events
    from bridge.model.change import Change

PERMUTATIONS = 1999
_BLOCKS = 24
"""Blocks that a window of less than a week is cut into."""
_WEEK = 7
_FEWEST_BLOCKS = 4
_SUPPORT = 1.92
"""Splits within this log-likelihood of the best one are as good (95 % likelihood interval of one place)."""
_STILL_POSSIBLE = 0.05
"""A change stays possible while chance gives this many successes in a row after it."""

Array = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionShare:
    """Failing events among the opportunities that carry one version."""

    column: str
    version: str
    failures: int
    events: int
    other_failures: int
    other_events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The onset and its test."""

    onset: Onset
    p_value: float
    blocks: int
    failures: int
    exposure_after: int
    version: VersionShare | None = None
    decisive: bool = field(default=False)
    """True when the version in the rows, not nearness, chose the change."""


def find_onset(
    events: Events, opportunities: Array, changes: Sequence[Change], window: Window, *, seed: int, permutations: int = PERMUTATIONS
) -> Step | None:
    """Return when failing began among the `opportunities` (bool, a row each); None when nothing failed there.

    `onset.change` is a candidate, not a proven cause, and None where no change lies in the time it began.
    """
    rows = np.flatnonzero(opportunities)
    failed, at = events.failed[rows], events.at[rows]
    if not failed.any():
        return None
    split, low, high = _split(failed)
    failures_before, after = int(failed[:split].sum()), len(rows) - split
    p_value, blocks = _test(failed, at, window, np.random.default_rng([seed, 7]), permutations)
    began_at, first = _bracket(failed, at, split, (low, high), window)
    candidates = _candidates(changes, began_at, first)
    version = _version(events, rows, candidates)
    change, rivals, decisive = _choose(candidates, version)
    onset = Onset(
        first_failure=moment(first),
        last_failure=moment(at[np.flatnonzero(failed)[-1]]),
        began=Window(start=moment(began_at), end=moment(max(first, began_at + 1)) + timedelta(microseconds=0)),
        change=change,
        gap_seconds=None if change is None else (moment(first) - change.at).total_seconds(),
        rivals=rivals,
        exposure_before=split,
        failures_before=failures_before,
        rate_bound_before=upper_bound(failures_before, split),
        events_before=int((events.at < first).sum()),
    )
    return Step(
        onset=onset,
        p_value=p_value,
        blocks=blocks,
        failures=int(failed.sum()) - failures_before,
        exposure_after=after,
        version=version if decisive else None,
        decisive=decisive,
    )


def _split(failed: Array) -> tuple[int, int, int]:
    """Return the first row after the step, and the first and last split that are as good.

    The first failure itself is preferred while it is as good: then nothing failed before.
    """
    values = _gains(np.cumsum(failed) - failed, np.arange(len(failed)), int(failed.sum()), len(failed))
    best = float(values.max())
    good = np.flatnonzero(values >= best - _SUPPORT)
    first = int(np.argmax(failed))
    split = first if values[first] >= best - _SUPPORT else int(np.argmax(values))
    if not failed[split]:  # the step is at the next failure: what lies between did not fail
        split += int(np.argmax(failed[split:]))
    return split, int(good[0]), int(good[-1])


def _gains(before_failed: Array, before: Array, total_failed: Array | int, total: Array | int) -> Array:
    """Return the log-likelihood gained by two rates instead of one, where the later rate is the higher one."""
    after_failed, after = total_failed - before_failed, total - before
    with np.errstate(invalid="ignore", divide="ignore"):
        rate0, rate1 = before_failed / before, after_failed / after
        gain = _binomial(before_failed, before) + _binomial(after_failed, after) - _binomial(total_failed, total)
        rises = (before > 0) & (after > 0) & (rate1 > rate0)
    return np.where(rises, gain, 0.0)


def _binomial(failed: Array | int, total: Array | int) -> Array:
    rate = np.divide(failed, np.maximum(total, 1))
    return xlogy(failed, rate) + xlogy(np.subtract(total, failed), 1 - rate)


def _test(failed: Array, at: Array, window: Window, generator: np.random.Generator, permutations: int) -> tuple[float, int]:
    """Return the p-value of the best step between blocks, and how many blocks had opportunities."""
    start, end = micros(window.start), micros(window.end)
    length = DAY if end - start >= _WEEK * DAY else max(1, (end - start) // _BLOCKS)
    block = (at // DAY if length == DAY else (at - start) // length).astype(np.int64)
    _, where = np.unique(block, return_inverse=True)
    total, hits = np.bincount(where), np.bincount(where, weights=failed)
    if len(total) < _FEWEST_BLOCKS:
        return 1.0, len(total)
    order = generator.permuted(np.tile(np.arange(len(total)), (permutations, 1)), axis=1)
    orders = np.concatenate([np.arange(len(total))[None, :], order])
    before = np.cumsum(total[orders], axis=1)[:, :-1]
    before_failed = np.cumsum(hits[orders], axis=1)[:, :-1]
    best = _gains(before_failed, before, float(hits.sum()), int(total.sum())).max(axis=1)
    reached = int(np.count_nonzero(best[1:] >= best[0] - 1e-9))
    return (reached + 1) / (permutations + 1), len(total)


def _bracket(failed: Array, at: Array, split: int, support: tuple[int, int], window: Window) -> tuple[int, int]:
    """Return [began, first failure]: back to where so many successes in a row would no longer be chance."""
    if failed[:split].any():
        low = min(support[0], split)
        return int(at[low - 1]) if low > 0 else micros(window.start), int(at[split])
    rate = failed[split:].mean()
    spare = 0 if rate >= 1 else int(np.log(_STILL_POSSIBLE) // np.log1p(-rate))
    last_good = split - 1 - min(spare, split)
    return (int(at[last_good]) if last_good >= 0 else micros(window.start)), int(at[split])


def _candidates(changes: Sequence[Change], began: int, first: int) -> tuple[Change, ...]:
    """Return changes in (began, first failure], nearest to the failure first, without recurring runs of the same thing."""
    seen: dict[tuple[str, str, str | None], int] = defaultdict(int)
    for change in changes:
        if micros(change.at) <= began:
            seen[change.kind, change.name, change.version] += 1
    inside = [c for c in changes if began < micros(c.at) <= first and not seen[c.kind, c.name, c.version]]
    return tuple(sorted(inside, key=lambda c: (-micros(c.at), c.kind, c.name)))


def _choose(candidates: tuple[Change, ...], version: VersionShare | None) -> tuple[Change | None, tuple[Change, ...], bool]:
    if not candidates:
        return None, (), False
    marked = [change for change in candidates if version is not None and change.version == version.version]
    chosen = marked[0] if marked else candidates[0]
    return chosen, tuple(change for change in candidates if change is not chosen), bool(marked)


def _version(events: Events, rows: Array, candidates: Sequence[Change]) -> VersionShare | None:
    """Return the version that a candidate brought and that the failing rows carry, where it separates them."""
    wanted = {change.version for change in candidates if change.version is not None}
    if not wanted:
        return None
    failed = events.failed[rows]
    best: tuple[float, VersionShare] | None = None
    for name in events.table.column_names:
        if name in {"account_id", "at", "key", "failed", "trace_id"} or not _is_text(events.table[name].type):
            continue
        values = pc.cast(events.table[name], "string").to_numpy()[rows]
        for version in sorted(wanted):
            carries = values == version
            if not carries.any() or carries.all():
                continue
            inside, hits = int(carries.sum()), int((carries & failed).sum())
            share = VersionShare(
                column=name,
                version=version,
                failures=hits,
                events=inside,
                other_failures=int(failed.sum()) - hits,
                other_events=len(rows) - inside,
            )
            p = float(stats.hypergeom.sf(hits - 1, len(rows), int(failed.sum()), inside))
            if hits > share.other_failures and p <= 0.001 and (best is None or p < best[0]):  # noqa: PLR2004  rows are correlated: ask for much
                best = (p, share)
    return None if best is None else best[1]


def _is_text(kind: Any) -> bool:
    text = str(kind)
    return text in {"string", "large_string", "string_view"} or text.startswith("dictionary")


def upper_bound(failures: int, exposure: int) -> float | None:
    """Return the 95 % upper bound of the rate before: 3/n when nothing failed, exact otherwise; None without exposure."""
    if exposure == 0:
        return None
    if failures == 0:
        return min(1.0, 3 / exposure)
    return 1.0 if failures >= exposure else float(stats.beta.ppf(0.95, failures + 1, exposure - failures))
