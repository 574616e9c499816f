"""`bridge sql check`: what the guard says, for programs (JSON lines) and for people (.sql files)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bridge.cli import output
from bridge.errors import ExitCode, InputError, Problem


def run(args: argparse.Namespace) -> int:
    """Judge JSON lines of stdin (verdicts are the answer: exit 0), or .sql files (exit 1 when one may not run)."""
    if not args.files:
        from bridge.sql.check import check_lines

        # Whatever comes in: bytes that are no UTF-8 are replaced, and judged like any other text.
        check_lines((line.decode("utf-8", "replace") for line in sys.stdin.buffer), sys.stdout)
        return ExitCode.DONE
    return _files(args)


def _files(args: argparse.Namespace) -> int:
    from bridge.sql.advice import advice
    from bridge.sql.check import ALIASES, Child
    from bridge.sql.guard import DIALECTS

    dialect = ALIASES.get(args.dialect, args.dialect)
    if dialect not in DIALECTS:
        raise InputError(f"no dialect '{args.dialect}'", hint=f"known: {', '.join(DIALECTS)}")
    texts = {name: _read(name) for name in args.files}
    child = Child(seconds=5.0)
    try:
        verdicts = {name: child.judge(text, dialect) for name, text in texts.items()}
    finally:
        child.close()
    refused = [name for name, verdict in verdicts.items() if not verdict.allowed]
    if args.output != "text":
        rows = [
            {
                "file": n,
                "verdict": "allow" if v.allowed else "reject",
                "rule": v.rule,
                "message": v.message,
                "line": v.line,
                "column": v.column,
                "instead": "" if v.allowed else advice(v.rule, v.message, dialect),
            }
            for n, v in verdicts.items()
        ]
        output.data(args, {"dialect": dialect, "files": rows}, records="files")
        return ExitCode.NO if refused else ExitCode.DONE
    for name, verdict in verdicts.items():
        if verdict.allowed:
            output.say(f"  ✓ {output.safe(name)}")
            continue
        place = f":{verdict.line}:{verdict.column}" if verdict.line else ""
        output.say(f"  ✗ {output.safe(name)}{place}  {output.safe(verdict.message)}   ({verdict.rule})")
        if verdict.line:
            text = texts[name].splitlines()[verdict.line - 1 : verdict.line]
            if text:
                output.say(f"      {output.safe(text[0].strip()[: output.width() - 8])}")
        instead = advice(verdict.rule, verdict.message, dialect)
        if instead:
            output.say(f"      → {output.safe(instead)}")
    output.say(f"\n  {len(verdicts) - len(refused)} of {len(verdicts)} may run ({dialect})")
    return ExitCode.NO if refused else ExitCode.DONE


def _read(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        problem = Problem(message=error.strerror or str(error), where=name)
        raise InputError(f"can't read {name}: {error.strerror}", where=name, problems=(problem,)) from error
