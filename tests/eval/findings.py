"""Calibration and power of the findings, the long run: `make eval`, `python -m tests.eval.findings [--seed N] [--worlds N]`.

Prints one line a bar with its value and exits 1 when one is missed. The tests hold the same bars on fewer worlds.
"""

from __future__ import annotations

import argparse
import csv
import inspect
import json
import math
import resource
import sys
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc
from scipy import stats

from bridge.analysis.analyse import analyse
from bridge.analysis.attributes import items_of
from bridge.analysis.compare import broken_steps
from bridge.analysis.contrast import contrasts
from bridge.analysis.events import DAY, account_events
from bridge.analysis.log_tables import log_lines
from bridge.analysis.novelty import novelties
from bridge.analysis.onset import find_onset
from bridge.analysis.scan import scan
from bridge.analysis.seasonal import bound
from bridge.analysis.statistics import enrichment, more_than_before
from bridge.analysis.trend import WEEK, trends
from bridge.demo.truth import DEFAULT_TRUTH, random_truth
from bridge.model.change import Change
from tests.analysis.test_compare import burst, lost, request
from tests.analysis.test_compare import world as traced
from tests.analysis.test_demo_truth import test_the_analysis_follows_the_truth
from tests.analysis.test_trend import NOW, series
from tests.analysis.worlds import Shape, contrast_world, investigation, load_profile, log_world, scan_world, step_world, world
from tests.eval import trainticket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bridge.model.finding import Trend

CORPORA = trainticket.FOLDER.parent
_HEAD = """# Calibration and power
Written by `{command}` (seed {seed}, {worlds} worlds); not by hand. Each row is a measured value and its bar; another seed: `SEED=7 make eval`.
False-alarm bars are the nominal level plus two standard errors of so many runs."""

TESTED = ("onset", "concentration", "contrast", "novelty", "sequence")
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
    """No defect: daily load, loud accounts, bursts, counts of variance over mean 2, logs whose rates vary by day; any tested finding above a note."""
    hits = dict.fromkeys((*TESTED, "trend", "any"), 0)
    asked = investigation(findings=("impact", *TESTED))
    for number in range(worlds):
        case = world(Shape(seed=seed + number, bursts=number % 4, failing=(0.005, 0.02, 0.08)[number % 3]))
        now, before = log_world(seed + number, traces=150, templates=24)
        found = analyse(replace(case, investigation=asked, tables={**case.tables, "logs": now, "quiet_logs": before}))
        kinds: set[str] = {finding.kind for finding in found.findings if finding.level == "finding" and finding.kind in TESTED}
        if any(trend.answer in {"new", "rising"} for trend in null_trends(np.random.default_rng([seed, number, 11]), ratio=2)):
            kinds.add("trend")
        for kind in kinds:
            hits[kind] += 1
        hits["any"] += bool(kinds)
    for name, count in hits.items():
        yield Bar(name=f"null worlds ({worlds}): {name}", value=count / worlds, most=allowed(0.05, worlds))


def null_trends(generator: np.random.Generator, *, ratio: float, size: int = 8) -> tuple[Trend, ...]:
    """Judge weekly counts in which nothing changed."""
    rates = generator.choice([0.3, 1, 2, 5, 10, 20], size)
    counts = [generator.poisson(r, 13) if ratio == 1 else generator.negative_binomial(r / (ratio - 1), 1 / ratio, 13) for r in rates]
    release = Change(at=NOW - timedelta(days=6.5), kind="release", name="reporting", version="4.18.0")
    made = [series(str(number), own.tolist()) for number, own in enumerate(counts)]
    return trends(made, now=NOW, since=NOW - WEEK * 13, changes=[release])


def weekly_trends(seed: int, runs: int) -> Iterator[Bar]:
    """False alarms on counts of variance over mean 1, 2 and 4 (8 series a run); what is seen; real weeks with labelled outbreaks."""
    generator = np.random.default_rng(seed)
    for ratio in (1, 2, 4):
        alarms = [any(t.answer in {"new", "rising"} for t in null_trends(generator, ratio=ratio)) for _ in range(runs)]
        yield Bar(
            name=f"trend, nothing changed, variance / mean {ratio} ({runs} runs of 8)",
            value=float(np.mean(alarms)),
            most=allowed(0.01, runs),
        )
    for before, now, weeks in ((0, 6, 1), (5, 20, 1), (20, 40, 3), (60, 84, 3), (100, 140, 3)):
        seen = 0
        for _ in range(runs):
            counts = [*generator.poisson(before, 13 - weeks).tolist(), *generator.poisson(now, weeks).tolist()]
            seen += trends([series("planted", counts)], now=NOW, since=NOW - WEEK * 13)[0].answer in {"new", "rising"}
        yield Bar(name=f"trend, {before} to {now} a week for {weeks} week(s): seen", value=seen / runs)
    yield from outbreaks()


def outbreaks() -> Iterator[Bar]:
    """Weekly counts with labelled outbreaks (needs ../shared): each of the last 105 weeks judged by those before it."""
    folder = CORPORA / "trends"
    if not folder.is_dir():
        print(f"skipped: no {folder}; set BRIDGE_CORPORA")
        return
    rows = [row for part in ("train", "test") for row in csv.DictReader((folder / f"salmonella_{part}.csv").open(encoding="utf-8"))]
    tested = sum(1 for _ in csv.DictReader((folder / "salmonella_test.csv").open(encoding="utf-8")))
    counts, outbreak = [int(row["n_cases"]) for row in rows], np.array([row["outbreak"] == "True" for row in rows[-tested:]])
    ends = range(len(rows) - tested, len(rows))
    by_rule = [
        trends([series("cases", counts[: end + 1])], now=NOW, since=NOW - WEEK * (end + 1))[0].answer in {"new", "rising"} for end in ends
    ]
    by_bound = [judged is not None and judged.alarm for judged in (bound(np.array(counts[: end + 1]), alpha=0.01) for end in ends)]
    for name, alarms in (("bridge trends", np.array(by_rule)), ("its bound at .01", np.array(by_bound))):
        hits = int((alarms & outbreak).sum())
        yield Bar(name=f"outbreaks, {name}: sensitivity", value=hits / int(outbreak.sum()), least=1.0)
        yield Bar(name=f"outbreaks, {name}: precision ({int(alarms.sum())} alarms)", value=hits / max(1, int(alarms.sum())), least=0.57)


def missing_steps(seed: int, runs: int) -> Iterator[Bar]:
    """Traces of three services, nothing different, then one that stops after its first line in a fifth of 60 traces."""
    before = traced(seed, [burst if number % 3 == 0 else request for number in range(80)])
    alarms = first = 0
    for number in range(runs):
        same = traced(seed + 1 + number, [burst if number % 3 == 0 else request for number in range(60)])
        alarms += bool(broken_steps(before, same).found)
        broken = traced(seed + 1 + number, [lost if number % 5 == 0 else request for number in range(60)])
        found = broken_steps(before, broken).found
        first += bool(found) and (found[0].service, found[0].missing) == ("contacts", "contact <*> found")
    yield Bar(name=f"sequence, nothing different ({runs})", value=alarms / runs, most=allowed(0.05, runs))
    yield Bar(name="sequence, broken in 12 of 60 traces: its service and step first", value=first / runs, least=0.9)


def demo(seed: int, runs: int) -> Iterator[Bar]:
    """The demo company in many truths: every planted cause found, every decoy left out."""
    truths = [DEFAULT_TRUTH, *(random_truth(seed + number) for number in range(runs))]
    good = 0
    for truth in truths:
        try:
            test_the_analysis_follows_the_truth(truth)
            good += 1
        except AssertionError as error:
            print(f"       demo, seed {truth.seed}: {str(error).splitlines()[0] if str(error) else 'differs'}")
    yield Bar(name=f"demo, {len(truths)} truths: all causes found, all decoys left out", value=good / len(truths), least=1.0)


def real_system(_seed: int, _runs: int) -> Iterator[Bar]:
    """Faults of a real system, logs alone (needs ../shared)."""
    if not trainticket.FOLDER.is_dir():
        print(f"skipped: no {trainticket.FOLDER}; set BRIDGE_CORPORA")
        return
    normal = trainticket.read(trainticket.NORMAL)
    cases = json.loads((trainticket.FOLDER / "cases.json").read_text("utf-8"))
    service = region = 0
    for case in cases:
        found = trainticket.answer(case, normal)
        service += bool(found.groups) and found.groups[0].group == case["service"]
        place = trainticket.region_place(case, found)
        region += place is not None and place <= trainticket.LISTED
    yield Bar(name=f"trainticket, {len(cases)} cases: service at fault first", value=float(service), least=trainticket.SERVICE_BAR)
    yield Bar(name="trainticket: code region among the first 3", value=float(region), least=trainticket.REGION_BAR)


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


def speed(seed: int, _runs: int) -> Iterator[Bar]:
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
    yield Bar(name=f"contrast, {total} worlds: among the first three", value=third / total, least=1.0)
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
    alarms: list[bool]
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


SECTIONS: tuple[tuple[str, Callable[[int, int], Iterator[Bar]], Callable[[int], int]], ...] = (
    ("Spikes: one of 200 values grew", spikes, lambda _: 300),
    ("Concentration: a quarter of an hour at two at night", scans, lambda worlds: worlds),
    ("Contrast: planted rules among 2,000 accounts", planted_contrasts, lambda worlds: max(3, worlds // 16)),
    ("Onset: a step of factor 3", onsets, lambda worlds: max(20, worlds // 2)),
    ("Two counts", two_counts, lambda worlds: 10 * worlds),
    ("Trends", weekly_trends, lambda worlds: worlds),
    ("New templates", new_templates, lambda worlds: max(1, worlds // 2)),
    ("Missing steps", missing_steps, lambda worlds: worlds),
    ("Speed and memory", speed, lambda _: 1),
    ("Planted cases", planted_cases, lambda worlds: max(1, worlds // 2)),
    ("The demo", demo, lambda worlds: max(1, worlds // 10)),
    ("A real system", real_system, lambda _: 1),
    ("Null worlds", null_worlds, lambda worlds: worlds),
)


def main() -> int:
    """Run everything, print the tables, and write them as a page where `--write` asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--worlds", type=int, default=200)
    parser.add_argument("--only", default="", help="sections whose title holds this word")
    parser.add_argument("--write", type=Path, help="a Markdown page of the tables")
    options = parser.parse_args()
    missed, started = 0, time.process_time()
    command = f"make eval{'' if options.seed == parser.get_default('seed') else f' SEED={options.seed}'}"
    page = [_HEAD.format(command=command, seed=options.seed, worlds=options.worlds)]
    print(f"seed {options.seed}, {options.worlds} worlds")
    for title, run, runs in SECTIONS:
        if options.only.casefold() not in title.casefold():
            continue
        page.append(f"\n## {title}\n{inspect.getdoc(run) or ''}\n\n| measured | value | bar | |\n|---|--:|--:|---|")
        for bar in run(options.seed, runs(options.worlds)):
            limit = f">= {bar.least:.3f}" if bar.least is not None else f"<= {bar.most:.3f}" if bar.most is not None else ""
            print(f"{'ok    ' if bar.held else 'MISSED'} {bar.value:7.3f} {limit:>9}  {bar.name}", flush=True)
            page.append(f"| {bar.name} | {bar.value:.3f} | {limit} | {'' if bar.held else 'missed'} |")
            missed += not bar.held
    print(f"{missed} missed, {time.process_time() - started:.0f} s of CPU")
    if options.write:
        options.write.write_text("\n".join(page) + "\n", encoding="utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
