"""The arguments of every command, a function a command; parser.py puts them together. Nothing heavy is imported."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def count(text: str) -> int:
    """Read a whole number from 1 up."""
    if not text.isdecimal() or not 1 <= int(text) <= sys.maxsize:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 up")
    return int(text)


def _investigate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tickets", nargs="+", metavar="TICKET", help="ids as the queue shows them: ZD-1042")
    parser.add_argument(
        "--with", dest="investigation", required=True, metavar="INVESTIGATION", help="its id; all: bridge investigations list"
    )
    parser.add_argument(
        "-p",
        dest="parameters",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the investigation: -p window='last 7 days'",
    )
    parser.add_argument(
        "--include-found", action="store_true", help="also take the tickets of affected accounts that tell of the same symptom"
    )
    parser.add_argument("--refresh", action="store_true", help="collect evidence again that is already in the case")
    parser.add_argument(
        "--unverified", action="store_true", help="also run queries that were never tested on this kind of database (docs/dialects.md)"
    )
    parser.add_argument(
        "--new", action="store_true", help="open a new case even where one with these tickets and this investigation is open"
    )


def _file_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="show what would be written, write nothing")
    parser.add_argument(
        "--recreate",
        action="store_true",
        help="file again although an earlier create may have arrived: only after looking into the tracker",
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--join", default="", metavar="KEY", help="join the tickets to this issue instead of filing a new one")
    choice.add_argument("--anew", action="store_true", help="file a new issue although one like it is there")


def _follow_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these (default: all that are filed)")
    parser.add_argument("--every", type=int, metavar="N", help="look again every N minutes, until Ctrl-C")
    parser.add_argument("--drafts", action="store_true", help="show the answers to customers that wait for approval")
    parser.add_argument("--send", nargs="+", default=[], metavar="DRAFT", help="send these answers: whoever names them approves them")
    parser.add_argument("--text", metavar="FILE", help="with --send: these words instead of the draft's")
    parser.add_argument("--drop", nargs="+", default=[], metavar="DRAFT", help="throw these answers away")
    parser.add_argument("--dry-run", action="store_true", help="show what would be written, write nothing")


def _logs_arguments(parser: argparse.ArgumentParser) -> None:
    from bridge.cli.logs_arguments import logs_arguments

    logs_arguments(parser)


def _reproduce_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case", metavar="CASE")
    parser.add_argument("--target", required=True, metavar="NAME", help="a test system of bridge.yaml (reproduction.targets)")
    parser.add_argument(
        "--har", metavar="FILE", help="a recording: HAR, request log (JSON lines) or access log (default: those of bridge.yaml)"
    )
    parser.add_argument(
        "--session",
        choices=("account", "user", "trace"),
        default="account",
        help="whose requests before the failure are taken (default account)",
    )
    parser.add_argument(
        "--anchor", type=int, metavar="N", help="number of the failing request in the recording, from 1 (default: found from the case)"
    )
    parser.add_argument(
        "--check",
        action="append",
        default=[],
        metavar="CHECK",
        help="what its answer shows: --check 'rows == 0' (default: proposed from the case)",
    )
    parser.add_argument(
        "--absent",
        type=int,
        metavar="N",
        help="the failure: what recorded request N made stands on none of the pages of the failing request's list",
    )
    parser.add_argument(
        "--gaps",
        default="auto",
        metavar="X",
        help="on a target without a test clock: recorded gaps times X (0 none, 1 kept, 0.1 compressed, 2 stretched; default auto: none, then kept, then stretched)",
    )
    parser.add_argument(
        "--confirm",
        action="append",
        default=[],
        metavar="ROUTE",
        help="let a route run that deletes, moves money or sends messages: 'DELETE /reports/{report}'",
    )
    parser.add_argument(
        "--runs", type=count, default=20, metavar="N", help="runs of the smallest sequence that measure its rate (default 20)"
    )


def _init(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", nargs="?", default=".", metavar="DIR", help="where (default: here)")
    command.add_argument(
        "--from",
        dest="database",
        metavar="DATABASE",
        help="propose views/*.sql from the schema of this database of bridge.yaml, or of this file",
    )


def _tickets(command: argparse.ArgumentParser) -> None:
    command.add_argument("--query", default="", metavar="WORDS", help="only tickets with these words")
    command.add_argument("--limit", type=count, default=100, metavar="N", help="at most N tickets (default 100)")


def _report(command: argparse.ArgumentParser) -> None:
    command.add_argument("case", nargs="+", metavar="CASE", help="a case; `score CASE` or `score FILE`: what it holds, what it lacks")
    command.add_argument("--template", metavar="NAME", help="another template than the investigation's: bridge templates list")
    command.add_argument(
        "--for",
        dest="destination",
        choices=("engineers", "public", "customer", "lead"),
        help="for other readers than the tracker's: written beside, never filed",
    )
    command.add_argument("--dry-run", action="store_true", help="write nothing: show what these readers would not get")
    command.add_argument("--promise", metavar="WORDS", help="what the customer was promised and until when; `none`: nothing was")
    command.add_argument("--override", metavar="REASON", help="with score: let failed gates pass, with the reason in the audit; never G1")


def _templates(command: argparse.ArgumentParser) -> None:
    command.add_argument("action", choices=("list", "check", "preview"), nargs="?", default="list")
    command.add_argument("name", nargs="?", metavar="TEMPLATE", help="check: only this one (or a file); preview: which")
    command.add_argument("--case", metavar="CASE", help="preview with this case instead of the built-in example")
    command.add_argument(
        "--as",
        dest="markup",
        choices=("markdown", "wiki", "adf", "html"),
        default="markdown",
        help="preview in this format (default markdown)",
    )


def _file(command: argparse.ArgumentParser) -> None:
    command.add_argument("case", metavar="CASE")
    _file_arguments(command)
    command.add_argument("--yes", action="store_true", help="don't ask before writing outside")


def _run(command: argparse.ArgumentParser) -> None:
    _investigate_arguments(command)
    _file_arguments(command)
    command.add_argument("--yes", action="store_true", help="don't ask before writing outside")


def _add(command: argparse.ArgumentParser) -> None:
    command.add_argument("case", metavar="CASE")
    command.add_argument("tickets", nargs="+", metavar="TICKET", help="ids as the queue shows them: ZD-1042")
    command.add_argument("--dry-run", action="store_true", help="show what would be written, write nothing")


def _reconcile(command: argparse.ArgumentParser) -> None:
    command.add_argument("cases", nargs="*", metavar="CASE", help="only these (default: all that are filed)")
    command.add_argument("--repair", action="store_true", help="write again what is missing; notes are never repeated")
    command.add_argument("--dry-run", action="store_true", help="with --repair: show what would be written, write nothing")


def _audit(command: argparse.ArgumentParser) -> None:
    command.add_argument("case", nargs="?", default="", metavar="CASE", help="only this one (default: all)")


def _tracker(command: argparse.ArgumentParser) -> None:
    command.add_argument("action", choices=("map",))


def _reproduce(command: argparse.ArgumentParser) -> None:
    _reproduce_arguments(command)
    command.add_argument("--send", action="store_true", help="send it; without this nothing is sent")
    command.add_argument("--clean-up", action="store_true", help="afterwards delete what the runs made on the target, newest first")


def _verify(command: argparse.ArgumentParser) -> None:
    command.add_argument("case", metavar="CASE")
    command.add_argument("--target", required=True, metavar="NAME", help="a test system of bridge.yaml (reproduction.targets)")
    command.add_argument("--dry-run", action="store_true", help="show what would be sent and written, send nothing")
    command.add_argument("--yes", action="store_true", help="put the verdict on the issue without asking")
    command.add_argument("--recreate", action="store_true", help="an earlier comment was looked for and not found: write a new one")


def _show(command: argparse.ArgumentParser) -> None:
    command.add_argument("case", metavar="CASE")
    command.add_argument("--evidence", metavar="NAME", help="the rows of one table (its name, or E1)")
    command.add_argument("--limit", type=count, default=20, metavar="N", help="at most N rows (default 20)")
    command.add_argument("--show-personal", action="store_true", help="columns tagged as personal data too; audit.jsonl says who asked")


def _impact(command: argparse.ArgumentParser) -> None:
    command.add_argument("cases", nargs="*", metavar="CASE", help="only these (default: all)")


def _investigations(command: argparse.ArgumentParser) -> None:
    command.add_argument("action", choices=("list", "show", "check", "test", "new", "docs"), nargs="?", default="list")
    command.add_argument("id", nargs="?", metavar="INVESTIGATION", help="for show, new, check and test (the last two: all if left out)")
    command.add_argument("--engine", action="append", default=[], metavar="NAME", help="test on this engine (default: all at hand)")
    command.add_argument("--record", action="store_true", help="test: write what passed to verified.json")


def _views(command: argparse.ArgumentParser) -> None:
    command.add_argument("action", choices=("check",))
    command.add_argument("id", nargs="?", metavar="INVESTIGATION", help="only what this investigation needs")


def _sql(command: argparse.ArgumentParser) -> None:
    command.add_argument("action", choices=("check",))
    command.add_argument("files", nargs="*", metavar="FILE", help=".sql files; left out: JSON lines on stdin")
    command.add_argument("--dialect", default="postgres", metavar="NAME", help="dialect of .sql files (default postgres)")


def _redact(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--spans", action="store_true", help='JSON lines {"id", "text"} in, {"id", "spans": [{"start", "end", "type"}]} out, same order'
    )
    command.add_argument("--known", metavar="FILE", help="values that are known to be personal: one a line, or JSON lines {value, type}")
    command.add_argument(
        "--pseudonyms", metavar="KEYREF", help="labels that tell values apart; the key as env:NAME, file:PATH or keyring:SERVICE/USER"
    )
    command.add_argument("--regions", metavar="DE,GB", help="numbering plans for telephones without a country code (default: 41 of them)")
    command.add_argument("--keep", action="append", default=[], metavar="TYPE", help="leave this type alone; may be repeated")
    command.add_argument("--names", metavar="MODEL", help="also guess names with this spaCy model (extra `names`; slow, and often wrong)")


def _similar(command: argparse.ArgumentParser) -> None:
    command.add_argument("what", nargs="?", metavar="CASE|FILE", help="a case with its report, or a text: looked for in the tracker")
    command.add_argument(
        "--corpus", metavar="FILE", help='candidates as JSON lines {"id", "created", "title", "body"}; with a case: known issues'
    )
    command.add_argument(
        "--queries", metavar="FILE", help="issues to look up in --corpus, of the same form; answers as JSON lines, same order"
    )
    command.add_argument("--older-only", action="store_true", help="only candidates that were created before the query")
    command.add_argument("-k", type=count, default=10, metavar="N", help="at most N candidates (default 10)")
    command.add_argument("--index", metavar="FILE", help="keep the index of --corpus here: next time only new and changed issues are read")


def _trends(command: argparse.ArgumentParser) -> None:
    command.add_argument("--weeks", type=int, default=12, metavar="N", help="compare with so many weeks before (default 12)")
    command.add_argument("--source", action="append", default=[], metavar="NAME", help="only this log source (default: all)")
    command.add_argument("--no-logs", action="store_true", help="tickets only")
    command.add_argument("--all", action="store_true", help="also what nobody told of this week")
    command.add_argument("--counts", metavar="FILE", help="judge weekly counts of a CSV file instead: a row a week, oldest first")
    command.add_argument("--column", default="count", metavar="NAME", help="the column of --counts (default count)")
    command.add_argument("--each", action="store_true", help="with --counts: judge every week by those before it")


def _schema(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", choices=("workspace", "investigation", "case", "evidence", "findings"))


def _sandbox(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "action", choices=("start", "fix", "break"), help="start: serve; fix, break: take the product's planted defect out, or back in"
    )
    command.add_argument("--state", metavar="FILE", help="where its state lives (default: sandbox.sqlite in the workspace)")
    command.add_argument("--port", type=int, default=8765, metavar="PORT", help="default 8765")
    command.add_argument("--personality", choices=("cloud", "datacenter"), default="cloud", help="which Jira it is like (default cloud)")
    command.add_argument("--seed", metavar="FILE", help="start from this JSON file when the state is new (see docs/sandbox.md)")


def _demo(command: argparse.ArgumentParser) -> None:
    command.add_argument("--folder", default="demo-workspace", metavar="DIR", help="the workspace it makes (default demo-workspace)")
    command.add_argument("--database", choices=("duckdb", "postgres"), default="duckdb", help="where the application's data lies")
    command.add_argument("--real", action="store_true", help="on the logs of a real system instead (needs ../shared/corpora)")
    command.add_argument("--port", type=int, default=8765, metavar="PORT", help="of the sandbox (default 8765; 0: any free one)")


def _completions(command: argparse.ArgumentParser) -> None:
    command.add_argument("shell", choices=("bash", "zsh", "tcsh"))


def _nothing(_command: argparse.ArgumentParser) -> None:
    """Take only what every command takes."""


COMMANDS: tuple[tuple[str, str, Callable[[argparse.ArgumentParser], None]], ...] = (
    ("init", "make a workspace: bridge.yaml, views, investigations, templates", _init),
    ("tickets", "list the queue of unsolved tickets", _tickets),
    ("investigate", "open a case: collect evidence and find out who is affected, since when, and what they share", _investigate_arguments),
    ("report", "render a case's report to Markdown, Jira wiki markup, ADF and HTML; score: what it holds and lacks", _report),
    ("templates", "report templates: list, check, preview", _templates),
    ("file", "file a case's report as one issue, linked with every ticket; a second run writes nothing", _file),
    ("run", "investigate, report and file in one go; asks before it writes outside", _run),
    (
        "add",
        "link more tickets to a case that is filed, and bring the issue's figures up to date; a case that is not filed keeps them",
        _add,
    ),
    ("follow", "tell the tickets what became of their issues, each news once; answers to customers wait for approval", _follow_arguments),
    ("stuck", "show what waits for somebody longer than the policy allows", _nothing),
    ("reconcile", "compare ledger, tracker and help desk, and mend what is missing on request", _reconcile),
    ("audit", "show every outside write: when, by whom, and the answer", _audit),
    ("tracker", "print a starting point for tracker.fields, from the tracker's create screen", _tracker),
    ("reproduce", "replay a case's recorded session on a test system and shrink it; shows only what it would send", _reproduce),
    ("verify", "run a case's reproduction again: fixed, still failing, or can't tell", _verify),
    ("cases", "list the cases of the workspace", _nothing),
    ("show", "show a case: findings, evidence, what is filed and what is next", _show),
    ("impact", "what the cases are worth, for leads: accounts, revenue, tiers, age, state; each account counted once", _impact),
    ("doctor", "check every connection: reachable, permissions, what is missing, what to do", _nothing),
    ("investigations", "the catalogue: list, show, check, test, begin a new entry, write its pages", _investigations),
    ("views", "tell what this workspace's views lack for the catalogue, with types, before anything runs", _views),
    ("sql", "check statements against the guard: JSON lines {id, dialect, sql} in, verdicts out", _sql),
    ("logs", "ask log files: events, counts, a timeline, the templates of their messages, and what is different now", _logs_arguments),
    ("redact", "take out what must not leave: stdin to stdout", _redact),
    ("similar", "rank issues that may be about the same thing, each with the reason; it shows, you decide", _similar),
    ("trends", "the daily look: which symptoms and errors are told of more often, or too few to tell", _trends),
    ("schema", "print a JSON Schema for editors", _schema),
    ("sandbox", "a Jira-compatible tracker and a Zendesk-compatible help desk on this machine", _sandbox),
    ("demo", "run the main job end to end on a made-up company, with no accounts anywhere", _demo),
    ("completions", "print a completion script for your shell", _completions),
)
"""Name, what it does (one line), and its arguments, in the order of the help."""
