"""From a recorded session to the smallest failing sequence, its verdict, and files that engineers can run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from bridge.errors import NotFoundError, RefusedError
from bridge.model.exchange import Exchange, Recording, Response
from bridge.model.reproduction import FixVerdict, Reproduction, ReproductionStep, StepChange, Verdict, Verification
from bridge.reproduction import exports, inside
from bridge.reproduction.atoms import route, substitute
from bridge.reproduction.capture import scrub
from bridge.reproduction.links import compare, entity_slice
from bridge.reproduction.reduce import DETECTION, Exhausted, Items, Search, Trust, shrink, smallest, trust
from bridge.reproduction.scan import require_clean
from bridge.reproduction.scenario import Played, Scenario
from bridge.reproduction.statistics import repeats, wilson
from bridge.workflow.codec import from_json, to_json, write_text
from bridge.workflow.events import StepDone, StepStarted
from bridge.workflow.replaying import Runner
from bridge.workflow.reproduce_plan import Prepared, Wanted, prepare
from bridge.workflow.reproduction_settings import TargetSettings, target
from bridge.workflow.reproduction_store import FOLDER

if TYPE_CHECKING:
    from bridge.ports import HttpTarget
    from bridge.workflow.context import Context

_LINKED = "linked"
"""Stands where a run puts an earlier answer's value."""
_ROUNDS = 4
_PROOF = 0.01
"""Doubt that is left after the clean runs that prove a fix."""
OpenTarget = Callable[[TargetSettings, tuple[str, ...]], "HttpTarget"]
Clocks = Mapping[int, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """scenario.json: what runs again later."""

    format: int
    case_id: str
    scenario: Scenario
    clocks: tuple[tuple[int, datetime], ...]
    hosts: tuple[str, ...]
    """The recording's: refused as targets for ever."""
    confirmed: tuple[str, ...]
    seen: int
    runs: int


def reproduce(context: Context, case_id: str, wanted: Wanted, open_target: OpenTarget, *, clean_up: bool = False) -> Reproduction:
    """Replay, shrink, measure, and write the files into the case folder. Sends requests: the caller has asked for that."""
    prepared = prepare(context, case_id, wanted)
    runner = Runner(target=open_target(prepared.settings, prepared.settings.rules.refused), settings=prepared.settings, clock=context.clock)
    try:
        made = _reproduced(context, case_id, prepared, runner, wanted)
        if clean_up and runner.created:
            left = runner.clean_up()
            made = replace(made, created=left)
    except RefusedError as error:
        made = _verdict(
            context, case_id, prepared, runner, verdict="blocked", sentence=f"blocked: {error.message}", limits=(error.where, error.hint)
        )
    folder = context.cases.folder(case_id) / FOLDER
    write_text(folder / "verdict.json", to_json(made))
    context.emit(StepDone(source="reproduce", what=made.verdict, detail=made.sentence))
    return made


def _reproduced(context: Context, case_id: str, prepared: Prepared, runner: Runner, wanted: Wanted) -> Reproduction:
    context.emit(StepStarted(source="reproduce", what=f"replaying {len(prepared.scenario.steps)} requests"))
    clocks: Clocks = {step.index: step.at for step in prepared.scenario.steps if step.at} if prepared.settings.clock else {}
    everything = [step.index for step in prepared.scenario.steps]
    compared = compare(prepared.scenario, lambda s: runner.run(s, everything, clocks), rounds=_ROUNDS)
    scenario = replace(prepared.scenario, links=compared.links)
    first = [compared.last, *(runner.run(scenario, everything, clocks) for _ in range(DETECTION - 1))]
    seen = sum(played.seen for played in first)
    if seen == 0:
        return _not_seen(context, case_id, prepared, runner, scenario, clocks, first, wanted)
    context.emit(StepStarted(source="reproduce", what=f"seen {seen} of {DETECTION}; shrinking {len(everything)} requests"))
    small, clocks, complete = _shrunk(context, scenario, clocks, runner, trust(seen, DETECTION))
    kept = [step.index for step in small.steps]
    last: Played | None = None
    count = 0
    for _ in range(wanted.runs):
        played = runner.run(small, kept, clocks)
        count += played.seen
        last = played if played.seen or last is None else last
    low, high = wilson(count, wanted.runs)
    verdict: Verdict = "reproduced" if count == wanted.runs else "flaky" if count else "not reproduced"
    sentence = f"{verdict}, {count} of {wanted.runs} ({low:.0%} to {high:.0%})"
    made = _verdict(context, case_id, prepared, runner, verdict=verdict, sentence=sentence, seen=count, runs=wanted.runs)
    made = replace(
        made,
        kept=len(kept),
        links_proven=sum(link.status == "proven" for link in scenario.links),
        links_guessed=sum(link.status == "guessed" for link in scenario.links),
        steps=_steps(small, clocks),
        times=_times(clocks, prepared.settings),
        limits=(*made.limits, *(() if complete else ("the budget ended before the search: a shorter sequence may exist",))),
    )
    files = _files(context, case_id, prepared, small, clocks, made, last)
    return replace(made, files=files)


def _shrunk(context: Context, scenario: Scenario, clocks: Clocks, runner: Runner, first: Trust) -> tuple[Scenario, Clocks, bool]:
    """Requests first, then the moments that the clock has to show, then what stands inside the requests."""
    search = Search(
        run=lambda items: runner.run(scenario, items, clocks).seen, trust=first, producers=scenario.producers(), fixed=scenario.oracle.kept
    )
    shrunk = smallest(search, [step.index for step in scenario.steps], [entity_slice(scenario)], measure=DETECTION)
    small = _only(scenario, shrunk.items)
    context.emit(
        StepDone(
            source="reproduce", what=f"{len(scenario.steps)} requests shrunk to {len(small.steps)}", detail=f"{search.replays} replays"
        )
    )
    kept = list(shrunk.items)

    def with_clocks(some: Items) -> bool:
        return runner.run(small, kept, {index: clocks[index] for index in some}).seen

    moments = [index for index in kept if index in clocks]
    clocks = {index: clocks[index] for index in _least(with_clocks, moments, search.trust)}
    pieces = inside.parts(small.steps)

    def with_parts(some: Items) -> bool:
        stay = set(some)
        return runner.run(inside.without(small, (p for n, p in enumerate(pieces) if n not in stay)), kept, clocks).seen

    stay = set(_least(with_parts, range(len(pieces)), search.trust))
    small = inside.without(small, (part for number, part in enumerate(pieces) if number not in stay))
    return small, clocks, shrunk.complete


def _least(run: Callable[[Items], bool], items: Iterable[int], certain: Trust) -> Items:
    """Return the items that have to stay; all of them when there is nothing to choose."""
    wanted = tuple(items)
    search = Search(run=run, trust=certain, producers={}, fixed=frozenset())
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


def _not_seen(
    context: Context,
    case_id: str,
    prepared: Prepared,
    runner: Runner,
    scenario: Scenario,
    clocks: Clocks,
    first: list[Played],
    wanted: Wanted,
) -> Reproduction:
    everything = [step.index for step in scenario.steps]
    invalid = next((played for played in first if played.outcome == "invalid"), None)
    if invalid is not None:
        made = _verdict(
            context,
            case_id,
            prepared,
            runner,
            verdict="candidate invalid",
            sentence=f"candidate invalid: {invalid.detail}",
            runs=len(first),
        )
    else:
        more = [runner.run(scenario, everything, clocks) for _ in range(max(0, wanted.runs - len(first)))]
        runs = len(first) + len(more)
        _, high = wilson(0, runs)
        sentence = f"not reproduced: 0 of {runs}, rate below {high:.0%}; {first[0].detail}"
        made = _verdict(context, case_id, prepared, runner, verdict="not reproduced", sentence=sentence, runs=runs)
    differ = tuple(f"request {s.index + 1} {route(s.request)}: recorded {s.recorded}, now {s.status}" for s in first[0].mismatches[:20])
    counts = [sum(link.status == word for link in scenario.links) for word in ("proven", "guessed")]
    return replace(made, differences=differ, links_proven=counts[0], links_guessed=counts[1])


def _verdict(
    context: Context,
    case_id: str,
    prepared: Prepared,
    runner: Runner,
    *,
    verdict: Verdict,
    sentence: str,
    seen: int = 0,
    runs: int = 0,
    limits: tuple[str, ...] = (),
) -> Reproduction:
    low, high = wilson(seen, runs)
    environment: dict[str, str] = {}
    with suppress(RefusedError):
        environment = runner.about() if verdict != "blocked" else {}
    count = len(prepared.scenario.steps)
    return Reproduction(
        case_id=case_id,
        verdict=verdict,
        sentence=sentence,
        oracle=prepared.scenario.oracle.sentence(),
        seen=seen,
        runs=runs,
        low=low,
        high=high,
        target=prepared.settings.name,
        url=prepared.settings.url,
        at=context.clock.now(),
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
        created=tuple(f"{made_by}: {path}" for path, made_by in runner.created.items()),
        environment=environment,
    )


def _steps(small: Scenario, clocks: Clocks) -> tuple[ReproductionStep, ...]:
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
            clock=clocks.get(step.index),
        )
        for step in small.steps
    )


def _times(clocks: Clocks, settings: TargetSettings) -> str:
    if settings.clock is None:
        return "recorded gaps were not kept: the requests followed each other at once"
    if not clocks:
        return "no recorded time matters: it fails at any time, with the requests following each other at once"
    told = ", ".join(f"{at:%H:%M:%S} UTC on {at:%Y-%m-%d} at request {index + 1}" for index, at in clocks.items())
    return f"the clock has to show {told}; all other recorded times and gaps do not matter"


def _files(
    context: Context, case_id: str, prepared: Prepared, small: Scenario, clocks: Clocks, made: Reproduction, last: Played | None
) -> tuple[str, ...]:
    """Write the artefacts, all or none: the secret scan comes first."""
    clean_runs = _needed(made.seen, made.runs) if made.seen else 1
    script = exports.script(
        small,
        title=f"Reproduction of {case_id}: {made.kept} of {made.recorded} recorded requests",
        verdict=f"Verdict: {made.sentence} on {made.target}, {made.at:%Y-%m-%d %H:%M} UTC.",
        clocks=clocks,
        clock_path=prepared.settings.clock.path if prepared.settings.clock else "",
        repeats=clean_runs,
    )
    stored = Stored(
        format=1,
        case_id=case_id,
        scenario=_lean(small),
        clocks=tuple(sorted(clocks.items())),
        hosts=prepared.settings.rules.refused,
        confirmed=tuple(sorted(prepared.settings.rules.confirmed)),
        seen=made.seen,
        runs=made.runs,
    )
    texts = {
        "test_reproduction.py": exports.python(script),
        "reproduce.sh": exports.bash(script),
        "reproduce.http": exports.http_file(script),
        "reproduce.hurl": exports.hurl(script),
        "run.har": _har(last, prepared, made),
        "scenario.json": to_json(stored),
    }
    secrets = tuple(value for who in prepared.settings.identities for value in (who.password, who.token) if value)
    require_clean(texts, (*secrets, *prepared.known))
    folder = context.cases.folder(case_id) / FOLDER
    for name, text in texts.items():
        write_text(folder / name, text)
    return tuple(texts)


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


def _needed(seen: int, runs: int) -> int:
    """Return the clean runs that leave less than one percent of doubt at the lower end of the measured rate."""
    return max(3, repeats(min(0.999, max(0.001, wilson(seen, runs)[0])), _PROOF))


def verify(context: Context, case_id: str, target_name: str, open_target: OpenTarget) -> Verification:
    """Run the stored scenario again on a target, as often as the recorded rate asks for: fixed, still failing, or can't tell."""
    path = context.cases.folder(case_id) / FOLDER / "scenario.json"
    if not path.is_file():
        raise NotFoundError(
            f"{case_id} has no reproduction", where=str(path), hint=f"make one: bridge reproduce {case_id} --target {target_name}"
        )
    stored = from_json(path.read_text(encoding="utf-8"), Stored, where=str(path))
    system = target(context.workspace, target_name, hosts=stored.hosts, confirmed=frozenset(stored.confirmed))
    runner = Runner(target=open_target(system, stored.hosts), settings=system, clock=context.clock)
    needed = _needed(stored.seen, stored.runs)
    kept = [step.index for step in stored.scenario.steps]
    clocks = dict(stored.clocks)
    played: list[Played] = []
    for number in range(needed):
        context.emit(StepStarted(source="verify", what=f"run {number + 1} of {needed}"))
        played.append(runner.run(stored.scenario, kept, clocks))
        if played[-1].outcome in {"seen", "invalid", "other"}:
            break
    return _fix_verdict(context, stored, system, played, needed)


def _fix_verdict(context: Context, stored: Stored, system: TargetSettings, played: list[Played], needed: int) -> Verification:
    seen, runs = sum(p.seen for p in played), len(played)
    _, high = wilson(seen, runs)
    odd = next((p for p in played if p.outcome in {"invalid", "other"}), None)
    verdict: FixVerdict = "still failing" if seen else "can't tell" if odd else "fixed"
    sentences = {
        "fixed": f"fixed: {runs} clean runs of {needed} needed at the recorded rate ({stored.seen} of {stored.runs}); 0 of {runs} failed",
        "still failing": f"still failing: seen in run {runs} of at most {needed}",
        "can't tell": f"can't tell: {odd.detail if odd else ''}",
    }
    numbers = {step.index: at for at, step in enumerate(stored.scenario.steps, start=1)}
    made = Verification(
        case_id=stored.case_id,
        verdict=verdict,
        sentence=sentences[verdict],
        seen=seen,
        runs=runs,
        needed=needed,
        high=high,
        at=context.clock.now(),
        target=system.name,
        steps=tuple(
            StepChange(number=numbers[step.index], route=route(step.request), before=step.recorded, now=step.status)
            for step in played[-1].steps
        ),
    )
    write_text(context.cases.folder(stored.case_id) / FOLDER / "verified.json", to_json(made))
    return made
