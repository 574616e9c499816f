"""`bridge templates list|check|preview`: the templates that reports are written with."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli import compose, output
from bridge.errors import BridgeError, ExitCode, InputError

if TYPE_CHECKING:
    from bridge.reporting.template import TemplateInfo


def run(args: argparse.Namespace) -> int:
    """Do one of the three; they also work outside of a workspace, with the built-in templates."""
    return {"list": _list, "check": _check, "preview": _preview}[args.action](args)


def _own(args: argparse.Namespace) -> Path | None:
    """Return the workspace's folder of templates, None outside of a workspace."""
    if args.workspace:
        with compose.context(args, lambda _event: None) as context:
            return context.workspace.root / "templates"
    try:
        with compose.context(args, lambda _event: None) as context:
            return context.workspace.root / "templates"
    except BridgeError:
        return None


def _list(args: argparse.Namespace) -> int:
    from bridge.reporting.template import list_templates

    found = list_templates(_own(args))
    rows = [_row(info) for info in found]
    if args.output != "text":
        output.data(args, {"templates": rows}, records="templates")
        return ExitCode.DONE
    columns = [
        output.Column(name="name", title="template"),
        output.Column(name="origin", title="from"),
        output.Column(name="for", title="for"),
        output.Column(name="description", title="what it is", flexible=True),
    ]
    output.table(columns, rows)
    output.say("\n  A file of the same name in the workspace's templates/ replaces a built-in one: docs/templates.md")
    return ExitCode.DONE


def _row(info: TemplateInfo) -> dict[str, str]:
    origin = "workspace, instead of the built-in one" if info.hides else info.origin
    return {
        "name": info.name,
        "origin": origin,
        "for": info.destination or "the tracker",
        "description": info.description,
        "file": str(info.path),
    }


def _check(args: argparse.Namespace) -> int:
    from bridge.workflow.templates import check, chosen

    found = {info.name: check(info) for info in chosen(args.name, _own(args))}
    wrong = sum(map(bool, found.values()))
    if args.output != "text":
        rows = [{"template": name, "ok": not issues, "problems": [p._asdict() for p in issues]} for name, issues in found.items()]
        output.data(args, {"templates": rows}, records="templates")
        return ExitCode.NO if wrong else ExitCode.DONE
    for name, issues in found.items():
        output.say(f"  {'✗' if issues else '✓'} {output.safe(name)}")
        for problem in issues:
            output.say(f"      {output.safe(problem.where)}: {output.safe(problem.message)}")
            if problem.hint:
                output.say(f"        {output.safe(problem.hint)}")
    output.say(f"\n  {len(found) - wrong} of {len(found)} templates can be used: rendered with three made-up cases, and through the gates")
    return ExitCode.NO if wrong else ExitCode.DONE


def _preview(args: argparse.Namespace) -> int:
    from bridge.workflow.templates import chosen, preview

    if not args.name:
        raise InputError("which template?", hint="bridge templates preview bug_report   all: bridge templates list")
    (info,) = chosen(args.name, _own(args))
    if args.case:
        with compose.context(args, lambda _event: None) as context:
            text = preview(context, info, args.case, args.markup)
    else:
        text = preview(None, info, None, args.markup)
    if args.output != "text":
        output.data(args, {"template": info.name, "as": args.markup, "text": text})
    else:
        print(text, end="" if text.endswith("\n") else "\n")
    return ExitCode.DONE
