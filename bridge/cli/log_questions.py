"""From the flags of `bridge logs` to files, a question, and its answer with every line accounted for."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.cli import output
from bridge.errors import ExitCode, InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from bridge.logs.ask import Answer
    from bridge.logs.counting import Counting
    from bridge.logs.options import SourceOptions
    from bridge.logs.paths import LogFile
    from bridge.logs.question import Question
    from bridge.logs.remote import RemoteLogs
    from bridge.logs.skew import Skew

_STDIN = "-"
_WHICH = "give files, globs in quotes, folders or - for stdin; or configure `logs:` in bridge.yaml (bridge init makes one)"
_NARROW = ("since", "until", "window", "account", "trace", "service", "level", "where", "grep")


def files(args: argparse.Namespace) -> tuple[list[LogFile], list[str]]:
    """Return the files that are asked, each with its options, and what matched nothing."""
    from bridge.logs.paths import is_pipe
    from bridge.logs.rotation import listed

    if cluster(args) is not None:
        return [], []
    pipes = {name: _spooled(name) for name in args.files if name == _STDIN or is_pipe(Path(name))}
    return listed(lambda: _listed(args, pipes))


def cluster(args: argparse.Namespace) -> RemoteLogs | None:
    """Return the named source where it is no files; it is opened once a command."""
    if not getattr(args, "source", None) or args.files:
        return None
    known: RemoteLogs | None = getattr(args, "cluster", None)
    if known is None:
        from bridge.cli import compose
        from bridge.workflow.clock import SystemClock

        workspace = compose.workspace(args)
        config = workspace.log_source(args.source)
        if config.product == "files":
            return None
        known = args.cluster = compose.open_adapter(config, workspace, SystemClock().now)
    return known


def _listed(args: argparse.Namespace, pipes: dict[str, Path]) -> tuple[list[LogFile], list[str]]:
    from bridge.logs.paths import LogFile, matches, nothing, of_sources, shown

    if not args.files:
        sources, root, label = _configured(args)
        return of_sources(sources, root, label)
    known: dict[Path, LogFile] = {}
    options = _options(args)
    if args.source:
        sources, root, label = _configured(args)
        known = {file.path.resolve(): file for file in of_sources(sources, root, label)[0]}
        options = sources[0]
    here = Path.cwd()
    found: list[LogFile] = []
    missing: list[str] = []
    for name in args.files:
        paths = [pipes[name]] if name in pipes else matches(name, here, missing)
        if not paths:
            missing.append(nothing(name, here))
        named = ("stdin" if name == _STDIN else name) if name in pipes else ""
        found.extend(known.get(path.resolve()) or LogFile(path=path, name=named or shown(path, here), options=options) for path in paths)
    if missing and not found:
        raise InputError(missing[0], hint="give files, globs in quotes, or --source NAME of bridge.yaml")
    return list({file.path: file for file in found}.values()), missing


def _options(args: argparse.Namespace) -> SourceOptions:
    from bridge.logs.options import SourceOptions, parse_sources

    declared: dict[str, Any] = {key: value for key, value in (("format", args.format), ("zone", args.zone), ("dates", args.dates)) if value}
    if args.content_column:
        declared |= {"format": "csv", "fields": {"message": args.content_column}}
    elif args.field:
        declared["fields"] = {"message": args.field}
    if not declared:
        return SourceOptions(paths=("-",))
    return parse_sources({"sources": [{"paths": ["-"], **declared}]}, "--format, --zone, --dates")[0]


def narrowed(args: argparse.Namespace) -> bool:
    """Tell whether any flag asks for certain events, or says how the files are read."""
    return any(getattr(args, name) for name in (*_NARROW, "source", "format", "zone", "dates"))


def fewer(args: argparse.Namespace) -> bool:
    """Tell whether any flag asks for certain events only."""
    return any(getattr(args, name) for name in _NARROW)


def ask_files(
    args: argparse.Namespace, files: list[LogFile], asked: Question, *, limit: int | None = None, counting: Counting | None = None
) -> Answer:
    """Answer a question from these files, or where the source lives; sources whose events take their account from their trace are read as that needs."""
    remote = cluster(args)
    if remote is not None:
        from bridge.logs.remote import answer_from

        return answer_from(remote, asked, limit=limit, counting=counting)
    if any(file.options.account_from_trace for file in files):
        from bridge.logs.by_trace import ask_by_trace

        return ask_by_trace(files, asked, limit=limit, cached=cache(args), counting=counting)
    from bridge.logs.ask import ask

    return ask(files, asked, limit=limit, cached=cache(args), counting=counting)


def ask_clocks(args: argparse.Namespace, files: list[LogFile], asked: Question) -> tuple[Answer, list[Skew]]:
    """Answer with at most --limit events; --skew and --apply-skew look at the traces of the whole window first.

    With --apply-skew the times are those of the reference's clock, also where the window begins and ends.
    """
    from dataclasses import replace

    if not (args.skew or args.apply_skew):
        return ask_files(args, files, asked, limit=args.limit), []
    from bridge.logs.question import Question
    from bridge.logs.skew import estimate

    parts = frozenset({"at", "service", "trace_id"})
    seen = ask_files(args, files, Question(start=asked.start, end=asked.end, attributes=False, parts=parts, whole=asked.whole)).rows
    found = estimate(seen.at, seen.service, seen.trace_id)
    shifts = {skew.service: skew.shift for skew in found if skew.shift}
    if not args.apply_skew or not shifts:
        return ask_files(args, files, asked, limit=args.limit), found
    most = max(map(abs, shifts.values()))
    start = None if asked.start is None else asked.start - most
    answer = ask_files(args, files, replace(asked, start=start, end=None if asked.end is None else asked.end + most))
    rows = answer.rows
    rows.at[:] = [at - shifts.get(service, 0) for at, service in zip(rows.at, rows.service, strict=True)]
    first, last = asked.start or 0, asked.end if asked.end is not None else 1 << 62
    rows.keep([number for number, at in enumerate(rows.at) if first <= at < last])
    return answer, found


def skew_records(skews: Iterable[Skew]) -> list[dict[str, Any]]:
    """Return what was estimated, in seconds: ahead of the reference when positive."""
    return [
        {
            "service": skew.service,
            "reference": skew.reference,
            "seconds": skew.shift / 1e6,
            "low": skew.low / 1e6,
            "high": skew.high / 1e6,
            "traces": skew.traces,
            "agreeing": skew.agreeing,
        }
        for skew in skews
    ]


def tell_clocks(args: argparse.Namespace, skews: list[Skew]) -> None:
    """Say on stderr how far clocks differ, and whether that was applied."""
    if args.skew and not skews:
        output.narrate("  clocks: no two services share five traces that tell which calls the other")
    for skew in skews:
        seen = f"{skew.low / 1e6:+.3f} to {skew.high / 1e6:+.3f} s, {skew.agreeing} of {skew.traces} traces"
        if not skew.shift:
            output.narrate(f"  clocks: {output.safe(skew.service)} and {output.safe(skew.reference)} may agree ({seen})")
            continue
        done = "applied" if args.apply_skew else "not applied: --apply-skew"
        way = "ahead of" if skew.shift > 0 else "behind"
        size = f"{abs(skew.shift) / 1e6:.3f} s {way}"
        output.narrate(f"  clocks: {output.safe(skew.service)} is {size} {output.safe(skew.reference)} ({seen}); {done}")


def parquet(rows: list[dict[str, Any]], command: str, names: Iterable[str] = (), *, templates: str = "") -> None:
    """Write records as Parquet to stdout; nested values as JSON. `names`: the columns where there is no record.

    `templates`: the algorithm of template ids, for the file's metadata.
    """
    import json

    if sys.stdout.isatty():
        raise InputError("Parquet is no text for a terminal", hint=f"bridge logs {command} ... --output parquet > {command}.parquet")
    import pyarrow as pa
    import pyarrow.parquet as pq

    flat = [
        {key: json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list | tuple) else value for key, value in row.items()}
        for row in rows
    ]
    table = pa.Table.from_pylist(flat) if flat else pa.table({name: pa.nulls(0, pa.string()) for name in names})
    if templates:
        from bridge.logs.store import METADATA

        table = table.replace_schema_metadata({METADATA: templates})
    pq.write_table(table, sys.stdout.buffer, compression="zstd")


def _configured(args: argparse.Namespace) -> tuple[tuple[SourceOptions, ...], Path, str]:
    """Return the sources of bridge.yaml: the named one, or the only one, or all."""
    from bridge.cli import compose
    from bridge.logs.options import parse_sources

    try:
        workspace = compose.workspace(args)
    except NotFoundError as error:
        if args.source:
            raise
        raise InputError("which logs?", where=error.where, hint=_WHICH) from error
    names = [args.source] if args.source else sorted(workspace.logs)
    if not names:
        raise InputError("which logs?", where=str(workspace.root / "bridge.yaml"), hint=_WHICH)
    sources: list[SourceOptions] = []
    for name in names:
        config = workspace.log_source(name)
        if config.product != "files":
            raise InputError(
                f"logs {name} is a {config.product}", where=config.where, hint=f"ask it by its name: --source {name}, without files"
            )
        sources.extend(parse_sources(config.values, f"{config.where} logs.{name}"))
    return tuple(sources), workspace.root, f"logs {', '.join(names)}"


def cache_folder() -> Path:
    """Return where `ingest` keeps events: BRIDGE_CACHE, else XDG_CACHE_HOME or ~/.cache, /bridge/logs."""
    named = os.environ.get("BRIDGE_CACHE")
    home = os.environ.get("XDG_CACHE_HOME")
    return Path(named) if named else (Path(home) if home else Path.home() / ".cache") / "bridge" / "logs"


def cache(args: argparse.Namespace) -> Path | None:
    """Return the folder of the cache; None where it is not to be used."""
    return None if args.no_cache else cache_folder()


def _spooled(name: str) -> Path:
    """Copy stdin or a named pipe to a file that goes away with the process: it is read at several places."""
    import atexit
    import contextlib
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="bridge-stdin-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "stdin"
    with path.open("wb") as stream, contextlib.ExitStack() as stack:
        source = sys.stdin.buffer if name == _STDIN else stack.enter_context(Path(name).open("rb"))
        shutil.copyfileobj(source, stream, 1024 * 1024)
    return path


def _level(word: str) -> str:
    """Return the level that a word means; a slip of the pen is an InputError, a level of the logs' own is taken as it is."""
    import difflib

    from bridge.logs.names import LEVELS, level_of

    level = level_of(word)
    near = difflib.get_close_matches(level, LEVELS, n=1)
    if near and level not in LEVELS:
        raise InputError(f"'{word}' is no level", where="--level", hint=f"did you mean {near[0]}?   {', '.join(LEVELS)}")
    return level


def question(args: argparse.Namespace, *, attributes: bool, parts: frozenset[str] | None = None) -> Question:
    """Return what is asked; every flag that can't be read is an InputError of its own words."""
    from bridge.logs.question import Question

    start, end = window(args)
    pairs = [text.partition("=") for text in args.where]
    for (key, sign, _), text in zip(pairs, args.where, strict=True):
        if not sign or not key:
            raise InputError(f"--where {text} is no KEY=VALUE", hint="--where http.status=500")
    return Question(
        start=start,
        end=end,
        accounts=frozenset(args.account),
        traces=frozenset(args.trace),
        services=frozenset(args.service),
        levels=frozenset(_level(level) for level in args.level),
        where=tuple((key, value) for key, _, value in pairs),
        grep=tuple(args.grep),
        attributes=attributes,
        parts=parts,
        whole=args.whole,
    )


def window(args: argparse.Namespace) -> tuple[int | None, int | None]:
    """Return [start, end) in microseconds from --since, --until and --window; None is open."""
    if not (args.since or args.until or args.window):
        return None, None
    from bridge.config.durations import duration, moment
    from bridge.logs.times import micros

    start = moment(args.since) if args.since else None
    end = moment(args.until) if args.until else None
    if args.window and ".." in args.window:
        first, _, last = args.window.partition("..")
        start, end = moment(first), moment(last)
    elif args.window:
        length = duration(args.window.removeprefix("last "))
        if start is not None:
            end = start + length if end is None else min(end, start + length)
        else:
            end = end or _now(args)
            start = end - length
    if start is not None and end is not None and end <= start:
        raise InputError(f"the window ends at {end:%Y-%m-%d %H:%M:%S}, not after its start {start:%Y-%m-%d %H:%M:%S}")
    return (None if start is None else micros(start)), (None if end is None else micros(end))


def _now(args: argparse.Namespace) -> datetime:
    """Return the workspace's now (as_of), or the clock's."""
    from datetime import UTC, datetime

    from bridge.cli import compose
    from bridge.errors import NotFoundError

    try:
        return compose.workspace(args).as_of or datetime.now(tz=UTC)
    except NotFoundError:
        return datetime.now(tz=UTC)


def stamp(at: int) -> str:
    """Return microseconds since 1970 as `2026-03-10T02:00:01.250000Z`, without a fraction of zeros."""
    from datetime import timedelta

    from bridge.logs.times import EPOCH

    text = (EPOCH + timedelta(microseconds=at)).replace(tzinfo=None).isoformat(timespec="microseconds")
    return (text[:-7] if text.endswith("000000") else text.removesuffix("000")) + "Z"


def account(args: argparse.Namespace, answer: Answer, problems: Iterable[str], shown: int) -> ExitCode:
    """Tell on stderr what was read, what was rejected and what went wrong; `--verbose` tells how it was read.

    Return 6 where a file could not be read at all, 2 (4 without permission) where none could, else 0.
    """
    counts = answer.counts()
    lines = f"{counts['lines']:,} lines = {counts['parsed']:,} parsed + {counts['joined']:,} joined + {counts['rejected']:,} rejected"
    if counts["skipped"]:
        lines += f" + {counts['skipped']:,} skipped"
    passed = (
        f", {counts['bytes_passed'] / 1e6:,.1f} MB of {counts['bytes'] / 1e6:,.1f} MB passed over by time" if counts["bytes_passed"] else ""
    )
    output.narrate(f"{shown:,} events   {counts['files']} files, decoded {lines}{passed}")
    for name, offset, reason in zip(answer.rejects.file[:3], answer.rejects.offset, answer.rejects.reason, strict=False):
        output.narrate(f"  rejected {output.safe(name)}:{offset}  {output.safe(reason)}")
    if len(answer.rejects.file) > 3:  # noqa: PLR2004 - the first three show what is wrong
        output.narrate(f"  ... {len(answer.rejects.file) - 3:,} more rejected; all: --output json")
    for problem in [*problems, *answer.problems()]:
        output.narrate(f"  ! {output.safe(problem)}")
    if args.verbose:
        for note in answer.notes:
            output.narrate(f"  {output.safe(note)}")
    unread = [report for report in answer.reports if report.unread]
    if not unread:
        return ExitCode.DONE
    if len(unread) < len(answer.reports):
        return ExitCode.PARTLY
    denied = all("Permission denied" in report.problems[0] for report in unread)
    return ExitCode.PERMISSION if denied else ExitCode.INPUT


def rejects(answer: Answer) -> list[dict[str, Any]]:
    """Return the rejected lines as records."""
    found = answer.rejects
    columns = zip(found.file, found.offset, found.length, found.reason, found.raw, strict=True)
    return [dict(zip(("file", "offset", "length", "reason", "raw"), row, strict=True)) for row in columns]


def events(answer: Answer, numbers: Iterable[int]) -> Iterator[dict[str, Any]]:
    """Yield the events as records; attributes are a mapping."""
    import json

    rows = answer.rows
    for number in numbers:
        yield {
            "at": stamp(rows.at[number]),
            "level": rows.level[number],
            "service": rows.service[number],
            "account_id": rows.account_id[number],
            "trace_id": rows.trace_id[number],
            "message": rows.message[number],
            "attributes": json.loads(rows.attributes[number]),
            "file": rows.files[rows.file[number]],
            "offset": rows.offset[number],
        }


def ordered(answer: Answer, limit: int) -> tuple[list[int], bool]:
    """Return the row numbers in time order (equal times by file and offset), at most `limit`, and whether that cut any."""
    rows = answer.rows
    numbers = sorted(range(len(rows.at)), key=lambda number: (rows.at[number], rows.file[number], rows.offset[number]))
    return numbers[:limit], len(numbers) > limit or answer.cut
