"""What `bridge logs search | count | timeline | ingest` can be asked; nothing heavy is imported here."""

from __future__ import annotations

import argparse

ACTIONS = ("search", "count", "timeline", "ingest", "formats")


def question_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say which events are wanted, and how they are read."""
    group = parser.add_argument_group("search, count, timeline")
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
    group.add_argument("--limit", type=int, default=10_000, metavar="N", help="at most the first N events (default 10000)")
    group.add_argument("--whole", action="store_true", help="read every line: trust no time order and no sample of the levels")
    group.add_argument("--format", metavar="NAME", help="read the files as this format (default: sniffed); see `bridge logs formats list`")
    group.add_argument("--zone", metavar="ZONE", help="zone of times that carry none: UTC, Europe/Berlin, +02:00")
    group.add_argument("--no-cache", action="store_true", help="don't use what `ingest` kept")
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
