"""`bridge logs formats list | explain FILE | check`: what is known, how a file is read and why, whether declared formats hold."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bridge.cli import log_questions, output
from bridge.errors import ExitCode, InputError

if TYPE_CHECKING:
    from bridge.logs.question import Question

_KNOWN = (
    ("json", "JSON lines and arrays, objects over several lines; exports of CloudWatch, Google Cloud, OpenTelemetry"),
    ("logfmt", "key=value pairs with a time"),
    ("nginx", "access logs of nginx and Apache, combined or common"),
    ("w3c", "columns named by a line #Fields: IIS, CloudFront; Zeek"),
    ("syslog", "RFC 3164 and RFC 5424"),
    ("text", "a time begins the line, or stands behind the same words: log4j, logback, Python logging, Go, glog, Rails, error logs"),
    ("csv", "named columns between commas, tabs, semicolons or bars; one of them may hold JSON"),
    ("docker", "Docker's json-file around any of these"),
    ("cri", "Kubernetes' container logs (containerd, CRI-O) around any of these"),
)
_MOSTLY = 0.95


def run(args: argparse.Namespace) -> int:
    """Run `list`, `explain FILE...` or `check`: the first word behind `formats`."""
    action, *names = args.files or ["list"]
    if action == "list":
        known: list[dict[str, Any]] = [{"format": name, "reads": reads} for name, reads in _KNOWN]
        if args.output == "text":
            output.table((output.Column(name="format", title="format"), output.Column(name="reads", title="reads", flexible=True)), known)
        else:
            _data(args, {"formats": known}, "formats")
        return ExitCode.DONE
    if action not in {"explain", "check"}:
        raise InputError(f"no action '{action}' for formats", hint="bridge logs formats list | explain FILE... | check [FILE...]")
    if action == "explain" and not names:
        raise InputError("which file is to be explained?", hint="bridge logs formats explain FILE...")
    from bridge.logs.reading import ReadError

    args.files = names
    files, problems = log_questions.files(args)
    question = log_questions.question(args, attributes=True)
    rows: list[dict[str, Any]] = []
    for file in files:
        try:
            rows.append(_explained(file, question))
        except ReadError as error:
            problems.append(f"{file.name}: {error}")
    if not rows and problems:
        raise InputError(problems[0], where=files[0].name if files else "")
    good = not problems and all(row["share"] >= _MOSTLY for row in rows)
    if args.output == "text":
        for row in rows:
            _say(row, why=action == "explain")
    else:
        _data(args, {"files": rows, "problems": problems}, "files")
    for problem in problems:
        output.narrate(f"  ! {output.safe(problem)}")
    return ExitCode.DONE if good or action == "explain" else ExitCode.NO


def _explained(file: Any, question: Question) -> dict[str, Any]:
    """Return how the first 256 KiB of a file are read, by which shares the format was chosen, and what was rejected.

    `first_event` is the first that fits the flags, `fit` how many do. ReadError: nothing of it can be read.
    """
    from bridge.logs import reading, sniff
    from bridge.logs.scan import scan_file
    from bridge.logs.store import Rejects, Rows

    head = reading.head(file.path, 256 * 1024)
    seen = sniff.sniff(head, everything=True)
    rows, rejects = Rows(), Rejects()
    options = replace(file.options, format=file.options.format or seen.name)
    report = scan_file(file.path, file.name, options, keep=question.fits, rows=rows, rejects=rejects, pieces=[(0, head)])
    read = report.tally.parsed + report.tally.joined
    first = (
        {name: getattr(rows, name)[0] for name in ("level", "service", "account_id", "trace_id", "message", "attributes")}
        if rows.at
        else {}
    )
    return {
        "file": file.name,
        "format": options.format,
        "declared": file.options.format is not None,
        "how": report.format,
        "shares": {name: round(share, 3) for name, share in seen.shares.items()},
        "lines": report.tally.lines,
        "read": read,
        "fit": len(rows.at),
        "share": read / report.tally.lines if report.tally.lines else 1.0,
        "first_event": {"at": log_questions.stamp(rows.at[0]), **first} if rows.at else None,
        "rejected": [{"offset": o, "reason": r} for o, r in list(zip(rejects.offset, rejects.reason, strict=True))[:5]],
        "problems": list(report.problems),
    }


def _say(row: dict[str, Any], *, why: bool) -> None:
    how = "declared" if row["declared"] else "sniffed"
    output.say(f"{output.safe(row['file'])}: {row['format']} ({how}), {row['read']:,} of {row['lines']:,} lines read at its beginning")
    if why:
        if row["how"] != row["format"]:
            output.say(f"  read as {output.safe(row['how'])}")
        shares = ", ".join(f"{name} {share:.0%}" for name, share in row["shares"].items())
        output.say(f"  lines that each format reads as events: {shares}")
        output.say(f"  the strictest that reads nine tenths of what the best one reads is taken: {', '.join(row['shares'])}")
        for name, value in (row["first_event"] or {}).items():
            output.say(f"  {name:11} {output.safe('-' if value in {None, ''} else str(value)[:160])}")
    for reject in row["rejected"]:
        output.say(f"  rejected at {reject['offset']}: {output.safe(reject['reason'])}")
    for problem in row["problems"]:
        output.say(f"  ! {output.safe(problem)}")


def _data(args: argparse.Namespace, document: dict[str, Any], records: str) -> None:
    if args.output == "parquet":
        log_questions.parquet(document[records], "formats")
    elif args.output == "jsonl":
        for row in document[records]:
            print(json.dumps(row, ensure_ascii=False))
    else:
        print(json.dumps(document, ensure_ascii=False, indent=2))
