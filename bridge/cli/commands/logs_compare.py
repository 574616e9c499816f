"""`bridge logs compare --before FILE... --after FILE...`: what is different now."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bridge.cli import log_questions, log_templates, output
from bridge.errors import ExitCode, InputError
from bridge.logs.question import EVER

if TYPE_CHECKING:
    from bridge.analysis.comparison import Comparison
    from bridge.logs.steps import Steps

_HINT = "bridge logs compare --before FILE... --after FILE...   or: bridge logs compare FILE... --before TIME..TIME --after TIME..TIME"
_GROUPS = (
    output.Column(name="group", title="points to", flexible=True),
    output.Column(name="first", title="broke first in", right=True),
    output.Column(name="findings", title="findings", right=True),
    output.Column(name="q_value", title="q", right=True),
)
_FINDINGS = (
    output.Column(name="kind", title="what"),
    output.Column(name="now", title="now", right=True),
    output.Column(name="before", title="before", right=True),
    output.Column(name="q_value", title="q", right=True),
    output.Column(name="ids", title="template, before"),
    output.Column(name="statement", title="finding", flexible=True),
)


def run(args: argparse.Namespace) -> int:
    """Compare two sets of events and print what is different, the likeliest cause first."""
    from bridge.analysis.compare import compare_steps
    from bridge.analysis.comparison import Difference

    if not args.before or not args.after:
        raise InputError("which logs are compared?", hint=_HINT)
    before, after = _side(args, "before"), _side(args, "after")
    found = compare_steps(before, after, by=args.by, known=log_templates.known(args))
    problems = [*before.problems, *after.problems]
    for problem in dict.fromkeys(problems):
        output.narrate(f"  ! {output.safe(problem)}")
    if args.output == "parquet":
        from bridge.workflow.codec import to_plain

        log_questions.parquet(to_plain(found)["findings"], "compare", Difference.__slots__, templates=found.algorithm)
        return ExitCode.DONE
    if args.output == "jsonl":
        from bridge.workflow.codec import to_plain

        output.data(
            args, {"findings": [{**item, "algorithm": found.algorithm} for item in to_plain(found)["findings"]]}, records="findings"
        )
        return ExitCode.DONE
    if args.output != "text":
        output.data(args, found, records="findings")
        return ExitCode.DONE
    _show(found)
    return ExitCode.DONE


def _side(args: argparse.Namespace, side: str) -> Steps:
    """Return the events of one side: files and stretches of time as they were given, or those of a store, counted there."""
    from bridge.logs.steps_here import steps_of, within
    from bridge.logs.store import events_table

    given: Sequence[str] = getattr(args, side)
    windows = [window for window in map(_window, given) if window is not None]
    names = [name for name in given if _window(name) is None] or list(args.files)
    if not names and not args.source:
        raise InputError(f"which files are --{side}?", hint=_HINT)
    files, problems = log_questions.files(argparse.Namespace(**{**vars(args), "files": names}))
    asked = replace(log_questions.question(args, attributes=True), whole=True)  # every line is counted
    remote = log_questions.cluster(args)
    if remote is not None:
        steps = remote.steps(asked, args.by, windows)
    else:
        answer = log_questions.ask_files(args, files, asked)
        table = within(events_table(answer.rows, answer.rows.order().tolist()), windows)
        counts = answer.counts()
        problems += [f"--{side}: {counts['rejected']:,} of {counts['lines']:,} lines are no events"] if counts["rejected"] else []
        steps = steps_of(table, by=args.by, problems=[*problems, *answer.problems()])
    if not steps.totals().lines:
        raise InputError(
            f"--{side} holds no events", where=", ".join(names), hint="bridge logs formats explain FILE tells how a file is read"
        )
    return steps


def _window(text: str) -> tuple[int, int] | None:
    """Return the ends of TIME..TIME in microseconds, either may be open; None: it is no stretch of time."""
    from bridge.config.durations import moment
    from bridge.logs.times import micros

    first, dots, last = text.partition("..")
    if not dots or not (first or last)[:4].isdigit():
        return None
    try:
        return (micros(moment(first)) if first else -EVER), (micros(moment(last)) if last else EVER)
    except (ValueError, InputError):
        return None


def _show(found: Comparison) -> None:
    output.say(f"  {found.lines:,} lines in {found.units:,} {found.unit} now, {found.lines_before:,} in {found.units_before:,} before\n")
    if not found.findings:
        output.say(f"  nothing is different beyond chance: {found.tried:,} comparisons were tried")
    else:
        output.table(_GROUPS, [{**_plain(group), "q_value": f"{group.q_value:.1e}"} for group in found.groups[:10]])
        output.say()
        rows = [
            {
                "kind": item.kind,
                "now": f"{item.count:g}/{item.total}",
                "before": f"{item.count_before:g}/{item.total_before}",
                "q_value": f"{item.q_value:.1e}",
                "ids": " ".join([item.template_id, *item.aliases]),
                "statement": item.statement,
            }
            for item in found.findings
        ]
        output.table(_FINDINGS, rows)
    for note in found.not_compared:
        output.narrate(f"  ! not compared: {output.safe(note)}")
    output.say(
        f"\n  by {output.safe(found.by)}; {found.tried:,} comparisons tried; templates by {found.algorithm}; all of it: --output json"
    )


def _plain(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}
