"""Questions to sources whose events take their account from their trace (`account_from_trace`): which line names it may be anywhere.

So the files are read for the window alone, a little wider, accounts are filled in, and only then events are judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.logs.ask import Answer, ask
from bridge.logs.paths import LogFile
from bridge.logs.question import Question
from bridge.logs.records import Event
from bridge.logs.selection import TRACE_SLACK, accounts_from_traces

if TYPE_CHECKING:
    from bridge.logs.counting import Counting


def ask_by_trace(
    files: Sequence[LogFile], question: Question, limit: int | None = None, cached: Path | None = None, counting: Counting | None = None
) -> Answer:
    """Answer as `bridge.logs.ask.ask` does; all events of the window are held in memory."""
    wide = replace(
        question,
        start=None if question.start is None else question.start - TRACE_SLACK,
        end=None if question.end is None else question.end + TRACE_SLACK,
        accounts=frozenset(),
        traces=frozenset(),
        services=frozenset(),
        levels=frozenset(),
        where=(),
        grep=(),
        attributes=question.needs_attributes(),
        parts=None,
    )
    answer = ask(files, wide, cached=cached)
    rows = answer.rows
    declared = {file.name: file.options.account_from_trace for file in files}
    accounts_from_traces(rows, [declared[name] for name in rows.files])
    kept = []
    for number, event in enumerate(
        map(Event, rows.at, rows.level, rows.service, rows.account_id, rows.trace_id, rows.message, rows.attributes, rows.offset)
    ):
        if not question.fits(event):
            continue
        if counting is None:
            kept.append(number)
        else:
            counting.add(event, rows.files[rows.file[number]])
    rows.keep(kept)
    if limit is not None and len(kept) > limit:
        rows.keep_first(limit)
        answer.cut = True
    return answer
