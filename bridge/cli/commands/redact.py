"""`bridge redact`: stdin to stdout, without what must not leave."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli import output
from bridge.errors import ExitCode, InputError

if TYPE_CHECKING:
    from bridge.text.redact.redactor import Redactor


def run(args: argparse.Namespace) -> int:
    """Redact, or list the spans."""
    redactor = _redactor(args)
    if args.spans:
        return _spans(redactor)
    from bridge.text.redact.streams import redacted

    counts: Counter[str] = Counter()
    for piece in redacted(sys.stdin.buffer, redactor, counts):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()
    if args.verbose:
        output.narrate("redacted: " + (", ".join(f"{number} {kind}" for kind, number in sorted(counts.items())) or "nothing"))
    return ExitCode.DONE


def _spans(redactor: Redactor) -> int:
    from bridge.text.redact.records import answers

    failed = 0
    for answer in answers(sys.stdin.buffer, redactor):
        failed += answer.failed
        print(answer.line)
    if failed:
        output.narrate(f"{failed} line(s) could not be read; each has its error in the answer")
    return ExitCode.DONE


def _redactor(args: argparse.Namespace) -> Redactor:
    from bridge.text.redact.kinds import LABELS
    from bridge.text.redact.known import read
    from bridge.text.redact.names import finder
    from bridge.text.redact.phones import REGIONS
    from bridge.text.redact.redactor import redactor

    wrong = [kind for kind in args.keep if kind not in LABELS]
    if wrong:
        raise InputError(f"no type '{wrong[0]}'", where="--keep", hint=f"known: {', '.join(LABELS)}")
    values: list[tuple[str, str]] = []
    if args.known:
        path = Path(args.known)
        try:
            values = read(path.read_text(encoding="utf-8-sig"), where=args.known)
        except OSError as error:
            raise InputError(
                f"{args.known} can't be read: {error.strerror}", where="--known", hint="a file with one known value a line"
            ) from error
        except UnicodeDecodeError as error:
            raise InputError(f"{args.known} is not UTF-8", where="--known", hint=f"byte {error.start}") from error
    regions = tuple(region.strip().upper() for region in args.regions.split(",") if region.strip()) if args.regions else REGIONS
    names = finder(args.names) if args.names else None
    return redactor(values, key=_key(args.pseudonyms), regions=regions, keep=args.keep, names=names)


def _key(reference: str | None) -> bytes:
    if not reference:
        return b""
    from bridge.config import secrets

    return secrets.resolve(reference, root=Path.cwd(), label="--pseudonyms").encode()
