"""`bridge show CASE`: findings, evidence, what is filed and what is next; or the rows of one table."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bridge.cli import compose, output
from bridge.cli.commands.investigate import statements
from bridge.errors import ExitCode

if TYPE_CHECKING:
    from bridge.workflow.context import Context
    from bridge.workflow.overview import Overview

_EVIDENCE = (
    output.Column(name="id", title=""),
    output.Column(name="name", title="evidence"),
    output.Column(name="source", title="source"),
    output.Column(name="rows", title="rows", right=True),
    output.Column(name="took", title="took", right=True),
    output.Column(name="digest", title="sha256"),
)


def run(args: argparse.Namespace) -> int:
    """Print one case."""
    with compose.context(args, lambda _event: None) as context:
        if args.evidence:
            return _rows(args, context)
        from bridge.workflow.overview import overview

        seen = overview(context, args.case)
    if args.output != "text":
        output.data(args, seen)
    else:
        _print(seen)
    return ExitCode.DONE


def _print(seen: Overview) -> None:
    from bridge.workflow.investigate import window_text

    case = seen.case
    output.say(f"  {output.bold(case.id)}  {output.safe(case.investigation)} v{case.investigation_version}  {case.state}")
    output.say(f"  {window_text(case.window)}   {len(case.tickets)} tickets")
    output.say(f"  {output.safe(seen.folder)}\n")
    if seen.analysis is not None:
        statements(seen.analysis.findings)
        output.say()
    if seen.evidence:
        output.table(
            _EVIDENCE,
            [
                {
                    "id": p.id,
                    "name": p.name,
                    "source": f"{p.source} ({p.product})",
                    "rows": f"{p.rows:,}" + ("+" if p.truncated else ""),
                    "took": f"{p.took_seconds:.1f} s",
                    "digest": p.digest[:12],
                }
                for p in seen.evidence
            ],
        )
        output.say()
    for problem in case.problems:
        output.say(f"  ! {output.safe(problem)}")
    for name in seen.reports:
        if name.endswith((".md", ".html", ".wiki")):
            output.say(f"  {output.safe(name)}")
    for line in seen.filed.lines:
        output.say(f"  {output.safe(line)}")
    output.say(f"\n  Next: {output.safe(seen.next)}")


def _rows(args: argparse.Namespace, context: Context) -> int:
    from bridge.workflow.personal import table_of

    context.cases.load(args.case)
    provenance, table, hidden = table_of(context, args.case, args.evidence, show_personal=args.show_personal)
    shown = table.slice(0, args.limit).to_pylist()
    if args.output != "text":
        output.data(args, {"provenance": provenance, "rows": shown}, records="rows")
        return ExitCode.DONE
    columns = [output.Column(name=name, title=name, flexible=True) for name in table.column_names]
    output.table(columns, shown)
    output.say(f"\n  {len(shown)} of {table.num_rows:,} rows   {provenance.id} {provenance.name}   sha256 {provenance.digest}")
    if hidden:
        output.say(f"  personal data masked in {', '.join(map(output.safe, hidden))}; as it is, and noted in audit.jsonl: --show-personal")
    output.say(
        f"  {provenance.product} {output.safe(provenance.source)}, {provenance.started_at:%Y-%m-%d %H:%M:%S} UTC, {provenance.took_seconds} s"
    )
    return ExitCode.DONE
