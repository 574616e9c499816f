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
    from collections.abc import Callable, Mapping

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
class Marks:
    """When units first had something, and whose they are: (code, mark, units), arrays of one length each."""

    blocks: tuple[Array, Array, Array]
    """Of groups: in which stretch of time, a twelfth of the window long, counted from the first line of the side."""
    exposed: tuple[Array, Array, Array]
    """The same of services."""
    accounts: tuple[Array, Array, Array] | None
    """Of groups: which account, or part of the accounts; None: accounts are the units, or not known."""
    exposed_accounts: tuple[Array, Array, Array] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Units of one side by group, which is a template in a service."""

    hits: Array
    totals: Array
    """By service: the exposure."""
    marks: Callable[[], Marks]
    """Asked for where something may have been found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """Groups of the window, each with its test: arrays of one length."""

    groups: Array
    counts: Array
    """Units with it, units, and the same before; a row a group."""
    usable: Array
    """Whether the baseline holds the service."""
    p: Array
    q: Array
    good: Array
    """Whether it is a finding."""

    @property
    def tried(self) -> int:
        """Return how many could be compared."""
        return int(self.usable.sum())

    def found(self, names: list[str]) -> list[int]:
        """Return the places of the findings, the surest first; `names` of the groups breaks ties."""
        places: list[int] = np.flatnonzero(self.good).tolist()
        return sorted(places, key=lambda i: (self.p[i], -self.counts[i, 0], names[self.groups[i]]))


def block_of(length: int) -> int:
    """Return how long a stretch of time is, for a window of this length."""
    return -(-max(1, length) // _BLOCKS)


def tested(now: Counted, before: Counted, service: Array, methods: int) -> Tested:
    """Test every group of the window; `service` is the code of each group's service."""
    groups = np.flatnonzero(now.hits)
    of = service[groups]
    counts = np.stack([now.hits[groups], now.totals[of], before.hits[groups], before.totals[of]], axis=1)
    k1, n1, k0, n0 = counts.T
    usable = n0 > 0
    p = np.ones(len(groups))
    p[usable] = enrichment(k1[usable], (k1 + k0)[usable], (n1 + n0)[usable], n1[usable])
    close = np.flatnonzero(usable & (p <= ALPHA) & (k1 >= FEWEST))
    if len(close):
        marks, marks_before = now.marks(), before.marks()
        spread = _spread(marks_before, service)
        for index in close:
            p[index] = _careful(marks, marks_before, int(groups[index]), int(of[index]), counts[index].tolist(), spread)
    q = corrected(p)
    good = usable & (q <= ALPHA / methods) & (k1 >= FEWEST)
    good[good] = matters(k1[good], n1[good], k0[good], n0[good])
    return Tested(groups=groups, counts=counts, usable=usable, p=p, q=q, good=good)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One side of the comparison, row-wise."""

    lines: pa.Table
    unit: str
    group: Array
    """Codes: template * services + service."""
    services: int
    units: Array
    """Unit codes of this side."""
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
    if not len(now.at) or not len(before.at):
        return Novelties(unit=unit)
    length = block_of(int(now.at[-1] - now.at[0]) + 1)
    counted, counted_before = (_counted(side, len(ids) * len(services), length) for side in (now, before))
    result = tested(counted, counted_before, np.arange(len(ids) * len(services)) % len(services), methods)
    totals, totals_before = counted.totals, counted_before.totals
    names = [ids[group // len(services)] for group in range(len(ids) * len(services))]
    found = [
        _novel(now, before, int(result.groups[i]), ids, texts, services, result.counts[i].tolist(), float(result.q[i]))
        for i in result.found(names)
    ]
    found.sort(key=rank)
    comparable = totals_before > 0
    return Novelties(
        found=tuple(found[:_LISTED]),
        tried=result.tried,
        units=len(np.unique(now.units)),
        units_before=len(np.unique(before.units)),
        unit=unit,
        unseen_services=tuple(services[i] for i in np.unique(result.groups[~result.usable] % len(services))),
        seen=_smallest_seen(
            int(totals[comparable].max(initial=0)), int(totals_before[comparable].max(initial=0)), ALPHA / methods / max(1, result.tried)
        ),
        best_q=float(result.q.min()) if len(result.q) else 1.0,
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
        lines=table.filter(pa.array(keep)),
        unit=unit,
        group=(template * len(services) + service)[keep],
        services=len(services),
        units=units[keep],
        at=at[keep],
    )


def _counted(side: _Side, groups: int, length: int) -> Counted:
    firsts, exposed = _firsts(side.group, side.units), _firsts(side.group % side.services, side.units)

    def marks() -> Marks:
        block = (side.at - side.at[0]) // length
        accounts = side.lines["account_id"]
        codes = pc.fill_null(pc.dictionary_encode(accounts).combine_chunks().indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
        known = np.flatnonzero(codes >= 0)
        useful = side.unit != "accounts" and 2 * accounts.null_count <= len(accounts)
        of, of_service = (known[_firsts(code[known], side.units[known])] for code in (side.group, side.group % side.services))
        return Marks(
            blocks=_each(side.group[firsts], block[firsts]),
            exposed=_each(side.group[exposed] % side.services, block[exposed]),
            accounts=_each(side.group[of], codes[of]) if useful else None,
            exposed_accounts=_each(side.group[of_service] % side.services, codes[of_service]) if useful else None,
        )

    hits, totals = (
        np.bincount(side.group[firsts], minlength=groups),
        np.bincount(side.group[exposed] % side.services, minlength=side.services),
    )
    return Counted(hits=hits, totals=totals, marks=marks)


def _firsts(codes: Array, units: Array) -> Array:
    """Return the first row of each different (code, unit)."""
    return np.unique(np.stack([codes, units], axis=1), axis=0, return_index=True)[1]


def _each(codes: Array, marks: Array) -> tuple[Array, Array, Array]:
    return codes, marks, np.ones(len(codes), dtype=np.int64)


def _spread(before: Marks, service: Array) -> float:
    """Return how much templates' rates vary between stretches as long as the window: squared coefficient of variation.

    One stretch says little about one template; all templates together tell how unsteady this system is. The upper quartile
    over frequent templates, or their pooled value if that is more; 0 where the baseline holds fewer than three stretches.
    """
    codes, blocks, units = before.blocks
    size = int(blocks.max(initial=0)) // _BLOCKS + 1
    if size < _COARSE:
        return 0.0
    total = np.zeros((int(service.max(initial=0)) + 1, size))
    np.add.at(total, (before.exposed[0], before.exposed[1] // _BLOCKS), before.exposed[2])
    groups, index = np.unique(codes, return_inverse=True)
    counts = np.zeros((len(groups), size))
    np.add.at(counts, (index.ravel(), blocks // _BLOCKS), units)
    of = total[service[groups]]
    share = of / of.sum(axis=1, keepdims=True)
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


def _careful(now: Marks, before: Marks, group: int, service: int, counts: list[int], spread: float) -> float:
    """Return the p-value with all counts divided by how much the template's share varies beyond chance."""
    k1, n1, k0, n0 = counts
    factor = max(
        1 + spread * n1 * (k1 + k0) / (n1 + n0),
        _uneven(now.blocks, now.exposed, group, service),
        _uneven(before.blocks, before.exposed, group, service),
        _uneven(before.blocks, before.exposed, group, service, coarse=_BLOCKS, cautious=True, fewest=_COARSE),
        _uneven(now.accounts, now.exposed_accounts, group, service, fewest=0),
    )
    a, b, c, d = int(k1 / factor), round(n1 / factor), round(k0 / factor), round(n0 / factor)
    p = float(enrichment(a, a + c, max(b, a) + max(d, c), max(b, a)))
    if k0 < _FREQUENT or spread <= 0:
        return p
    # Rates that vary do so by factors: the same on the log scale, which its long upper tail needs.
    deviation = math.sqrt(1 / k1 - 1 / n1 + 1 / k0 - 1 / n0 + spread)
    return max(p, float(norm.sf(math.log(k1 / n1 * n0 / k0) / deviation)))


def _uneven(
    marked: tuple[Array, Array, Array] | None,
    exposed: tuple[Array, Array, Array] | None,
    group: int,
    service: int,
    *,
    coarse: int = 1,
    cautious: bool = False,
    fewest: int = 2,
) -> float:
    """Return variance over mean of a group's units between marks; 1 where less than `fewest` marks, or too few units, are there."""
    if marked is None or exposed is None:
        return 1.0
    of, here = exposed[0] == service, marked[0] == group
    first, hit = exposed[1][of] // coarse, marked[1][here] // coarse
    size = int(first.max(initial=0)) + 1
    if size < fewest or (fewest and marked[2][here].sum() < FEWEST):
        return 1.0
    hits = np.bincount(hit, weights=marked[2][here], minlength=size)[:size]
    return dispersion(hits, np.bincount(first, weights=exposed[2][of], minlength=size), cautious=cautious)


def _novel(
    now: _Side, before: _Side, group: int, ids: list[str], texts: Mapping[str, str], services: list[str], counts: list[int], q: float
) -> NovelTemplate:
    k1, n1, k0, n0 = counts
    template, service = group // len(services), group % len(services)
    rows = np.flatnonzero(now.group == group)
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
        lines_before=int(np.count_nonzero(before.group == group)),
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
