"""Which dialects an investigation was verified in: recorded in verified.json beside the entries, by the digest of their texts.

verified: its tests passed on that engine, with exactly these texts and tests. native: the text was written for the
dialect. unverified: nobody has run it there (docs/dialects.md).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from bridge.catalog import permitted
from bridge.catalog.queries import JOINS, text_for
from bridge.catalog.testing import DUCKDB, run_tests
from bridge.errors import InputError, Problem, RefusedError
from bridge.model.investigation import Investigation, SqlEvidence

FILE: Final = "verified.json"
FORMAT: Final = 1
Standing = Literal["native", "verified", "unverified"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known about one entry."""

    digest: str
    """Of its texts and tests when they were run."""
    dialects: tuple[str, ...]


def identity(investigation: Investigation) -> str:
    """Return the sha256 over the entry's digest and its tests, by name: a changed text or test is unverified again."""
    total = hashlib.sha256(investigation.digest.encode())
    folder = Path(investigation.folder)
    for path in sorted(folder.glob(investigation.tests)):
        data = path.read_bytes()
        total.update(f"{path.relative_to(folder).as_posix()}\0{len(data)}\0".encode())
        total.update(data)
    return total.hexdigest()


def read(folder: Path) -> dict[str, Record]:
    """Return the records of a folder of investigations; no file, no records."""
    path = folder / FILE
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if document.get("format") != FORMAT:
            raise InputError(f"format {document.get('format')!r} is not known", where=str(path), hint="bridge investigations test --record")
        return {name: Record(digest=one["digest"], dialects=tuple(one["dialects"])) for name, one in document["entries"].items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{path.name} can't be read: {error}"
        raise InputError(message, where=str(path), hint="remove it, then: bridge investigations test --record") from error


def text(records: Mapping[str, Record]) -> str:
    """Return verified.json."""
    entries = {name: {"digest": one.digest, "dialects": sorted(one.dialects)} for name, one in sorted(records.items())}
    return json.dumps({"format": FORMAT, "entries": entries}, indent=2) + "\n"


def dialects(investigation: Investigation) -> frozenset[str]:
    """Return the dialects in which these very texts were verified; an entry that is not recorded runs its tests on DuckDB now."""
    record = read(Path(investigation.folder).parent).get(investigation.id)
    own = identity(investigation)
    if record is not None and record.digest == own and record.dialects:
        return frozenset(record.dialects)
    results = run_tests(investigation)
    return frozenset({DUCKDB.dialect}) if results and all(result.passed for result in results) else frozenset()


def updated(record: Record | None, investigation: Investigation, passed: Collection[str], failed: Collection[str]) -> Record:
    """Return the record after a run: other engines' results stay as long as the texts are the same."""
    own = identity(investigation)
    before = set(record.dialects) if record is not None and record.digest == own else set()
    return Record(digest=own, dialects=tuple(sorted((before | set(passed)) - set(failed))))


def standing(item: SqlEvidence, dialect: str, verified: Collection[str]) -> Standing:
    """Return how a query stands in a dialect."""
    if item.view is not None:
        return "native"
    if dialect in verified:
        return "verified"
    return "native" if text_for(item, dialect)[2] == dialect and not item.joins else "unverified"


def doubts(investigation: Investigation, wanted: Mapping[str, str]) -> tuple[Problem, ...]:
    """Return a problem for each query that is unverified in the dialect of its database; `wanted` is the dialect by the query's name."""
    queries = [item for item in investigation.evidence if isinstance(item, SqlEvidence) and item.view is None]
    queries += permitted.queries(investigation)
    asked = [(item, JOINS if item.joins else wanted[item.name]) for item in queries if item.joins or item.name in wanted]
    if all(text_for(item, dialect)[2] == dialect for item, dialect in asked):
        return ()
    known = dialects(investigation)
    return tuple(
        Problem(message=f"evidence '{item.name}' was never tested on {dialect}", where=item.file, hint="docs/dialects.md")
        for item, dialect in asked
        if standing(item, dialect, known) == "unverified"
    )


def refusal(investigation: Investigation, problems: tuple[Problem, ...]) -> RefusedError:
    """Return the error for queries that are unverified, with the two ways out."""
    return RefusedError(
        f"investigation '{investigation.id}' is not verified for this database",
        where=investigation.folder,
        hint=f"look at its figures with care: --unverified; or run its tests there: bridge investigations test {investigation.id} --record",
        problems=problems,
    )
