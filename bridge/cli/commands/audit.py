"""`bridge audit CASE`: every outside write and every gate that was let pass, when, by whom, and the answer."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bridge.cli import compose, output
from bridge.errors import ExitCode, NotFoundError

if TYPE_CHECKING:
    from bridge.filing.ledger import AuditLine

_COLUMNS = (
    output.Column(name="at", title="at (UTC)"),
    output.Column(name="who", title="who"),
    output.Column(name="kind", title="write"),
    output.Column(name="target", title="on"),
    output.Column(name="state", title="state"),
    output.Column(name="answer", title="answer", flexible=True),
)


def run(args: argparse.Namespace) -> int:
    """Print the ledger's audit and the overrides, oldest first."""
    from contextlib import closing

    from bridge.filing.ledger import Ledger
    from bridge.workflow.audit import overrides

    with compose.context(args, lambda _event: None) as context:
        if args.case:
            context.cases.load(args.case)
        passed = overrides(context.workspace.root, args.case)
        if not context.ledger_path.exists() and not passed:
            raise NotFoundError("nothing was ever written outside from this workspace", where=str(context.ledger_path))
        lines: tuple[AuditLine, ...] = ()
        if context.ledger_path.exists():
            with closing(Ledger(context.ledger_path, context.clock)) as ledger:
                lines = ledger.audit(args.case or None)
    if args.output != "text":
        output.data(args, {"audit": list(lines), "overrides": passed}, records="audit")
        return ExitCode.DONE
    rows = [
        {
            "at": f"{line.at:%Y-%m-%d %H:%M:%S}",
            "who": line.who,
            "kind": line.kind,
            "target": line.target or line.name,
            "state": line.state,
            "answer": line.answer,
        }
        for line in lines
    ]
    output.table(_COLUMNS, rows)
    output.say(f"\n  {len(lines)} lines; each write has its intent before its outcome")
    for line in passed:
        told = f"{line['at'][:19].replace('T', ' ')} {line['who']} let {line['case']} pass: {line['reason']} ({line['problems']})"
        output.say(f"  {output.safe(told)}")
    return ExitCode.DONE
