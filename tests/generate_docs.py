"""Write docs/commands.md from the parser and docs/index.md from the pages, so that they can't fall behind. Run: make docs"""

from __future__ import annotations

import argparse
from pathlib import Path

from bridge.cli.parser import build
from bridge.errors import ExitCode

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "commands.md"
INDEX = DOCS / "index.md"

EXIT_CODES = {
    ExitCode.DONE: "done",
    ExitCode.NO: "the answer is no: a check failed, below a gate, not confirmed",
    ExitCode.INPUT: "fix the input: an argument, a file, the configuration",
    ExitCode.RETRY: "retry later: the other side was unreachable, busy or too slow; or a write may have happened and could not be settled yet",
    ExitCode.PERMISSION: "permission: credentials missing, wrong, or not allowed to do this",
    ExitCode.REFUSED: "refused by the remote side or by the SQL guard",
    ExitCode.PARTLY: "partly done: what happened is recorded, the same command continues",
    ExitCode.BUG: "our bug: the message names a file to send to us",
    ExitCode.INTERRUPTED: "stopped by you (Ctrl-C): the same command continues",
}


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the commands by name, in order."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def rows(parser: argparse.ArgumentParser) -> list[str]:
    """Return a table row for each argument of a command."""
    lines = []
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        if action.option_strings:
            value = action.metavar or ("|".join(action.choices) if action.choices else "")
            name = ", ".join(action.option_strings) + (f" {value}" if value and action.nargs != 0 else "")
        else:
            name = str(action.metavar or ("|".join(action.choices) if action.choices else action.dest))
        lines.append(f"| `{name}` | {action.help or ''} |")
    return lines


def escape(row: str) -> str:
    """Escape the bars inside the code of a table row."""
    head, name, rest = row.split("`", 2)
    return f"{head}`{name.replace('|', chr(92) + '|')}`{rest}"


def page() -> str:
    """Return the whole page."""
    lines = ["# Commands", "", "Written by `make docs` from the program itself. Data goes to stdout, narration to stderr.", ""]
    for name, parser in subcommands(build()).items():
        lines += [f"## bridge {name}", "", str(parser.description), "", "| argument | meaning |", "|---|---|"]
        lines += [escape(row) for row in rows(parser)] + [""]
    lines += [
        "## Exit codes",
        "",
        "They are an API: scripts may rely on them. With `--output json` an error is a document on stdout.",
        "",
        "| code | meaning |",
        "|---|---|",
    ]
    lines += [f"| {int(code)} | {text} |" for code, text in EXIT_CODES.items()]
    return "\n".join(lines) + "\n"


def index() -> str:
    """Return the list of all pages by their first headings."""
    lines = ["# All pages", "", "Written by `make docs`. Start with the [README](../README.md).", ""]
    for path in sorted(DOCS.rglob("*.md"), key=lambda p: (len(p.relative_to(DOCS).parts), str(p))):
        if path != INDEX:
            heading = next(line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("# "))
            lines.append(f"- [{heading[2:]}]({path.relative_to(DOCS)})")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    INDEX.write_text(index(), encoding="utf-8")
    print(f"wrote {PAGE.name} and {INDEX.name}")
