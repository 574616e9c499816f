"""`bridge similar`: which issue is about the same thing."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bridge.cli import output
from bridge.errors import ExitCode, InputError

if TYPE_CHECKING:
    from bridge.text.similarity.index import Index
    from bridge.text.similarity.issue import Issue
    from bridge.text.similarity.rank import Candidate


def run(args: argparse.Namespace) -> int:
    """Rank a file of issues for each query, or the tracker's issues for one case or text."""
    if args.k < 1:
        raise InputError(f"-k must be at least 1, not {args.k}", where="-k")
    if args.queries:
        return _files(args)
    if not args.what:
        raise InputError(
            "what is to be compared?", hint="bridge similar BR-0001, or: bridge similar --corpus ISSUES.jsonl --queries ISSUES.jsonl"
        )
    return _one(args)


def _files(args: argparse.Namespace) -> int:
    if not args.corpus or args.what:
        raise InputError(
            "--queries needs --corpus, and no case or file", hint="bridge similar --corpus ISSUES.jsonl --queries ISSUES.jsonl"
        )
    from bridge.text.similarity.rank import candidates

    index = _index(args)
    failed = 0
    for query in _queries(args.queries):
        if isinstance(query, str):
            failed += 1
            print(json.dumps({"id": None, "error": query}))
            continue
        found = candidates(index, query, args.k, older_only=args.older_only)
        if args.output == "text":
            _show(query, found)
        else:
            print(json.dumps({"id": query.given, "candidates": [_plain(item) for item in found]}))
    if failed:
        output.narrate(f"{failed} quer{'y' if failed == 1 else 'ies'} could not be read; each has its error in the answer")
    return ExitCode.DONE


def _index(args: argparse.Namespace) -> Index:
    """Return the index of --corpus; with --index it is kept, and only new issues are read."""
    from bridge.text.similarity.index import build, load, save
    from bridge.text.similarity.issue import read

    with _opened(args.corpus) as lines:
        issues = read(lines, where=args.corpus)
    path = Path(args.index) if args.index else None
    old = load(path) if path else None
    index = build(issues, old)
    if path and index is not old:
        save(index, path)
    return index


def _queries(name: str) -> Iterator[Issue | str]:
    from bridge.text.similarity.issue import issue

    with _opened(name) as lines:
        for number, raw in enumerate(lines, 1):
            if raw.strip():
                found = issue(raw)
                yield f"{name}:{number}: {found}" if isinstance(found, str) else found


def _opened(name: str) -> AbstractContextManager[BinaryIO]:
    """Return a file's lines, or stdin's, which stays open."""
    if name == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise InputError(f"{name} can't be read: {error.strerror}", hint="JSON lines; - reads stdin") from error


def _one(args: argparse.Namespace) -> int:
    from bridge.cli import compose
    from bridge.cli.progress import Progress
    from bridge.workflow.similar import similar

    with Progress(quiet=args.output != "text") as progress, compose.context(args, progress) as context:
        found = similar(context, args.what, args.k, known=args.corpus)
    if args.output != "text":
        output.data(
            args, {"id": found.query.id, "candidates": list(found.candidates), "searched": list(found.searched)}, records="candidates"
        )
        return ExitCode.DONE
    _show(found.query, found.candidates)
    output.say(f"\n  Searched: {output.safe('; '.join(found.searched))}")
    output.say("  Alike words are no proof: look before you decide.")
    return ExitCode.DONE


def _plain(found: Candidate) -> dict[str, object]:
    return {"id": found.given, "score": found.score, "verdict": found.verdict, "why": found.why}


def _show(query: Issue, found: Sequence[Candidate]) -> None:
    output.say(f"\n  {output.bold(output.safe(query.id))}  {output.safe(query.title)}")
    if not found:
        output.say("  nothing has words in common with it")
        return
    columns = [
        output.Column(name="id", title="issue"),
        output.Column(name="verdict", title="verdict"),
        output.Column(name="title", title="title", flexible=True),
        output.Column(name="why", title="why", flexible=True),
    ]
    output.table(columns, [{"id": item.id, "verdict": item.verdict, "title": item.title, "why": item.why} for item in found])
