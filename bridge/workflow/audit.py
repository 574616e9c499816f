"""audit.jsonl: one line for each query and log selection that ran, however it ended. Lines are only ever appended."""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bridge.errors import InputError, RefusedError, TimedOutError
from bridge.model.evidence import Scalar
from bridge.workflow.codec import iso

FILE = "audit.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of one query."""

    at: datetime
    case: str
    investigation: str
    """Its id and version."""
    evidence: str
    source: str
    product: str
    query: str
    parameters: dict[str, Scalar | list[Scalar]]
    took_seconds: float
    outcome: str
    """complete, empty, cut-rows, cut-bytes, timed-out, refused, failed, stopped."""
    rows: int | None = None
    """None when it did not end well."""
    digest: str = ""
    """sha256 of the rows as they are kept."""
    message: str = ""
    """What went wrong."""


def ending(error: BaseException | None) -> str:
    """Return the outcome of a run that gave no result."""
    return "refused" if isinstance(error, RefusedError) else "timed-out" if isinstance(error, TimedOutError) else "failed"


def write(root: Path, run: Run) -> None:
    """Append one line; a single write with O_APPEND, so that lines of two processes never mix.

    InputError when it can't be written: what leaves no trace must not run again.
    """
    line = {
        "at": iso(run.at),
        "who": who(),
        "what": "query",
        "host": socket.gethostname(),
        "case": run.case,
        "investigation": run.investigation,
        "evidence": run.evidence,
        "source": run.source,
        "product": run.product,
        "outcome": run.outcome,
        "rows": run.rows,
        "took_seconds": run.took_seconds,
        "digest": run.digest,
        "message": run.message,
        "parameters": run.parameters,
        "query": run.query,
    }
    append(root, line)


def append(root: Path, line: Mapping[str, object]) -> None:
    """Append one line in one write; InputError when it can't be written."""
    data = (json.dumps(line, ensure_ascii=False) + "\n").encode()
    path = root / FILE
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, data)
        finally:
            os.close(handle)
    except OSError as error:
        raise InputError(
            f"the audit can't be written: {error.strerror}", where=str(path), hint="make it writable, then run again"
        ) from error


def who() -> str:
    """Return the operating system's user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def overrides(root: Path, case: str = "") -> list[dict[str, str]]:
    """Return the gates that people let pass: at, who, case, reason, problems; oldest first."""
    path = root / FILE
    if not path.is_file():
        return []
    found = []
    for raw in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if '"override"' not in raw:
            continue
        try:
            line = json.loads(raw)
        except ValueError:
            continue  # the last line of a process that was killed
        if isinstance(line, dict) and line.get("what") == "override" and case in {"", line.get("case")}:
            found.append(
                {name: str(line.get(name, "")) for name in ("at", "who", "case", "reason")} | {"problems": "; ".join(line["problems"])}
            )
    return found
