"""Several databases asked at the same time, each within its cap of queries; stopped together, on the servers too."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from bridge.ports import BoundQuery, Clock, Database, Limits, QueryResult
from bridge.workflow.evidence_store import sorted_rows

_AGAIN = 0.2
"""Seconds until what still runs is cancelled again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One query for one database."""

    source: str
    """The workspace's name of the database: what the cap counts by."""
    database: Database
    query: BoundQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, and when: the result, or the error that ended it."""

    started_at: datetime
    took_seconds: float
    result: QueryResult | None
    """Its rows are sorted."""
    error: Exception | None = None


@contextmanager
def asked(questions: Mapping[str, Question], limits: Limits, *, concurrent: int, clock: Clock) -> Iterator[Mapping[str, Future[Answer]]]:
    """Ask all questions; give the answers by name as they come, errors as values.

    Leaving early (Ctrl-C, an error of another query) cancels on the servers what still runs, and asks no more.
    """
    stopped = threading.Event()

    def ask(question: Question) -> Answer:
        started_at, begun = clock.now(), time.monotonic()
        if stopped.is_set():
            return Answer(started_at=started_at, took_seconds=0.0, result=None)
        try:
            result = question.database.run(question.query, limits)
            took = time.monotonic() - begun
            # Here, so that the rows are not held twice for longer than it takes.
            result = replace(result, table=sorted_rows(result.table))
        except Exception as error:  # noqa: BLE001 - handed on as a value, and raised where the answer is read
            return Answer(started_at=started_at, took_seconds=time.monotonic() - begun, result=None, error=error)
        return Answer(started_at=started_at, took_seconds=took, result=result)

    # An engine inside this process may take one query at a time; it uses all processors for that one.
    slots = {q.source: 1 if getattr(q.database, "serial", False) else concurrent for q in questions.values()}
    pools = {source: ThreadPoolExecutor(max_workers=number, thread_name_prefix=f"query-{source}") for source, number in slots.items()}
    futures = {name: pools[question.source].submit(ask, question) for name, question in questions.items()}
    try:
        yield futures
    except BaseException:
        stopped.set()
        waiting = {future for future in futures.values() if not future.cancel()}
        while waiting:
            # Again until all have ended: one that was still connecting could not be cancelled the first time.
            for question in questions.values():
                question.database.cancel()
            waiting = wait(waiting, timeout=_AGAIN).not_done
        raise
    finally:
        for pool in pools.values():
            pool.shutdown(wait=True, cancel_futures=True)
