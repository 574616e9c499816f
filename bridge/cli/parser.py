"""The parser: every command with its arguments, and errors that name the nearest known word. Imports nothing heavy."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from bridge.cli.arguments import COMMANDS
from bridge.errors import InputError

EPILOG = """\
start here:
  bridge demo                          see the whole road on made-up data
  bridge init                          make a workspace here
  bridge doctor                        check every connection, and what to do about it
  bridge tickets                       the queue
  bridge run ZD-1 ZD-2 --with NAME     investigate, report and file; asks before it writes outside

exit codes: 0 done, 1 the answer is no, 2 fix the input, 3 retry later, 4 permission,
            5 refused, 6 partly done, 70 our bug, 130 stopped by you
"""


STAGES: tuple[tuple[str, str], ...] = (
    ("begin", "demo init doctor views investigations"),
    ("from tickets to an issue", "tickets investigate show report file run"),
    ("on a test system", "reproduce verify"),
    ("afterwards", "cases add follow stuck reconcile audit"),
    ("look", "logs trends similar impact"),
    ("tools", "templates tracker redact sql schema sandbox completions"),
)
"""The commands in the order of the road: title, names. `bridge --help` lists them so."""

_DOCUMENTS = {"logs": ("parquet",), "impact": ("xlsx", "csv", "parquet", "html")}
"""What some commands can print besides."""


class Parser(argparse.ArgumentParser):
    """argparse with the nearest known word in its errors; `sub` parsers are of the same kind."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Take words behind flags, too, for the command's list of files or tickets: argparse ends the list at the first flag."""
        found, rest = super().parse_known_args(args, namespace)
        lists = [action.dest for action in self._actions if not action.option_strings and action.nargs in {"*", "+"}]
        if lists and rest and all(word == "-" or not word.startswith("-") for word in rest):
            setattr(found, lists[-1], [*(getattr(found, lists[-1]) or []), *rest])
            rest = []
        return found, rest

    def error(self, message: str) -> NoReturn:
        """Say what was wrong, the nearest valid word and where help is."""
        import difflib

        hint = ""
        if "invalid choice: " in message:
            given = message.rsplit("invalid choice: '", maxsplit=1)[-1].split("'", maxsplit=1)[0]
            near = difflib.get_close_matches(given, _choices(self), n=1)
            message = f"there is no command '{given}'" if given not in _choices(self) and self.prog == "bridge" else message
            hint = f"did you mean '{near[0]}'?   " if near else ""
        elif "unrecognized arguments: " in message:
            given = message.split("unrecognized arguments: ")[-1].split()[0]
            near = difflib.get_close_matches(given.split("=")[0], _flags(self), n=1)
            hint = f"did you mean {near[0]}?   " if near else ""
        raise InputError(message, hint=f"{hint}help: {self.prog} --help")


def _choices(parser: argparse.ArgumentParser) -> list[str]:
    return [name for action in parser._actions if isinstance(action, argparse._SubParsersAction) for name in action.choices]  # noqa: SLF001 - argparse names no public way


def _flags(parser: argparse.ArgumentParser) -> list[str]:
    own = [flag for action in parser._actions for flag in action.option_strings]  # noqa: SLF001 - argparse names no public way
    sub = [
        flag
        for action in parser._actions  # noqa: SLF001 - argparse names no public way
        if isinstance(action, argparse._SubParsersAction)  # noqa: SLF001 - argparse names no public way
        for child in action.choices.values()
        for flag in _flags(child)
    ]
    return own + sub


def _common(parser: argparse.ArgumentParser, formats: tuple[str, ...] = ("text", "json", "jsonl")) -> None:
    group = parser.add_argument_group("everywhere")
    group.add_argument("--workspace", metavar="DIR", help="the workspace (default: the nearest folder upwards with a bridge.yaml)")
    group.add_argument("--output", choices=formats, default="text", help="text for people, json: one document, jsonl: one line a record")
    group.add_argument("--verbose", action="store_true", help="tell on stderr what is being done")


class _ByStage(argparse.RawDescriptionHelpFormatter):
    """The help of `bridge` itself: its description lists the commands, so the plain list is left out."""

    def add_argument(self, action: argparse.Action) -> None:
        if not isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - argparse names no public way
            super().add_argument(action)


def _listed() -> str:
    """Return the commands by stage, a line each as far as the terminal is wide."""
    import shutil
    import textwrap

    texts = {name: text for name, text, _ in COMMANDS}
    width = max(40, min(shutil.get_terminal_size().columns, 100))
    lines = []
    for title, names in STAGES:
        lines += ["", f"{title}:"]
        for name in names.split():
            lines += textwrap.wrap(texts[name], width, initial_indent=f"  {name:<16}", subsequent_indent=" " * 18)
    return "\n".join(lines)


def build() -> Parser:
    """Return the whole parser."""
    parser = Parser(
        prog="bridge",
        usage="bridge COMMAND ...      bridge COMMAND --help tells its arguments",
        description=f"From escalated support tickets to one filed, linked, evidence-backed bug report.\n{_listed()}",
        epilog=EPILOG,
        formatter_class=_ByStage,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser, prog="bridge")
    for name, text, arguments in COMMANDS:
        command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", allow_abbrev=False)
        arguments(command)
        _common(command, ("text", "json", "jsonl", *_DOCUMENTS.get(name, ())))
    return parser
