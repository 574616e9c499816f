"""Calibration and power of the findings, the long run: `python -m tests.eval.findings [--seed N] [--worlds N]`.

Prints one line a bar with its value and exits 1 when one is missed. The tests hold the same bars on fewer worlds.
"""

from __future__ import annotations

import argparse
import math
import resource
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc
from scipy import stats

from bridge.analysis.analyse import analyse
from bridge.analysis.attributes import items_of
from bridge.analysis.contrast import contrasts
from bridge.analysis.events import DAY, account_events
from bridge.analysis.log_tables import log_lines
from bridge.analysis.novelty import novelties
from bridge.analysis.onset import find_onset
from bridge.analysis.scan import scan
from bridge.analysis.statistics import enrichment, more_than_before
from tests.analysis.worlds import Shape, contrast_world, load_profile, log_world, scan_world, step_world, world

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTED = ("onset", "concentration", "contrast", "novelty")
WIDTHS = (1, 2, 3, 4, 6, 9, 12)
SPIKES = (
    (500, 5_000, 0.0, 0.02),
    (500, 5_000, 0.001, 0.02),
    (500, 5_000, 0.01, 0.05),
    (2_000, 20_000, 0.0, 0.005),
    (2_000, 20_000, 0.002, 0.01),
    (5_000, 50_000, 0.01, 0.02),
    (5_000, 50_000, 0.2, 0.4),
    (20_000, 200_000, 0.0, 0.001),
    (20_000, 200_000, 0.0005, 0.003),
    (60, 600, 0.05, 0.5),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One measured value and what it must reach."""

    name: str
    value: float
    least: float | None = None
    most: float | None = None

    @property
    def held(self) -> bool:
        """Tell whether it holds."""
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)


def allowed(level: float, runs: int) -> float:
    """Return a false-alarm rate that `runs` runs at `level` keep within two standard errors."""
    return level + 2 * math.sqrt(level * (1 - level) / runs)


def null_worlds(seed: int, worlds: int) -> Iterator[Bar]:
    """No defect: daily load, loud accounts, bursts; any tested finding above a note."""
    hits = dict.fromkeys((*TESTED, "any"), 0)
    for number in range(worlds):
        found = analyse(world(Shape(seed=seed + number, bursts=number % 4, failing=(0.005, 0.02, 0.08)[number % 3])))
        kinds = {finding.kind for finding in found.findings if finding.level == "finding" and finding.kind in TESTED}
        for kind in kinds:
            hits[kind] += 1
        hits["any"] += bool(kinds)
    for name, count in hits.items():
        if name != "novelty":
            yield Bar(name=f"null worlds ({worlds}): {name}", value=count / worlds, most=allowed(0.05, worlds))


def planted_cases(seed: int, worlds: int) -> Iterator[Bar]:
    """A defect between 02:00 and 02:15 with one attribute as its cause, beside stray failures and a burst; 12 accounts at least."""
    made = window = change = cause = 0
    for number in range(worlds):
        inputs = world(Shape(seed=seed + number, accounts=400, failing=0.001, bursts=1, cause=(("a1", "v0"),)))
        found = analyse(inputs)
        carriers = set(pc.filter(inputs.tables["population"]["account_id"], pc.equal(inputs.tables["population"]["a1"], "v0")).to_pylist())
        if found.cohort is None or sum(account.account_id in carriers for account in found.cohort.affected) < 12:
            continue
        made += 1
        window += bool(found.concentrations) and (found.concentrations[0].start_minute, found.concentrations[0].end_minute) == (120, 135)
        change += found.onset is not None and found.onset.change is not None and found.onset.change.version == "4.18.0"
        cause += bool(found.contrasts) and [(c.attribute, c.value) for c in found.contrasts[0].conditions] == [("a1", "v0")]
    for name, count in (("window to the minute", window), ("release", change), ("attribute", cause)):
        yield Bar(name=f"planted cases ({made}): {name}", value=count / max(1, made), least=0.85)


def speed(seed: int) -> Iterator[Bar]:
    """A case of about 500,000 events, 5,000 accounts and 40 attributes."""
    inputs = world(Shape(seed=seed, accounts=5000, events_a_day=6.9, attributes=40, failing=0.003, bursts=1, cause=(("a1", "v0"),)))
    started = time.process_time()
    analyse(inputs)
    yield Bar(name=f"seconds of CPU for {inputs.tables['events'].num_rows:,} events", value=time.process_time() - started, most=10)
    yield Bar(name="GiB of memory, inputs included", value=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, most=1)


def planted_contrasts(seed: int, each: int) -> Iterator[Bar]:
    """Planted rules: first, and among the first three."""
    total, first, third = 0, 0, 0
    for parts, share in ((1, 0.8), (1, 0.5), (2, 0.8), (2, 0.5)):
        top = 0
        for number in range(each):
            table, affected, rule = contrast_world(seed + number, parts, share)
            got = [frozenset((c.attribute, c.value) for c in item.conditions) for item in contrasts(items_of(table, ()), affected).found]
            top += bool(got) and got[0] == rule
            third += rule in got[:3]
        total, first = total + each, first + top
        yield Bar(name=f"contrast, {parts} condition(s), {share:.0%} inside: first", value=top / each)
    yield Bar(name=f"contrast, {total} worlds: planted rule first", value=first / total, least=46 / 48)
    yield Bar(name=f"contrast, {total} worlds: among the first three", value=third / total, least=46 / 48)
    found = 0
    for number in range(4 * each):
        table, affected, _ = contrast_world(seed + number, 0, 0)
        found += bool(contrasts(items_of(table, ()), affected).found)
    yield Bar(name=f"contrast, {4 * each} null worlds", value=found / (4 * each), most=allowed(0.05, 4 * each))


def scans(seed: int, runs: int) -> Iterator[Bar]:
    """A quarter of an hour at two at night, by number of errors and share inside."""
    load = load_profile().reshape(-1, 5).sum(axis=1)
    generator = np.random.default_rng(seed)
    for failures, share, least in (
        (10, 0.4, 0.93),
        (20, 0.2, 0.93),
        (20, 0.4, 0.93),
        (50, 0.2, 0.93),
        (10, 0, None),
        (50, 0, None),
        (200, 0, None),
    ):
        found, near = 0, 0
        for _ in range(runs):
            minutes, days = scan_world(generator, failures, share)
            result = scan(minutes // 5, days, load, widths=WIDTHS, generator=generator, replicates=199)
            if result is not None and result.p_value <= 0.05:
                found += 1
                near += abs(result.start * 5 - 120) <= 15
        name = f"scan, {failures} errors, {share:.0%} inside"
        yield Bar(name=name, value=found / runs, least=least, most=None if share else allowed(0.05, runs))
        if share:
            yield Bar(name=f"{name}: within 15 minutes", value=near / max(1, found), least=0.9)


def spikes(seed: int, runs: int) -> Iterator[Bar]:
    """The reference's table: one of 200 values grew; the other 199 did not."""
    generator = np.random.default_rng(seed)
    for n1, n0, before, after in SPIKES:
        k1, k0 = generator.binomial(n1, after, runs), generator.binomial(n0, before, runs)
        p = enrichment(k1, k1 + k0, n1 + n0, n1)
        yield Bar(name=f"spike {before:.2%} to {after:.2%} at {n1:,} / {n0:,}", value=float(np.mean(p * 200 <= 0.05)), least=0.85)


def onsets(seed: int, runs: int) -> Iterator[Bar]:
    """A step of factor 3 from 20 failing events a day, on one of 14 days, among 2,000 events a day."""
    near = found = alarms = 0
    for number in range(runs):
        inputs, step = step_world(seed + number, factor=3)
        events = account_events(inputs.tables["events"], inputs.window, "events", 0)
        result = find_onset(events, np.ones(len(events.at), dtype=bool), (), inputs.window, seed=number, permutations=499)
        if result is not None:
            began = (result.onset.first_failure - inputs.window.start).total_seconds() * 1e6 / DAY
            near += abs(math.floor(began) - step) <= 1
            found += result.p_value <= 0.05
        inputs, _ = step_world(seed + number, factor=1)
        events = account_events(inputs.tables["events"], inputs.window, "events", 0)
        result = find_onset(events, np.ones(len(events.at), dtype=bool), (), inputs.window, seed=number, permutations=499)
        alarms += result is not None and result.p_value <= 0.05
    yield Bar(name=f"onset, factor 3: within one day ({runs})", value=near / runs, least=0.9)
    yield Bar(name="onset, factor 3: significant", value=found / runs, least=0.9)
    yield Bar(name="onset, no step: significant", value=alarms / runs, most=allowed(0.05, runs))


def new_templates(seed: int, runs: int) -> Iterator[Bar]:
    """Nothing new, rates vary by day, an unrelated error comes in bursts; then one error in 4 % of the traces."""
    alarms = errors = first = 0
    for number in range(runs):
        now, before = log_world(seed + number)
        found = novelties(log_lines([("now", now)]), log_lines([("before", before)])).found
        alarms += bool(found)
        errors += any(item.level == "ERROR" for item in found)
        now, before = log_world(seed + number, planted=0.04)
        found = novelties(log_lines([("now", now)]), log_lines([("before", before)])).found
        first += bool(found) and found[0].template == "snapshot was not finished"
    yield Bar(name=f"novelty, nothing planted ({runs}): a template", value=alarms / runs, most=allowed(0.05, runs))
    yield Bar(name="novelty, nothing planted: an error", value=errors / runs, most=allowed(0.05, runs))
    yield Bar(name="novelty, an error in 4 % of 400 traces: first", value=first / runs, least=0.9)


def two_counts(seed: int, runs: int) -> Iterator[Bar]:
    """The C-test at .01, three weeks against twelve, and its power for +40 % at 30 a week."""
    generator = np.random.default_rng(seed)
    for ratio in (1, 2, 4):
        alarms = []
        for _ in range(runs):
            rate = float(generator.choice([2, 5, 10, 20, 50]))
            counts = generator.poisson(rate, 15) if ratio == 1 else generator.negative_binomial(rate / (ratio - 1), 1 / ratio, 15)
            spread = max(
                1.0, float(np.var(counts[:12], ddof=1)) / max(float(np.mean(counts[:12])), 1e-9) * 11 / float(stats.chi2.ppf(0.25, 11))
            )
            alarms.append(more_than_before(int(counts[:12].sum()), 12, int(counts[12:].sum()), 3, ratio=spread) <= 0.01)
        yield Bar(name=f"C-test at .01, variance / mean {ratio}", value=float(np.mean(alarms)), most=allowed(0.01, runs))


def main() -> int:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--worlds", type=int, default=200)
    options = parser.parse_args()
    missed, started = 0, time.monotonic()
    print(f"seed {options.seed}, {options.worlds} worlds")
    w = options.worlds
    for bars in (
        spikes(options.seed, 300),
        scans(options.seed, w),
        planted_contrasts(options.seed, max(3, w // 16)),
        onsets(options.seed, max(20, w // 2)),
        two_counts(options.seed, 10 * w),
        new_templates(options.seed, w // 2),
        speed(options.seed),
        planted_cases(options.seed, w // 2),
        null_worlds(options.seed, w),
    ):
        for bar in bars:
            bound = f">= {bar.least:.3f}" if bar.least is not None else f"<= {bar.most:.3f}" if bar.most is not None else ""
            print(f"{'ok    ' if bar.held else 'MISSED'} {bar.value:7.3f} {bound:>9}  {bar.name}", flush=True)
            missed += not bar.held
    print(f"{missed} missed, {time.monotonic() - started:.0f} s")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
