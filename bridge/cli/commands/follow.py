"""`bridge follow`: what became of the issues reaches their tickets; answers to customers wait for approval."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli import compose, output
from bridge.cli.commands.file import would
from bridge.cli.progress import Progress
from bridge.errors import BridgeError, ExitCode, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.filing.follow import Followed
    from bridge.filing.memory import Draft
    from bridge.workflow.follow import Look


def run(args: argparse.Namespace) -> int:
    """Look once, or every N minutes; or show, send or drop drafts."""
    if args.drafts or args.send or args.drop:
        return _drafts(args)
    if args.every is None:
        return _once(args)
    if args.every < 1:
        raise InputError(f"--every takes minutes, at least 1, not {args.every}", hint="bridge follow --every 5")
    return _rounds(args)


def _rounds(args: argparse.Namespace) -> int:
    """Look again and again until Ctrl-C; a round that fails is told and does not end it."""
    stopped: list[int] = []

    def stop(number: int, _frame: object) -> None:
        stopped.append(number)
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, stop)
    try:
        _until_stopped(args, stopped)
    finally:
        signal.signal(signal.SIGINT, before)
    return ExitCode.DONE


def _until_stopped(args: argparse.Namespace, stopped: list[int]) -> None:
    begun = False
    while True:
        try:
            _once(args)
        except BridgeError as error:
            if not begun and error.exit_code is ExitCode.INPUT:
                raise  # what was asked for can't be done, now or later
            output.failure(args, error, error.exit_code)
        sys.stdout.flush()
        begun = True
        if stopped:  # Python drops an interrupt that comes while it cleans up
            raise KeyboardInterrupt
        time.sleep(args.every * 60)


def _once(args: argparse.Namespace) -> int:
    from bridge.workflow.follow import follow
    from bridge.workflow.rehearsal import rehearsal

    with Progress(quiet=args.output != "text") as progress, compose.context(args, progress) as context:
        if args.dry_run:
            with rehearsal(context) as (dry, writes):
                look = follow(dry, tuple(args.cases))
            output.dry_run(args, writes, (*would(writes), *(f"  ✗ {problem}" for problem in look.failed)))
            return ExitCode.PARTLY if look.failed else ExitCode.DONE
        look = follow(context, tuple(args.cases))
    if args.output != "text":
        output.data(args, look)
    else:
        _show(look)
    undone = any(item.undone for item in look.followed)
    return ExitCode.PARTLY if undone or look.failed else ExitCode.DONE


def _show(look: Look) -> None:
    for item in look.followed:
        _one(item)
    for ticket in look.new_tickets:
        output.say(f"  {ticket.ticket_id} may belong to {ticket.case_id}: {output.safe(ticket.subject)}  ({output.safe(ticket.why)})")
        output.say(f"      bridge add {ticket.case_id} {ticket.ticket_id}")
    for problem in look.failed:
        output.say(f"  ✗ {output.safe(problem)}")
    if look.drafts:
        output.say(f"\n  {len(look.drafts)} answer(s) to customers wait for approval: bridge follow --drafts")
    if not look.followed and not look.failed:
        output.say("  nothing is filed yet")
    elif not look.writes and not any(item.changed for item in look.followed):
        output.say("  nothing new; nothing was written")


def _one(item: Followed) -> None:
    detail = f" ({item.detail})" if item.detail else ""
    told = f"   {len(item.told)} ticket(s) told" if item.told else ""
    output.say(f"  {output.bold(item.case_id)}  {output.safe(item.issue.key)}  {item.word}{output.safe(detail)}{told}")
    for notice in item.notices:
        output.say(f"      {output.safe(notice)}")
    for part in item.undone:
        output.say(f"      ✗ {output.safe(part.target)}: {output.safe(part.why)}")


def _drafts(args: argparse.Namespace) -> int:
    from bridge.workflow.follow import drop, send, waiting_drafts
    from bridge.workflow.rehearsal import rehearsal

    with compose.context(args, lambda _event: None) as context:
        if args.send and args.dry_run:
            with rehearsal(context) as (dry, writes):
                send(dry, args.send, text=_text(args.text))
            output.dry_run(args, writes, would(writes))
            return ExitCode.DONE
        if args.send:
            shown: Sequence[Draft] = send(context, args.send, text=_text(args.text))
            word = "sent to the customer"
        elif args.drop:
            shown, word = drop(context, args.drop), "dropped"
        else:
            shown, word = waiting_drafts(context), "waits for approval"
    if args.output != "text":
        output.data(args, {"drafts": list(shown)}, records="drafts")
        return ExitCode.DONE
    for draft in shown:
        output.say(f"  {output.bold(f'D{draft.id}')}  {draft.ticket_id}  {draft.occasion.split('|')[1]}  {draft.language}   {word}")
        for line in draft.body.splitlines():
            output.say(f"      {output.safe(line)}")
    if not shown:
        output.say("  no answer waits")
    elif not args.send and not args.drop:
        output.say(f"\n  Next: bridge follow --send D{shown[0].id}")
    return ExitCode.DONE


def _text(name: str | None) -> str:
    if name is None:
        return ""
    try:
        text = Path(name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{name} can't be read: {error}", where=name) from error
    if not text:
        raise InputError(f"{name} is empty", where=name)
    return text
