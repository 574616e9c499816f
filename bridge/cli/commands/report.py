"""`bridge report CASE`: render the report. `bridge report score CASE|FILE`: what it holds, what it lacks, and how to get that."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli import compose, output
from bridge.cli.progress import Progress
from bridge.errors import ExitCode, InputError, Problem

if TYPE_CHECKING:
    from bridge.reporting.elements import Elements
    from bridge.reporting.score import Part
    from bridge.workflow.difference import Difference
    from bridge.workflow.report import Reported

_SCORE = "score"


def run(args: argparse.Namespace) -> int:
    """Render, score, or show what a destination would get."""
    words = list(args.case)
    if words[0] == _SCORE and len(words) == 2:  # noqa: PLR2004  # score CASE
        return _score(args, words[1])
    if len(words) != 1:
        raise InputError(f"one case, not {' '.join(words)}", hint="bridge report BR-0001, or: bridge report score BR-0001")
    if args.override is not None:
        raise InputError("--override belongs to the score", hint=f'bridge report score {words[0]} --override "why"')
    if args.dry_run:
        return _difference(args, words[0])
    from bridge.workflow import said
    from bridge.workflow.report import make_report

    with Progress(quiet=args.output != "text") as progress, compose.context(args, progress) as context:
        context.cases.load(words[0])
        if args.promise is not None:
            said.keep_promise(context.cases.folder(words[0]), args.promise)
        reported = make_report(context, words[0], template=args.template, destination=args.destination)
        filed = reported.destination == context.workspace.privacy.tracker
    if args.output != "text":
        output.data(args, document(reported), records=None)
        return ExitCode.DONE
    show(reported)
    hand_on = f"For {reported.destination}: bridge neither files nor sends it. What it leaves out: the same command with --dry-run"
    output.say(f"\n  Next: bridge file {reported.case.id} --dry-run" if filed else f"\n  {hand_on}")
    return ExitCode.DONE


def document(reported: Reported) -> dict[str, object]:
    """Return the machine output."""
    return {
        "case": reported.case.id,
        "title": reported.title,
        "files": [str(path) for path in reported.files],
        "destination": reported.destination,
        "points": reported.score.points,
        "ceiling": reported.score.ceiling,
        "gates": [problem._asdict() for problem in reported.gates],
    }


def show(reported: Reported) -> None:
    """Print the title, the score and the report's paths for people."""
    output.say(f"\n  {output.bold(output.safe(reported.title))}")
    output.say(f"  score: {reported.score.sentence()}; what is missing: bridge report score {reported.case.id}")
    for path in reported.files:
        if path.suffix in {".md", ".html", ".wiki"} and "attachments" not in path.parts:
            output.say(f"  {output.safe(path)}")


def _score(args: argparse.Namespace, what: str) -> int:
    """Score a case by its facts, or a text by the elements it names."""
    from bridge.workflow.similar import CASE

    if not CASE.fullmatch(what):
        return _elements(args, Path(what))
    from bridge.workflow import said
    from bridge.workflow.report import make_report

    with Progress(quiet=args.output != "text") as progress, compose.context(args, progress) as context:
        reported = make_report(context, what, template=args.template)
        if args.override is not None:
            said.override(context.workspace.root, context.cases.folder(what), reported.gates, args.override, context.clock.now())
            reported = make_report(context, what, template=args.template)
    code = ExitCode.NO if reported.gates else ExitCode.DONE
    if args.output != "text":
        parts = {
            "missing": list(reported.score.missing),
            "out_of_reach": list(reported.score.out_of_reach),
            "parts": list(reported.score.parts),
        }
        overridden = [problem._asdict() for problem in reported.overridden]
        output.data(args, document(reported) | parts | {"percent": reported.score.percent, "overridden": overridden}, records="parts")
        return code
    _show_score(reported)
    return code


def _show_score(reported: Reported) -> None:
    from bridge.reporting.score import TOTAL

    score = reported.score
    rest = f"; {TOTAL - score.ceiling:g} of 100 can't" if score.ceiling < TOTAL else ""
    output.say(f"\n  {output.bold(score.sentence())}{rest}")
    if score.missing:
        output.say("\n  missing")
        _parts(score.missing)
    if score.out_of_reach:
        output.say("\n  can't be had here")
        for why in dict.fromkeys(part.unreachable for part in score.out_of_reach):
            parts = [part for part in score.out_of_reach if part.unreachable == why]
            names = ", ".join(dict.fromkeys(part.id for part in parts))
            output.say(f"    {sum(part.points for part in parts):g}  {names}: {why}")
    output.say()
    for problem in reported.overridden:
        output.say(f"  let pass by an override ({problem.where}): {output.safe(problem.message)}")
    _gates(reported.gates, reported.case.id)


def _parts(parts: tuple[Part, ...]) -> None:
    for part in parts:
        output.say(f"    {part.points * (1 - part.share):g}  {part.id}: {part.what}")
        output.say(f"           {output.safe(part.command)}")


def _gates(gates: tuple[Problem, ...], case_id: str) -> None:
    if not gates:
        output.say("  gates: none fails (G1 to G8)")
        return
    for problem in gates:
        output.say(f"  ✗ {problem.where}: {output.safe(problem.message)}\n      {output.safe(problem.hint)}")
    output.say(f'\n  It is not filed like this. With a reason, which the audit keeps: bridge report score {case_id} --override "why"')


def _elements(args: argparse.Namespace, path: Path) -> int:
    from bridge.reporting.elements import elements

    try:
        text = path.read_bytes()[:1_000_000].decode("utf-8", "replace")
    except OSError as error:
        raise InputError(f"{path} is no case and no file: {error.strerror}", hint="bridge report score BR-0001, or a text file") from error
    found: Elements = elements(text)
    if args.output != "text":
        output.data(args, {"file": str(path), "elements": found.held, "missing": list(found.missing), "share": found.share})
    else:
        output.say(f"\n  {len(found.present)} of {len(found.held)} elements; another scale than a case's points, not to be compared")
        for name, held in found.held.items():
            output.say(f"    {'✓' if held else '·'} {name}" + ("" if held else f"   ask: {found.ask[name]}"))
    return ExitCode.DONE


def _difference(args: argparse.Namespace, case_id: str) -> int:
    from bridge.workflow.difference import difference

    with Progress(quiet=args.output != "text") as progress, compose.context(args, progress) as context:
        found = difference(context, case_id, template=args.template, destination=args.destination)
    if args.output != "text":
        output.data(args, found)
        return ExitCode.DONE
    _show_difference(found)
    return ExitCode.DONE


def _show_difference(found: Difference) -> None:
    output.say(f"\n  For {found.destination}; nothing was written. Against a report that keeps everything but people and credentials:")
    for word, kinds in (("kept", found.kept), ("masked", found.masked)):
        told = ", ".join(f"{number} {kind}" for kind, number in kinds.items()) or "nothing"
        output.say(f"    {word}: {told}")
    output.say(f"    left out: {', '.join(found.left_out) or 'nothing'}")
    output.say()
    for line in found.lines:
        output.say(f"  {output.safe(line)}")
    if found.more:
        output.say(f"  ... {found.more} more lines differ (--output json has them all)")
