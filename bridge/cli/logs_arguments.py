"""What `bridge logs` can be asked; nothing heavy is imported here."""

from __future__ import annotations

import argparse

from bridge.cli.arguments import count

ACTIONS = ("templates", "compare", "search", "count", "timeline", "ingest", "formats")


def logs_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what all actions take, and what some of them take besides."""
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("files", nargs="*", metavar="FILE", help="log files, globs in quotes, folders; plain or compressed; - reads stdin")
    _question(parser)
    _counting_and_timeline(parser)
    _templates_and_compare(parser)


def _question(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say which events are wanted, and how they are read."""
    group = parser.add_argument_group("which events, in all actions")
    group.add_argument("--source", metavar="NAME", help="read the files as this log source of bridge.yaml says; without files: its own")
    group.add_argument("--since", metavar="TIME", help="from this time on: 2026-03-10T02:00Z, or a date")
    group.add_argument("--until", metavar="TIME", help="before this time")
    group.add_argument(
        "--window", metavar="LENGTH", help="2h: from --since on, or before --until, or before now; or TIME..TIME, both ends at once"
    )
    for name, what in (("account", "of this account"), ("trace", "of this trace"), ("service", "of this service")):
        group.add_argument(f"--{name}", action="append", default=[], metavar="ID" if name != "service" else "NAME", help=f"only {what}")
    group.add_argument(
        "--level", action="append", default=[], metavar="LEVEL", help="only of this level: TRACE DEBUG INFO WARN ERROR FATAL"
    )
    group.add_argument("--where", action="append", default=[], metavar="KEY=VALUE", help="only with this value in this field")
    group.add_argument("--grep", action="append", default=[], metavar="TEXT", help="only with this text in the message, as it stands")
    group.add_argument("--limit", type=count, default=10_000, metavar="N", help="at most the first N events (default 10000)")
    group.add_argument("--whole", action="store_true", help="read every line: trust no time order and no sample of the levels")
    group.add_argument("--format", metavar="NAME", help="read the files as this format (default: sniffed); see `bridge logs formats list`")
    group.add_argument("--zone", metavar="ZONE", help="zone of times that carry none: UTC, Europe/Berlin, +02:00")
    group.add_argument("--dates", metavar="ORDER", help="of day, month and year in dates like 03/10/2026: ymd, dmy or mdy")
    group.add_argument("--no-cache", action="store_true", help="don't use what `ingest` kept")


def _counting_and_timeline(parser: argparse.ArgumentParser) -> None:
    counting = parser.add_argument_group("count")
    counting.add_argument(
        "--per",
        action="append",
        default=[],
        metavar="FIELD",
        help="count by level, service, account_id, trace_id, template, file or a field",
    )
    counting.add_argument("--every", metavar="LENGTH", help="count by time too: 15m, 1h")
    timeline = parser.add_argument_group("timeline")
    timeline.add_argument("--case", metavar="CASE", help="around this case: its tickets, failing events and changes are marked")
    timeline.add_argument("--changes", metavar="FILE", help="mark these changes: JSON lines {at, kind, name}")
    timeline.add_argument("--gap", metavar="LENGTH", default="60s", help="mark silences from this length on (default 60s)")
    timeline.add_argument("--picture", metavar="FILE.svg", help="draw it too")
    timeline.add_argument("--ticket", action="append", default=[], metavar="TICKET", help="around this ticket, and its account's events")
    timeline.add_argument("--around", metavar="LENGTH", help="all events this near to those that fit (default with --ticket: 1h)")
    clocks = parser.add_argument_group("timeline and search")
    clocks.add_argument("--skew", action="store_true", help="tell from the traces how far the clocks of services differ")
    clocks.add_argument("--apply-skew", action="store_true", help="show all times by one clock, as far as the traces tell")


def _templates_and_compare(parser: argparse.ArgumentParser) -> None:
    known = parser.add_argument_group("templates, compare, count --per template, search --output parquet")
    known.add_argument(
        "--known",
        metavar="FILE",
        help="templates of earlier runs (JSON; default: the workspace's log-templates.json); `templates --known` brings FILE up to date",
    )
    templates = parser.add_argument_group("templates")
    templates.add_argument(
        "--field", metavar="NAME", help="where the message is in JSON lines (default: message, msg, event, log, text, body)"
    )
    templates.add_argument("--content-column", metavar="NAME", help="FILE is CSV; the messages are in this column")
    templates.add_argument("--assign", metavar="OUT", help="write one JSON line a line: line, template_id, template (- writes to stdout)")
    compare = parser.add_argument_group("compare")
    compare.add_argument(
        "--before", nargs="+", default=[], metavar="FILE|TIME..TIME", help="how it normally is: files, a stretch of time, or both"
    )
    compare.add_argument("--after", nargs="+", default=[], metavar="FILE|TIME..TIME", help="how it is now")
    compare.add_argument("--by", default="service", metavar="FIELD", help="the groups that are ranked (default service)")
