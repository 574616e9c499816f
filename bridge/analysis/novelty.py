"""Novelty: templates that are new, or much more frequent, in the window than in the baseline.

One-sided Fisher test on units (traces; accounts or minutes where lines carry no trace) of the template's own
service, Benjamini-Hochberg over every template that was tried, an effect floor. A burst is one witness:
counts are divided by their variance over mean between stretches of time, and between accounts (quasi-likelihood).
A service that the baseline does not hold at all cannot be compared: that is said, never called new.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc
from scipy.stats import norm

from bridge.analysis.events import MICROSECONDS
from bridge.analysis.log_tables import line, rank
from bridge.analysis.onset import upper_bound
from bridge.analysis.statistics import ALPHA, corrected, dispersion, enrichment, matters, ratio_effect
from bridge.logs.store import with_templates
from bridge.logs.templates import template_of
from bridge.model.finding import NovelTemplate

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

FEWEST = 3
"""Units below which nothing is said about a template."""
_BLOCKS = 12
_COARSE = 3
"""Stretches as long as the window that the baseline must hold to judge how much rates vary between them."""
_FREQUENT = 5
"""Units a stretch from which a template tells how unsteady the system is."""
_LISTED = 20
_EXEMPLARS = 3
_TEMPLATE = 400
_MASKED = 200
"""Lines of a template that are masked to see what most of them are."""

Array = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Novelties:
    """What was found and what was tried."""

    found: tuple[NovelTemplate, ...] = ()
    tried: int = 0
    units: int = 0
    units_before: int = 0
    unit: str = "traces"
    unseen_services: tuple[str, ...] = ()
    """Services of the window that the baseline does not hold: not comparable."""
    seen: int | None = None
    """Units of a template that never occurred before that would have been seen."""
    best_q: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One side of the comparison, one entry a distinct (template, service, unit)."""

    lines: pa.Table
    unit: str
    template: Array
    """Row-wise template codes, int64 into the shared list."""
    service: Array
    units: Array
    """Row-wise unit codes of this side."""
    at: Array


def novelties(window: pa.Table, baseline: pa.Table, *, methods: int = 1, texts: Mapping[str, str] | None = None) -> Novelties:
    """Compare two tables made by `log_lines`.

    `texts`: of the template ids that they have. Without them both are mined, together: a template of the window that is
    wider than that of the baseline would be taken for new.
    """
    unit = _unit(window, baseline)
    if not window.num_rows or not baseline.num_rows:
        return Novelties(unit=unit)
    if texts is None:
        (window, baseline), mined = with_templates([window, baseline])
        texts = dict(zip(mined.ids, mined.texts, strict=True))
    ids = sorted(set(pc.unique(window["template_id"]).to_pylist()) | set(pc.unique(baseline["template_id"]).to_pylist()))
    services = sorted(set(pc.unique(window["service"]).to_pylist()) | set(pc.unique(baseline["service"]).to_pylist()))
    now, before = (_side(table, ids, services, unit) for table in (window, baseline))
    totals, totals_before = (_by_service(side, len(services)) for side in (now, before))
    groups, hits = _counts(now, len(services))
    groups_before, hits_before = _counts(before, len(services))
    past = dict(zip(groups_before.tolist(), hits_before.tolist(), strict=True))
    service = groups % len(services)
    k0 = np.array([past.get(group, 0) for group in groups.tolist()], dtype=np.int64)
    n1, n0 = totals[service], totals_before[service]
    usable = n0 > 0
    p = np.ones(len(groups))
    p[usable] = enrichment(hits[usable], (hits + k0)[usable], (n1 + n0)[usable], n1[usable])
    tried = int(usable.sum())
    spread = _spread(before, len(services), _length(now))
    for index in np.flatnonzero(usable & (p <= ALPHA) & (hits >= FEWEST)):
        counts = (int(hits[index]), int(n1[index]), int(k0[index]), int(n0[index]))
        p[index] = _careful(now, before, int(groups[index]), len(services), counts, spread)
    q = corrected(p)
    good = usable & (q <= ALPHA / methods) & (hits >= FEWEST)
    good[good] = matters(hits[good], n1[good], k0[good], n0[good])
    found = [
        _novel(now, before, int(groups[i]), ids, texts, services, (int(hits[i]), int(n1[i]), int(k0[i]), int(n0[i])), float(q[i]))
        for i in sorted(np.flatnonzero(good).tolist(), key=lambda i: (p[i], -hits[i], ids[groups[i] // len(services)]))
    ]
    found.sort(key=rank)
    comparable = np.array([bool(value) for value in totals_before])
    return Novelties(
        found=tuple(found[:_LISTED]),
        tried=tried,
        units=len(np.unique(now.units)),
        units_before=len(np.unique(before.units)),
        unit=unit,
        unseen_services=tuple(services[i] for i in np.unique(service[~usable])),
        seen=_smallest_seen(
            int(totals[comparable].max(initial=0)), int(totals_before[comparable].max(initial=0)), ALPHA / methods / max(1, tried)
        ),
        best_q=float(q.min()) if len(q) else 1.0,
    )


def _unit(window: pa.Table, baseline: pa.Table) -> str:
    """Return what is counted: traces where half of the lines carry one on both sides, else accounts, else minutes."""
    for column, unit in (("trace_id", "traces"), ("account_id", "accounts")):
        if all(2 * (table.num_rows - table[column].null_count) >= max(1, table.num_rows) for table in (window, baseline)):
            return unit
    return "minutes"


def _side(table: pa.Table, ids: list[str], services: list[str], unit: str) -> _Side:
    import pyarrow as pa

    at = pc.cast(table["at"], pa.int64()).to_numpy()
    name = {"traces": "trace_id", "accounts": "account_id"}.get(unit)
    if name is None:
        units = at // (60 * MICROSECONDS)
    else:
        known = pc.index_in(table[name], value_set=pc.drop_null(pc.unique(table[name]))).to_numpy(zero_copy_only=False)
        # A line without the id is no unit of its own: it is left out by its negative code.
        units = np.where(np.isnan(known.astype(float)), -1, known).astype(np.int64)
    keep = units >= 0
    template = pc.index_in(table["template_id"], value_set=pa.array(ids, pa.string())).to_numpy().astype(np.int64)
    service = pc.index_in(table["service"], value_set=pa.array(services, pa.string())).to_numpy().astype(np.int64)
    return _Side(
        lines=table.filter(pa.array(keep)), unit=unit, template=template[keep], service=service[keep], units=units[keep], at=at[keep]
    )


def _by_service(side: _Side, services: int) -> Array:
    """Return the distinct units of each service: the exposure."""
    pairs = np.unique(np.stack([side.service, side.units], axis=1), axis=0)
    return np.bincount(pairs[:, 0], minlength=services)


def _counts(side: _Side, services: int) -> tuple[Array, Array]:
    """Return group codes (template * services + service), ascending, and their distinct units."""
    pairs = np.unique(np.stack([side.template * services + side.service, side.units], axis=1), axis=0)
    groups, counts = np.unique(pairs[:, 0], return_counts=True)
    return groups, counts


def _length(side: _Side) -> int:
    """Return microseconds from the first to the last line."""
    return max(1, int(side.at[-1] - side.at[0]) + 1)


def _spread(before: _Side, services: int, length: int) -> float:
    """Return how much templates' rates vary between stretches as long as the window: squared coefficient of variation.

    One stretch says little about one template; all templates together say how unsteady this system is. The upper quartile
    over frequent templates, or their pooled value if that is more; 0 where the baseline holds fewer than three stretches.
    """
    pairs, first = np.unique(np.stack([before.template * services + before.service, before.units], axis=1), axis=0, return_index=True)
    block = ((before.at - before.at[0]) // length).astype(np.int64)[first]
    exposed, seen = np.unique(np.stack([before.service, before.units], axis=1), axis=0, return_index=True)
    size = int(block.max(initial=0)) + 1
    if size < _COARSE:
        return 0.0
    total = np.zeros((services, size))
    np.add.at(total, (exposed[:, 0], ((before.at - before.at[0]) // length).astype(np.int64)[seen]), 1)
    groups, index = np.unique(pairs[:, 0], return_inverse=True)
    counts = np.zeros((len(groups), size))
    np.add.at(counts, (index.ravel(), block), 1)
    share = total[groups % services] / total[groups % services].sum(axis=1, keepdims=True)
    expected = counts.sum(axis=1, keepdims=True) * share
    used = share > 0
    degrees = used.sum(axis=1) - 1
    pearson = np.divide((counts - expected) ** 2, expected, out=np.zeros_like(counts), where=used).sum(axis=1)
    mean = counts.sum(axis=1) / np.maximum(degrees + 1, 1)
    frequent = (mean >= _FREQUENT) & (degrees >= 1)
    if not frequent.any():
        return 0.0
    excess = pearson[frequent] / degrees[frequent] - 1
    return max(0.0, float(excess.sum() / mean[frequent].sum()), float(np.quantile(excess / mean[frequent], 0.75)))


def _careful(now: _Side, before: _Side, group: int, services: int, counts: tuple[int, int, int, int], spread: float) -> float:
    """Return the p-value with all counts divided by how much the template's share varies beyond chance."""
    k1, n1, k0, n0 = counts
    length = _length(now)
    factor = max(
        1 + spread * n1 * (k1 + k0) / (n1 + n0),
        _between_blocks(now, group, services, -(-length // _BLOCKS), cautious=False),
        _between_blocks(before, group, services, -(-length // _BLOCKS), cautious=False),
        _between_blocks(before, group, services, length, cautious=True, fewest=_COARSE),
        _between_accounts(now, group, services),
    )
    a, b, c, d = int(k1 / factor), round(n1 / factor), round(k0 / factor), round(n0 / factor)
    p = float(enrichment(a, a + c, max(b, a) + max(d, c), max(b, a)))
    if k0 < _FREQUENT or spread <= 0:
        return p
    # Rates that vary do so by factors: the same on the log scale, which its long upper tail needs.
    deviation = math.sqrt(1 / k1 - 1 / n1 + 1 / k0 - 1 / n0 + spread)
    return max(p, float(norm.sf(math.log(k1 / n1 * n0 / k0) / deviation)))


def _between_blocks(side: _Side, group: int, services: int, length: int, *, cautious: bool, fewest: int = 2) -> float:
    of_service = side.service == group % services
    first = _firsts(side.units[of_service], (side.at[of_service] - side.at[0]) // length)
    marked = of_service & (side.template == group // services)
    hit = _firsts(side.units[marked], (side.at[marked] - side.at[0]) // length)
    size = int(first.max(initial=0)) + 1
    if size < fewest or len(hit) < FEWEST:
        return 1.0
    return dispersion(np.bincount(hit, minlength=size)[:size], np.bincount(first, minlength=size), cautious=cautious)


def _between_accounts(side: _Side, group: int, services: int) -> float:
    accounts = side.lines["account_id"]
    if side.unit == "accounts" or 2 * accounts.null_count > len(accounts):
        return 1.0
    codes = pc.fill_null(pc.dictionary_encode(accounts).combine_chunks().indices, -1).to_numpy(zero_copy_only=False)
    known = codes >= 0
    of_service = known & (side.service == group % services)
    marked = of_service & (side.template == group // services)
    size = int(codes.max(initial=0)) + 1
    return dispersion(
        np.bincount(_firsts(side.units[marked], codes[marked]), minlength=size),
        np.bincount(_firsts(side.units[of_service], codes[of_service]), minlength=size),
        cautious=False,
    )


def _firsts(units: Array, values: Array) -> Array:
    """Return, for each distinct unit, the value of its first line."""
    _, first = np.unique(units, return_index=True)
    return values[first].astype(np.int64)


def _novel(
    now: _Side,
    before: _Side,
    group: int,
    ids: list[str],
    texts: Mapping[str, str],
    services: list[str],
    counts: tuple[int, int, int, int],
    q: float,
) -> NovelTemplate:
    k1, n1, k0, n0 = counts
    template, service = group // len(services), group % len(services)
    rows = np.flatnonzero((now.template == template) & (now.service == service))
    shown = [rows[0], rows[len(rows) // 2], rows[-1]][:_EXEMPLARS]
    exemplars = tuple(line(now.lines, int(row)) for row in dict.fromkeys(shown))
    levels = pc.value_counts(now.lines["level"].take(rows)).to_pylist()
    accounts = pc.count_distinct(now.lines["account_id"].take(rows)).as_py()
    return NovelTemplate(
        template_id=ids[template],
        template=texts[ids[template]][:_TEMPLATE],
        masked=_masked(now.lines["message"].take(rows)),
        service=services[service],
        level=max(levels, key=lambda item: (item["counts"], item["values"]))["values"],
        lines=len(rows),
        traces=k1,
        accounts=int(accounts),
        traces_total=n1,
        lines_before=int(np.count_nonzero((before.template == template) & (before.service == service))),
        traces_before=k0,
        traces_before_total=n0,
        rate_bound_before=upper_bound(k0, n0),
        ratio=ratio_effect(f"ratio of shares of {now.unit}", k1, n1, k0, n0),
        q_value=q,
        exemplars=exemplars,
    )


def _masked(messages: pa.ChunkedArray) -> str:
    """Return the mask of most of the messages (of some of them, where there are many)."""
    some = np.unique(np.linspace(0, len(messages) - 1, _MASKED).astype(np.int64))
    counts = Counter(map(template_of, messages.take(some).to_pylist()))
    return min(counts, key=lambda text: (-counts[text], text))[:_TEMPLATE]


def _smallest_seen(units: int, before: int, level: float) -> int | None:
    if not units or not before:
        return None
    hits = np.arange(1, min(units, 500) + 1)
    seen = np.flatnonzero(enrichment(hits, hits, units + before, units) <= level)
    return int(hits[seen[0]]) if len(seen) else None
