"""`bridge logs compare --before FILE... --after FILE...`: what is different now."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bridge.cli import log_questions, log_templates, output
from bridge.errors import ExitCode, InputError

if TYPE_CHECKING:
    from bridge.analysis.compare import Comparison
    from bridge.model.finding import LogLine

Real = Callable[[Iterable[int]], dict[int, str]]
"""From rows of a side to the messages that they have."""
_HINT = "bridge logs compare --before FILE... --after FILE...   or: bridge logs compare FILE... --before TIME..TIME --after TIME..TIME"
_EVER = 1 << 62
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
    output.Column(name="statement", title="finding", flexible=True),
)


def run(args: argparse.Namespace) -> int:
    """Compare two sets of events and print what is different, the likeliest cause first."""
    from bridge.analysis.compare import Difference, compare

    if not args.before or not args.after:
        raise InputError("which logs are compared?", hint=_HINT)
    before, problems, real_before = _events(args, "before")
    after, more, real = _events(args, "after")
    found = _shown(compare(before, after, by=args.by, known=log_templates.known(args)), real, real_before)
    for problem in dict.fromkeys([*problems, *more]):
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


def _shown(found: Comparison, real: Real | None, real_before: Real | None) -> Comparison:
    """Return the comparison with the exemplars' own messages, where a store kept them until now."""
    if real is None or real_before is None:
        return found
    now = real(line.offset for item in found.findings for line in item.exemplars)
    past = real_before(line.offset for item in found.findings for line in item.exemplars_before)
    findings = (
        replace(item, exemplars=_itself(item.exemplars, now), exemplars_before=_itself(item.exemplars_before, past))
        for item in found.findings
    )
    return replace(found, findings=tuple(findings))


def _itself(lines: Iterable[LogLine], messages: dict[int, str]) -> tuple[LogLine, ...]:
    return tuple(replace(line, message=messages.get(line.offset, line.message), offset=0) for line in lines)


def _events(args: argparse.Namespace, side: str) -> tuple[Any, list[str], Real | None]:
    """Return the events of one side: files and stretches of time as they were given; of a store, what its exemplars say, too."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    from bridge.logs.store import events_table

    given: Sequence[str] = getattr(args, side)
    windows = [window for window in map(_window, given) if window is not None]
    names = [name for name in given if _window(name) is None] or list(args.files)
    if not names and not args.source:
        raise InputError(f"which files are --{side}?", hint=_HINT)
    files, missing = log_questions.files(argparse.Namespace(**{**vars(args), "files": names}))
    asked = replace(log_questions.question(args, attributes=True), whole=True)  # every line is counted
    remote = log_questions.cluster(args)
    real: Real | None = None
    if remote is not None:
        if windows:  # what lies outside is not fetched
            start, end = min(start for start, _ in windows), max(end for _, end in windows)
            asked = replace(asked, start=start if start > -_EVER else None, end=end if end < _EVER else None)
        steps = remote.steps(asked, args.by)
        table, problems = steps.table, steps.problems
        real = steps.messages if steps.fetch is not None else None
    else:
        answer = log_questions.ask_files(args, files, asked)
        table = events_table(answer.rows, answer.rows.order().tolist())
        counts = answer.counts()
        problems = [f"--{side}: {counts['rejected']:,} of {counts['lines']:,} lines are no events"] if counts["rejected"] else []
        problems += answer.problems()
    if windows:
        at = pc.cast(table["at"], pa.int64()).to_numpy()
        table = table.filter(pa.array(np.any([(at >= start) & (at < end) for start, end in windows], axis=0)))
    if not table.num_rows:
        raise InputError(
            f"--{side} holds no events", where=", ".join(names), hint="bridge logs formats explain FILE tells how a file is read"
        )
    return table, [*missing, *problems], real


def _window(text: str) -> tuple[int, int] | None:
    """Return the ends of TIME..TIME in microseconds, either may be open; None: it is no stretch of time."""
    from bridge.config.durations import moment
    from bridge.logs.times import micros

    first, dots, last = text.partition("..")
    if not dots or not (first or last)[:4].isdigit():
        return None
    try:
        return (micros(moment(first)) if first else -_EVER), (micros(moment(last)) if last else _EVER)
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
