"""From a recorded session to the smallest failing sequence, its verdict, and files that engineers can run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from bridge.disk import write_text
from bridge.errors import BridgeError, GateError, RefusedError
from bridge.model.exchange import Exchange, Recording, Response
from bridge.model.reproduction import Reproduction, ReproductionStep, Verdict
from bridge.reproduction import exports, inside, times
from bridge.reproduction.atoms import route, substitute
from bridge.reproduction.capture import scrub
from bridge.reproduction.http_files import http_file, hurl
from bridge.reproduction.links import compare, entity_slice
from bridge.reproduction.reduce import Shrunk, shrink, smallest
from bridge.reproduction.scan import require_clean
from bridge.reproduction.scenario import Played, Scenario
from bridge.reproduction.search import DETECTION, Exhausted, Items, Search, Trust, trust
from bridge.reproduction.shell_file import bash
from bridge.reproduction.statistics import wilson
from bridge.workflow.codec import to_json
from bridge.workflow.data_slice import Data, least, take
from bridge.workflow.events import StepDone, StepStarted
from bridge.workflow.replaying import Runner
from bridge.workflow.reproduce_plan import Prepared, Wanted, prepare
from bridge.workflow.reproduction_store import FOLDER, OpenTarget, Stored, clean_runs_needed

if TYPE_CHECKING:
    from bridge.workflow.context import Context

_LINKED = "linked-1"
"""Stands where a run puts an earlier answer's value; with a digit, so that routes show an id there."""
_ROUNDS = 4
_UNFINISHED: Mapping[str, tuple[str, ...]] = {
    "": (),
    "budget": ("the budget of requests ended before the search: a shorter sequence may exist",),
    "can't tell": ("the same failure also shows without its cause, and too often to tell them apart: a shorter sequence may exist",),
}
Clocks = Mapping[int, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One reproduction under way: what its steps share."""

    context: Context
    case_id: str
    wanted: Wanted
    prepared: Prepared
    runner: Runner

    def tell(self, words: str) -> None:
        """Say what is being done."""
        self.context.emit(StepStarted(source="reproduce", what=words))


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What time a run has to show or to let pass."""

    clocks: Clocks = field(default_factory=dict)
    waits: times.Waits = field(default_factory=dict)
    words: str = ""


def reproduce(context: Context, case_id: str, wanted: Wanted, open_target: OpenTarget, *, clean_up: bool = False) -> Reproduction:
    """Replay, shrink, measure, and write the files into the case folder. Sends requests: the caller has asked for that."""
    prepared = prepare(context, case_id, wanted)
    runner = Runner(target=open_target(prepared.settings, prepared.settings.rules.refused), settings=prepared.settings, clock=context.clock)
    job = Job(context=context, case_id=case_id, wanted=wanted, prepared=prepared, runner=runner)
    try:
        made = _reproduced(job)
    except RefusedError as error:
        made = _verdict(job, verdict="blocked", sentence=f"blocked: {error.message}", limits=(error.where, error.hint))
    if clean_up:
        with suppress(RefusedError):
            runner.clean_up()
        made = replace(made, created=_created(runner))
    write_text(context.cases.folder(case_id) / FOLDER / "verdict.json", to_json(made))
    context.emit(StepDone(source="reproduce", what=made.verdict, detail=made.sentence))
    return made


def _reproduced(job: Job) -> Reproduction:
    prepared, runner = job.prepared, job.runner
    job.tell(f"replaying {len(prepared.scenario.steps)} requests")
    clocks: Clocks = {step.index: step.at for step in prepared.scenario.steps if step.at} if prepared.settings.clock else {}
    everything = tuple(step.index for step in prepared.scenario.steps)
    compared = compare(prepared.scenario, lambda s: runner.run(s, everything, clocks), rounds=_ROUNDS)
    scenario = replace(prepared.scenario, links=compared.links)
    first = [compared.last, *(runner.run(scenario, everything, clocks) for _ in range(DETECTION - 1))]
    seen, runs, timing = sum(played.seen for played in first), DETECTION, Timing(clocks=clocks)
    if seen == 0 and not prepared.settings.clock:
        seen, runs, timing = _with_gaps(job, scenario)
    if seen == 0:
        return _not_seen(job, scenario, timing, first)
    job.tell(f"seen {seen} of {runs}; shrinking {len(everything)} requests")
    search = Search(
        run=lambda items: runner.run(scenario, items, timing.clocks, timing.waits).seen,
        trust=trust(seen, runs),
        producers=scenario.producers(),
        fixed=scenario.oracle.kept,
        whole=(seen, runs),
        allowed=_allowed(job),
        alike={step.index: route(step.request) for step in scenario.steps},
    )
    small, timing, shrunk = _shrunk(job, scenario, timing, search)
    made = _measured(job, small, timing, search.control)
    counts = [sum(link.status == word for link in scenario.links) for word in ("proven", "guessed")]
    return replace(
        made, links_proven=counts[0], links_guessed=counts[1], minimal=shrunk.complete, limits=(*made.limits, *_UNFINISHED[shrunk.why])
    )


def _allowed(job: Job) -> Callable[[Items, Items], bool]:
    """Leave enough of the budget for the runs of the verdict, but not more than a fifth of it."""
    runner, cost = job.runner, job.prepared.cost
    most = job.prepared.settings.rules.requests

    def allowed(items: Items, last: Items) -> bool:
        kept = min(job.wanted.runs * cost(len(last or items)), most // 5)
        return runner.left >= cost(len(items)) + kept

    return allowed


def _with_gaps(job: Job, scenario: Scenario) -> tuple[int, int, Timing]:
    """Look for the failure with time between the requests: as recorded, compressed to what the budget allows, or stretched."""
    recorded = times.gaps(scenario.steps)
    total = sum(recorded.values())
    asked = job.wanted.gaps
    if not total or asked == 0:
        return 0, DETECTION, Timing(words=times.NOT_KEPT)
    share = job.prepared.settings.rules.seconds / (4 * DETECTION)
    factors = (
        (asked,) if asked is not None else (min(1.0, share / total), *((times.STRETCHED,) if total * times.STRETCHED <= share else ()))
    )
    everything = tuple(step.index for step in scenario.steps)
    for factor in factors:
        waits = times.gaps(scenario.steps, factor)
        job.tell(f"replaying with the recorded gaps times {factor:.2g}: {times.told(total * factor)} a run")
        first = [job.runner.run(scenario, everything, None, waits).seen for _ in range(DETECTION)]
        if any(first):
            certain = trust(sum(first), DETECTION)
            needed = times.least(waits, lambda some: job.runner.run(scenario, everything, None, some).seen, certain)
            return sum(first), DETECTION, Timing(waits=needed.waits, words=times.sentence(len(recorded), needed, factor))
    tried = ", ".join(f"{factor:.2g}" for factor in factors)
    return 0, DETECTION, Timing(words=f"recorded gaps ({times.told(total)} in all) were also tried times {tried}")


def _measured(job: Job, small: Scenario, timing: Timing, control: tuple[int, int]) -> Reproduction:
    """Run exactly what is left as often as asked, and write the files."""
    kept = [step.index for step in small.steps]
    last: Played | None = None
    count = runs = 0
    for _ in range(job.wanted.runs):
        if runs and job.runner.left < job.prepared.cost(len(kept)):
            break
        runs += 1
        played = job.runner.run(small, kept, timing.clocks, timing.waits)
        count += played.seen
        last = played if played.seen or last is None else last
    low, high = wilson(count, runs)
    verdict: Verdict = "reproduced" if count == runs else "flaky" if count else "not reproduced"
    sentence = f"{verdict}, {count} of {runs} ({low:.0%} to {high:.0%})"
    if control[0]:
        sentence += f"; the failing request alone: {control[0]} of {control[1]}"
    made = replace(
        _verdict(job, verdict=verdict, sentence=sentence, seen=count, runs=runs),
        kept=len(kept),
        steps=_steps(small, timing),
        times=timing.words or _clock_words(timing.clocks, with_clock=job.prepared.settings.clock is not None),
        control_seen=control[0],
        control_runs=control[1],
    )
    files, more = _files(job, small, timing, made, last)
    if runs < job.wanted.runs:
        more = (*more, f"the budget of requests ended after {runs} of {job.wanted.runs} runs of the smallest sequence")
    words, limits = _data(job, small, timing) if count else ("", ())
    return replace(made, files=(*files, *(("data.sql",) if words else ())), data=words, limits=(*made.limits, *more, *limits))


def _shrunk(job: Job, scenario: Scenario, timing: Timing, search: Search) -> tuple[Scenario, Timing, Shrunk]:
    """Requests first, then the moments that the clock has to show, then what stands inside the requests."""
    runner = job.runner
    shrunk = smallest(search, [step.index for step in scenario.steps], [entity_slice(scenario)])
    small = _only(scenario, shrunk.items)
    job.context.emit(
        StepDone(
            source="reproduce", what=f"{len(scenario.steps)} requests shrunk to {len(small.steps)}", detail=f"{search.replays} replays"
        )
    )
    kept = list(shrunk.items)
    waits = times.moved(timing.waits, kept)
    clocks = timing.clocks

    def with_clocks(some: Items) -> bool:
        return runner.run(small, kept, {index: clocks[index] for index in some}, waits).seen

    moments = [index for index in kept if index in clocks]
    clocks = {index: clocks[index] for index in _least(with_clocks, moments, search.trust, job, len(kept))}
    # Pages that should show a thing stay as they are: another page would not show it either.
    pages = small.oracle.absent.pages if small.oracle.absent else ()
    pieces = inside.parts([step for step in small.steps if step.index not in pages])

    def with_parts(some: Items) -> bool:
        stay = set(some)
        return runner.run(inside.without(small, (p for n, p in enumerate(pieces) if n not in stay)), kept, clocks, waits).seen

    stay = set(_least(with_parts, range(len(pieces)), search.trust, job, len(kept)))
    small = inside.without(small, (part for number, part in enumerate(pieces) if number not in stay))
    return small, replace(timing, clocks=clocks, waits=waits), shrunk


def _least(run: Callable[[Items], bool], items: Iterable[int], certain: Trust, job: Job, count: int) -> Items:
    """Return the items that have to stay, of a sequence of `count` requests; all that were not tried when the budget ends."""
    wanted = tuple(items)
    sequence, affordable = tuple(range(count)), _allowed(job)
    search = Search(
        run=run, trust=certain, producers={}, fixed=frozenset(), last=wanted, allowed=lambda _items, _last: affordable(sequence, sequence)
    )
    with suppress(Exhausted):
        if wanted and search.fails((), certain.careful):
            return ()
        return shrink(search, wanted) if wanted else ()
    return search.last


def _only(scenario: Scenario, kept: Items) -> Scenario:
    wanted = set(kept)
    return replace(
        scenario,
        steps=tuple(step for step in scenario.steps if step.index in wanted),
        links=tuple(link for link in scenario.links if link.consumer in wanted and link.producer in wanted),
    )


def _not_seen(job: Job, scenario: Scenario, timing: Timing, first: list[Played]) -> Reproduction:
    everything = [step.index for step in scenario.steps]
    invalid = next((played for played in first if played.outcome == "invalid"), None)
    if invalid is not None:
        made = _verdict(job, verdict="candidate invalid", sentence=f"candidate invalid: {invalid.detail}", runs=len(first))
    else:
        more = [job.runner.run(scenario, everything, timing.clocks) for _ in range(max(0, job.wanted.runs - len(first)))]
        runs, seen = len(first) + len(more), sum(played.seen for played in more)
        low, high = wilson(seen, runs)
        rare = f"flaky: {seen} of {runs} ({low:.1%} to {high:.0%}) of the whole session, too rare to be shrunk"
        never = f"not reproduced: 0 of {runs}, rate below {high:.0%}; {first[0].detail}"
        made = _verdict(job, verdict="flaky" if seen else "not reproduced", sentence=rare if seen else never, seen=seen, runs=runs)
    differ = [f"request {s.index + 1} {route(s.request)}: recorded {s.recorded}, now {s.status}" for s in first[0].mismatches[:20]]
    if not job.prepared.settings.clock:
        differ.append(timing.words or times.NOT_KEPT)
    counts = [sum(link.status == word for link in scenario.links) for word in ("proven", "guessed")]
    return replace(made, differences=tuple(differ), times=timing.words, links_proven=counts[0], links_guessed=counts[1])


def _created(runner: Runner) -> tuple[str, ...]:
    return tuple(f"{made.route}: {made.path}" for made in runner.made)


def _verdict(job: Job, *, verdict: Verdict, sentence: str, seen: int = 0, runs: int = 0, limits: tuple[str, ...] = ()) -> Reproduction:
    prepared, runner = job.prepared, job.runner
    low, high = wilson(seen, runs)
    environment: dict[str, str] = {}
    with suppress(RefusedError):
        environment = runner.about() if verdict != "blocked" else {}
    count = len(prepared.scenario.steps)
    return Reproduction(
        case_id=job.case_id,
        verdict=verdict,
        sentence=sentence,
        oracle=prepared.scenario.oracle.sentence(),
        seen=seen,
        runs=runs,
        low=low,
        high=high,
        target=prepared.settings.name,
        url=prepared.settings.url,
        at=job.context.clock.now(),
        account=prepared.account,
        chosen=prepared.chosen,
        recorded=count,
        kept=count,
        links_proven=0,
        links_guessed=len(prepared.scenario.links),
        replays=runner.runs,
        requests=runner.sent,
        limits=(*prepared.limits, *(text for text in limits if text)),
        other_failures=tuple(f"{detail} ({number} times)" for detail, number in runner.others.most_common(5)),
        created=_created(runner),
        environment=environment,
    )


def _steps(small: Scenario, timing: Timing) -> tuple[ReproductionStep, ...]:
    numbers = {step.index: at for at, step in enumerate(small.steps, start=1)}
    producers = small.producers()
    return tuple(
        ReproductionStep(
            number=numbers[step.index],
            recorded_as=step.index + 1,
            method=step.request.method,
            route=route(step.request).partition(" ")[2],
            words=exports.words(step, [link.target for link in small.links if link.consumer == step.index]),
            uses=tuple(sorted(numbers[p] for p in producers[step.index])),
            status=step.response.status,
            clock=timing.clocks.get(step.index),
            wait=timing.waits.get(step.index, 0.0),
        )
        for step in small.steps
    )


def _clock_words(clocks: Clocks, *, with_clock: bool) -> str:
    if not with_clock:
        return "no recorded gap matters: it fails with the requests following each other at once"
    if not clocks:
        return "no recorded time matters: it fails at any time, with the requests following each other at once"
    told = ", ".join(f"{at:%H:%M:%S} UTC on {at:%Y-%m-%d} at request {index + 1}" for index, at in clocks.items())
    return f"the clock has to show {told}; all other recorded times and gaps do not matter"


def _files(job: Job, small: Scenario, timing: Timing, made: Reproduction, last: Played | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Write the artefacts, all or none: the secret scan comes first. Return their names, or why there are none."""
    settings = job.prepared.settings
    script = exports.script(
        small,
        title=f"Reproduction of {job.case_id}: {made.kept} of {made.recorded} recorded requests",
        verdict=f"Verdict: {made.sentence} on {made.target}, {made.at:%Y-%m-%d %H:%M} UTC.",
        clocks=timing.clocks,
        waits=timing.waits,
        clock_path=settings.clock.path if settings.clock else "",
        repeats=clean_runs_needed(made.seen, made.runs) if made.seen else 1,
    )
    stored = Stored(
        format=1,
        case_id=job.case_id,
        scenario=_lean(small),
        clocks=tuple(sorted(timing.clocks.items())),
        hosts=settings.rules.refused,
        confirmed=tuple(sorted(settings.rules.confirmed)),
        seen=made.seen,
        runs=made.runs,
        waits=tuple(sorted(timing.waits.items())),
    )
    texts = {
        "test_reproduction.py": exports.python(script),
        "reproduce.sh": bash(script),
        "reproduce.http": http_file(script),
        "reproduce.hurl": hurl(script),
        "run.har": _har(last, job.prepared, made),
        "scenario.json": to_json(stored),
    }
    secrets = tuple(value for who in settings.identities for value in (who.password, who.token) if value)
    try:
        require_clean(texts, (*secrets, *job.prepared.known))
    except GateError as error:
        places = ", ".join(f"{problem.where} ({problem.message})" for problem in error.problems)
        return (), (f"no files were written: {error.message.partition(';')[0]}: {places}",)
    folder = job.context.cases.folder(job.case_id) / FOLDER
    for name, text in texts.items():
        write_text(folder / name, text)
    return tuple(texts), ()


def _data(job: Job, small: Scenario, timing: Timing) -> tuple[str, tuple[str, ...]]:
    """Write data.sql where the workspace says whose rows; without one the reproduction stands all the same, and it is said why."""
    settings = job.prepared.data
    if settings is None:
        return "", ()
    job.tell("reading the rows of the account")
    said: tuple[str, ...] = ()
    try:
        data = take(job.context, settings, job.prepared.account, job.prepared.people)
        sandbox = job.prepared.settings.sandbox
        if sandbox is not None:
            data, said = _least_rows(job, data, small, timing)
        text = data.script(f"Rows of {job.case_id}'s account and what they need")
        require_clean({"data.sql": text}, job.prepared.known)
    except BridgeError as error:
        return "", (f"no data slice: {error.message}",)
    write_text(job.context.cases.folder(job.case_id) / FOLDER / "data.sql", text)
    return data.words(), said


def _least_rows(job: Job, data: Data, small: Scenario, timing: Timing) -> tuple[Data, tuple[str, ...]]:
    """Shrink the rows in the target's sandbox database, with the same oracle."""
    product, address = job.prepared.settings.sandbox or ("", "")
    kept = [step.index for step in small.steps]
    whole = len(data.rows.rows)
    with job.wanted.open_rows(product, address) as load:
        fewer, shown = least(data, load, lambda: job.runner.run(small, kept, timing.clocks, timing.waits).seen)
    if not shown:
        return data, ("the failure does not show on the rows of the account alone: something else in the database matters",)
    job.context.emit(StepDone(source="reproduce", what=f"{whole} rows shrunk to {len(fewer.rows.rows)}", detail=""))
    return fewer, ()


def _lean(scenario: Scenario) -> Scenario:
    """Return the scenario without what a later run does not need: recorded answers but their status, and values that are linked."""
    steps = []
    for step in scenario.steps:
        request = step.request
        for link in scenario.links:
            if link.consumer == step.index:
                request = substitute(request, link.target, f"{link.before}{_LINKED}{link.after}")
        steps.append(replace(step, request=request, response=Response(status=step.response.status), account="", user="", trace=""))
    return replace(scenario, steps=tuple(steps))


def _har(last: Played | None, prepared: Prepared, made: Reproduction) -> str:
    """Return the run as HAR; what the target gave as credentials is replaced as a recording's are."""
    if last is None:
        return ""
    ran = tuple(Exchange(index=step.index, request=step.request, response=step.response) for step in last.steps)
    shown = scrub(Recording(exchanges=ran, hosts=(), source="run"), os.urandom(32)).exchanges
    steps = [replace(step, request=e.request, response=e.response) for step, e in zip(last.steps, shown, strict=True)]
    return exports.har(steps, url=prepared.settings.url, at=made.at.isoformat(), clean=lambda text: text)
