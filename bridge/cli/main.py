"""The entry point: parse, run one command, turn errors into one message and an exit code."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING

from bridge.cli.parser import build
from bridge.errors import BridgeError, ExitCode, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code and never lets a traceback through."""
    parser = build()
    try:
        args = parser.parse_args(argv)
    except InputError as error:
        from bridge.cli import output

        output.failure(argparse.Namespace(output=_wanted(sys.argv[1:] if argv is None else argv)), error, ExitCode.INPUT)
        return ExitCode.INPUT
    if args.version:
        from bridge import __version__

        print(f"bridge {__version__}")
        return ExitCode.DONE
    if not args.command:
        parser.print_help()
        return ExitCode.INPUT
    try:
        code = _run(args)
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stderr.close()  # the reader went away (`| head`): nothing is wrong, and nothing more can be said
        return ExitCode.DONE
    return code


def _wanted(words: Sequence[str]) -> str:
    """Return the --output of a command line that could not be parsed."""
    given = [word.removeprefix("--output=") for flag, word in pairwise(["", *words]) if flag == "--output" or word.startswith("--output=")]
    return given[-1] if given and given[-1] in {"json", "jsonl"} else "text"


def _run(args: argparse.Namespace) -> int:
    from bridge.cli import output
    from bridge.cli.logging import start, trouble

    start(verbose=args.verbose)
    try:
        command = import_module(f"bridge.cli.commands.{args.command}")
        return int(command.run(args))
    except KeyboardInterrupt:
        output.failure(args, BridgeError("stopped", hint="what was done is kept; the same command continues it"), ExitCode.INTERRUPTED)
        return ExitCode.INTERRUPTED
    except BridgeError as error:
        output.failure(args, error, error.exit_code)
        return error.exit_code
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the top of the program: a bug of ours becomes one message and a file to send
        place = trouble(error)
        bug = BridgeError(f"a bug in bridge: {type(error).__name__}", where=place, hint="nothing you did wrong; please send us that file")
        output.failure(args, bug, ExitCode.BUG)
        return ExitCode.BUG
