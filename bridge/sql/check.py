"""Judging many texts from outside: JSON lines in, JSON lines out, in order, whatever comes in.

Text that is not from the catalogue is parsed in a child process with a deadline: a parser that dies by a signal
or runs for ever takes the child with it, the text is refused, and the next one gets a new child.
"""

from __future__ import annotations

import json
import math
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import IO

from bridge.sql.guard import DIALECTS, Verdict, verdict
from bridge.sql.limits import check_text

SECONDS = 2.0
"""For one statement; the slowest honest one of 64 KB takes a tenth of it."""
ALIASES = {"postgresql": "postgres", "mariadb": "mysql", "mssql": "tsql", "sqlserver": "tsql", "databricks": "spark", "presto": "trino"}


def check_lines(lines: Iterable[str], out: IO[str], *, seconds: float = SECONDS) -> int:
    """Answer each line `{"id", "dialect", "sql"}` with `{"id", "verdict", "rule", "message", "line", "column"}`.

    Empty lines are skipped. A line that is not such an object is itself answered with a refusal. Returns how
    many texts were refused; raises nothing for what a line contains.
    """
    refused = 0
    child = Child(seconds=seconds)
    try:
        for line in lines:
            if not line.strip():
                continue
            name, outcome = _answer(line, child)
            refused += not outcome.allowed
            out.write(json.dumps({"id": name, "verdict": "allow" if outcome.allowed else "reject", **_details(outcome)}) + "\n")
            out.flush()  # who asks line by line waits for the answer
    finally:
        child.close()
    return refused


def _details(outcome: Verdict) -> dict[str, str | int]:
    return {"rule": outcome.rule, "message": outcome.message, "line": outcome.line, "column": outcome.column}


def _answer(line: str, child: Child) -> tuple[object, Verdict]:
    try:
        record = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None, Verdict(allowed=False, rule="input", message="not a JSON object on one line")
    if not isinstance(record, dict):
        return None, Verdict(allowed=False, rule="input", message="not a JSON object")
    name, dialect, sql = record.get("id"), record.get("dialect"), record.get("sql")
    name = None if isinstance(name, float) and not math.isfinite(name) else name
    dialect = ALIASES.get(dialect.lower(), dialect.lower()) if isinstance(dialect, str) else dialect
    if not isinstance(sql, str) or dialect not in DIALECTS:
        return name, Verdict(allowed=False, rule="input", message=f"needs `sql` and a `dialect` of: {', '.join(DIALECTS)}")
    refusal = check_text(sql)
    if refusal is not None:
        return name, Verdict(allowed=False, rule=refusal.rule, message=refusal.message, line=refusal.line, column=refusal.column)
    return name, child.judge(sql, dialect)


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


@dataclass(slots=True, kw_only=True)
class Child:
    """The process that parses; started when first needed, replaced when it dies or is late."""

    seconds: float
    process: subprocess.Popen[bytes] | None = None
    waiting: bytearray = field(default_factory=bytearray)

    def judge(self, sql: str, dialect: str) -> Verdict:
        """Return the child's verdict; a dead or late child is a refusal."""
        process = self.process or self._start()
        if process.stdin is None or process.stdout is None:
            raise TypeError("the child was started without pipes")
        try:
            process.stdin.write(json.dumps([sql, dialect]).encode() + b"\n")
            process.stdin.flush()
            answer = self._read(process.stdout.fileno())
        except BrokenPipeError:
            answer = b""
        if answer is None or not answer:
            self.close()
            what = f"the parser took longer than {self.seconds:g} s" if answer is None else "the parser died on it"
            return Verdict(allowed=False, rule="time" if answer is None else "crash", message=what)
        return Verdict(**json.loads(answer))

    def close(self) -> None:
        """End the child, if there is one."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None
            self.waiting.clear()

    def _start(self) -> subprocess.Popen[bytes]:
        self.process = subprocess.Popen([sys.executable, "-m", "bridge.sql.check"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.process.stdout is not None:
            # Loading the parser is not the statement's time: the child says when it is ready.
            _readable(self.process.stdout.fileno(), 60)
            os.read(self.process.stdout.fileno(), len(_READY))
        return self.process

    def _read(self, descriptor: int) -> bytes | None:
        """Return one line, empty when the child is gone, None when it is late."""
        end = time.monotonic() + self.seconds
        while b"\n" not in self.waiting:
            left = end - time.monotonic()
            if left <= 0 or not _readable(descriptor, left):
                return None
            read = os.read(descriptor, 65_536)
            if not read:
                return b""
            self.waiting += read
        line, _, rest = bytes(self.waiting).partition(b"\n")
        self.waiting[:] = rest
        return line


_READY = b"+"


def _readable(descriptor: int, seconds: float) -> bool:
    """Wait until there is something to read. Not select(): it takes no descriptor over 1,023."""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(seconds))


def _serve() -> None:
    """Be the child: one JSON array [sql, dialect] a line, one verdict a line."""
    for dialect in DIALECTS:
        verdict("SELECT 1", dialect)
    sys.stdout.buffer.write(_READY)
    sys.stdout.buffer.flush()
    for line in sys.stdin.buffer:
        sql, dialect = json.loads(line)
        outcome = verdict(sql, dialect)
        sys.stdout.buffer.write(json.dumps({"allowed": outcome.allowed, **_details(outcome)}).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve()
