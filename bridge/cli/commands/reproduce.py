"""`bridge reproduce CASE`: the smallest failing sequence, dry by default."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli import compose, output
from bridge.cli.progress import Progress
from bridge.errors import ExitCode, InputError

if TYPE_CHECKING:
    from bridge.model.reproduction import Reproduction
    from bridge.ports import HttpTarget
    from bridge.workflow.reproduce_plan import Prepared
    from bridge.workflow.reproduction_settings import TargetSettings

_MOST_STRETCHED = 100


def run(args: argparse.Namespace) -> int:
    """Show what would be sent; with --send, send it."""
    from bridge.workflow.reproduce import reproduce
    from bridge.workflow.reproduce_plan import Wanted, prepare

    wanted = Wanted(
        target=args.target,
        har=Path(args.har).resolve() if args.har else None,
        session=args.session,
        anchor=args.anchor,
        checks=tuple(args.check),
        absent=args.absent,
        gaps=gaps(args.gaps),
        open_rows=open_rows,
        confirmed=frozenset(args.confirm),
        runs=args.runs,
    )
    with Progress(quiet=args.output != "text") as progress, compose.context(args, progress) as context:
        if not args.send:
            return _dry(args, prepare(context, args.case, wanted))
        made = reproduce(context, args.case, wanted, open_target, clean_up=args.clean_up)
        folder = context.cases.folder(args.case) / "reproduction"
    if args.output != "text":
        output.data(args, made)
    else:
        _show(made, folder)
    return ExitCode.DONE if made.verdict in {"reproduced", "flaky"} else ExitCode.REFUSED if made.verdict == "blocked" else ExitCode.NO


def gaps(text: str) -> float | None:
    """Read --gaps: a factor for recorded gaps, None for auto; InputError shows the value."""
    if text == "auto":
        return None
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not 0 <= factor <= _MOST_STRETCHED:
        raise InputError(f"--gaps takes auto or a factor from 0 to {_MOST_STRETCHED}, not '{text}'", hint="--gaps 1 keeps them")
    return factor


def open_rows(product: str, address: str) -> AbstractContextManager[Callable[[Sequence[str], Sequence[str]], None]]:
    """Open the target's sandbox database."""
    from bridge.adapters.http import rows

    return rows.open_rows(product, address)


def open_target(settings: TargetSettings, refused: tuple[str, ...]) -> HttpTarget:
    """Open the HTTP client; recorded hosts without wildcards are looked up, so that no other name leads to them."""
    from bridge.adapters.http.target import Target

    return Target(settings.url, refused=frozenset(host for host in refused if "*" not in host))


def _dry(args: argparse.Namespace, prepared: Prepared) -> int:
    from bridge.reproduction.atoms import route
    from bridge.reproduction.safety import danger, problems

    steps = prepared.scenario.steps
    replays, requests = prepared.estimate
    found = problems(steps, prepared.settings.url, prepared.settings.rules)
    seconds = requests / prepared.settings.rules.rate
    routes: dict[str, int] = {}
    for step in steps:
        routes[f"{route(step.request)} ({danger(step.request)})"] = routes.get(f"{route(step.request)} ({danger(step.request)})", 0) + 1
    if args.output != "text":
        document = {
            "would_send": {
                "replays": replays,
                "requests": requests,
                "most_requests": prepared.settings.rules.requests,
                "seconds": round(seconds),
                "most_seconds": prepared.settings.rules.seconds,
                "requests_a_replay": len(steps),
                "writes": prepared.writes,
            },
            "target": {"name": prepared.settings.name, "url": prepared.settings.url},
            "chosen": prepared.chosen,
            "failure": prepared.scenario.oracle.sentence(),
            "routes": routes,
            "links": len(prepared.scenario.links),
            "limits": list(prepared.limits),
            "refused": [problem._asdict() for problem in found],
        }
        output.data(args, document)
        return ExitCode.REFUSED if found else ExitCode.DONE
    output.say(f"  {output.safe(prepared.chosen)}")
    output.say(f"  the failure: {output.safe(prepared.scenario.oracle.sentence())}")
    output.say(
        f"  recorded in {output.safe(prepared.source)}: {len(steps)} requests up to it, {len(prepared.scenario.links)} links between them (all guessed so far)"
    )
    for name, count in sorted(routes.items(), key=lambda item: -item[1]):
        output.say(f"    {count:>4}  {output.safe(name)}")
    for limit in prepared.limits:
        output.say(f"  ! {output.safe(limit)}")
    rules = prepared.settings.rules
    output.say(
        f"\n  Would send to {output.safe(prepared.settings.url)}, by estimate: about {requests:,} requests in {replays} replays "
        f"({rules.rate:g} a second, about {seconds:,.0f} s), of which {prepared.writes} of {len(steps)} in a whole replay may write.\n"
        "  That is for a failure that always shows; one that shows now and then takes more.\n"
        f"  The bound: never more than {rules.requests:,} requests or {rules.seconds:,.0f} s. There it stops, and says what it has."
    )
    for problem in found:
        output.say(f"  ✗ {output.safe(problem.message)}   {output.safe(problem.hint)}")
    if found:
        return ExitCode.REFUSED
    output.say("  Nothing was sent. Run it with --send.")
    return ExitCode.DONE


def _show(made: Reproduction, folder: Path) -> None:
    output.say(f"\n  {output.bold(output.safe(f'verdict: {made.sentence}'))}")
    output.say(f"  {output.safe(made.oracle)}")
    if made.steps:
        output.say(f"  {made.kept} of {made.recorded} recorded requests; {made.replays} replays, {made.requests:,} requests sent")
    for step in made.steps:
        clock = f"   [clock {step.clock:%H:%M:%S} UTC]" if step.clock else f"   [after {step.wait:g} s]" if step.wait else ""
        output.say(
            f"    {step.number}. {output.safe(f'{step.method} {step.route}')}{'   ' + output.safe(step.words) if step.words else ''}{clock}"
        )
    if made.times:
        output.say(f"  {output.safe(made.times)}")
    for text in (*made.differences, *made.limits):
        output.say(f"  ! {output.safe(text)}")
    for text in made.other_failures:
        output.say(f"  other failure on the way, not this one: {output.safe(text)}")
    if made.data:
        output.say(f"  data.sql: {output.safe(made.data)}")
    if made.created:
        output.say(f"  left on the target: {len(made.created)}, the newest {output.safe(made.created[-1])} (--clean-up deletes them)")
    if made.files:
        output.say(f"  {output.safe(folder)}: {', '.join(made.files)}")
        output.say(f"\n  Next: bridge report {made.case_id}      later: bridge verify {made.case_id} --target {output.safe(made.target)}")
