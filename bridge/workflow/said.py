"""What people said about a case's report: promises to customers, and gates that somebody let pass with a reason."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from bridge.disk import write_text
from bridge.errors import GateError, InputError, Problem
from bridge.reporting.facts import Alike
from bridge.workflow import audit
from bridge.workflow.codec import from_json, iso, to_json

_SAID: Final = "said.json"
_ALIKE: Final = "similar.json"
_NEVER: Final = frozenset({"G1"})
"""Nothing personal leaves, whatever the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What `bridge similar CASE` found, as the report tells it."""

    candidates: tuple[Alike, ...]
    searched: str


def promise(folder: Path) -> str:
    """Return what the customer was promised, empty when nobody has said."""
    return str(_said(folder).get("promise", ""))


def keep_promise(folder: Path, words: str) -> None:
    """Keep what an analyst says about promises; `none` says that there is none."""
    write_text(folder / "report" / _SAID, to_json(_said(folder) | {"promise": " ".join(words.split())}))


def alike(folder: Path) -> Looked | None:
    """Return the issues that may be the same; None: nobody has looked."""
    path = folder / _ALIKE
    return from_json(path.read_text(encoding="utf-8"), Looked, where=str(path)) if path.is_file() else None


def keep_alike(folder: Path, looked: Looked) -> None:
    """Keep what was found, for the report."""
    write_text(folder / _ALIKE, to_json(looked))


def let_pass(folder: Path, gates: Sequence[Problem]) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """Return the gates that still forbid filing, and those that somebody let pass: exactly the ones that were seen then."""
    known = _said(folder).get("override")
    if not known or known.get("problems") != _digest(gates):
        return tuple(gates), ()
    passed = tuple(problem for problem in gates if problem.where not in _NEVER)
    return tuple(problem for problem in gates if problem.where in _NEVER), passed


def override(root: Path, folder: Path, gates: Sequence[Problem], reason: str, now: datetime) -> None:
    """Let failed gates pass, with who, when and why in the audit; G1 never passes."""
    reason = " ".join(reason.split())
    if not reason:
        raise InputError("an override needs a reason", where="--override", hint='--override "the customer waits, steps follow tomorrow"')
    if not gates:
        raise InputError(
            f"no gate of {folder.name} fails: there is nothing to override", where="--override", hint=f"bridge file {folder.name}"
        )
    never = tuple(problem for problem in gates if problem.where in _NEVER)
    if never:
        raise GateError(
            "personal data and secrets never leave, whatever the reason",
            where=str(folder / "report"),
            hint="leave them out, then render again",
            problems=never,
        )
    line: dict[str, Any] = {
        "what": "override",
        "at": iso(now),
        "who": audit.who(),
        "case": folder.name,
        "reason": reason,
        "problems": [f"{problem.where}: {problem.message}" for problem in gates],
    }
    audit.append(root, line)
    kept = {"reason": reason, "who": line["who"], "at": line["at"], "problems": _digest(gates)}
    write_text(folder / "report" / _SAID, to_json(_said(folder) | {"override": kept}))


def _digest(gates: Sequence[Problem]) -> str:
    return hashlib.sha256(json.dumps(sorted([problem.where, problem.message] for problem in gates)).encode()).hexdigest()


def _said(folder: Path) -> dict[str, Any]:
    path = folder / "report" / _SAID
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path.name} is not JSON: {error}", where=str(path), hint="remove it and say it again") from error
    return found if isinstance(found, dict) else {}
