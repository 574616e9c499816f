"""A workspace's own severity policy: `severity.yaml` beside bridge.yaml. Without one the built-in policy holds."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

from bridge.analysis.severity import GITLAB_2026_11, LEVELS, Policy
from bridge.config import yaml_marks
from bridge.config.problems import failure
from bridge.errors import Problem

FILE: Final = "severity.yaml"


def policy(root: Path) -> Policy:
    """Return the policy of the workspace at `root`; InputError names every problem of its file.

    Keys that the file leaves out are those of the built-in policy, but for `id`: levels of different policies are not compared.
    """
    path = root / FILE
    if not path.is_file():
        return GITLAB_2026_11
    document = yaml_marks.read(path)
    given = document.value if isinstance(document.value, dict) else {}
    made: dict[str, Any] = {}
    problems = [] if "id" in given else [Problem(message="id is missing", where=str(path), hint="id: acme-2026-12, with its date")]
    for key, value in given.items():
        read, hint = _KEYS.get(key, (None, ""))
        where = document.where((key,))
        if read is None:
            near = difflib.get_close_matches(key, _KEYS, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(_KEYS)}"
            problems.append(Problem(message=f"unknown key '{key}'", where=where, hint=hint))
        elif (found := read(value)) is None:
            problems.append(Problem(message=f"{key} can't be {value!r}", where=where, hint=hint))
        else:
            made[key] = found
    if problems:
        raise failure(FILE, problems)
    return replace(GITLAB_2026_11, **made)


def _id(value: object) -> str | None:
    return value.strip() if isinstance(value, str) and value.strip() and value != GITLAB_2026_11.id else None


def _level(value: object) -> str | None:
    return value if isinstance(value, str) and value in LEVELS else None


def _share(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1 else None


def _plans(value: object) -> tuple[str, ...] | None:
    return tuple(plan.casefold() for plan in value) if isinstance(value, list) and all(isinstance(plan, str) for plan in value) else None


def _shares(value: object) -> tuple[tuple[float, str], ...] | None:
    """Return S1 to S3 as falling floors, S4 from 0 on."""
    if not isinstance(value, dict) or set(value) != {"S1", "S2", "S3"}:
        return None
    floors = [floor for level in ("S1", "S2", "S3") if (floor := _share(value[level])) is not None]
    if len(floors) != len(value) or floors != sorted(floors, reverse=True):
        return None
    return (*zip(floors, ("S1", "S2", "S3"), strict=True), (0.0, "S4"))


_SPECIAL: Final[dict[str, tuple[Callable[[object], object], str]]] = {
    "id": (_id, "a name of your own with its date: acme-2026-12"),
    "shares": (_shares, "falling shares: {S1: 0.5, S2: 0.25, S3: 0.05}"),
    "top_plans": (_plans, "a list of plans: [enterprise]"),
    "blocked_share": (_share, "a share from 0 to 1"),
    "worked_share": (_share, "a share from 0 to 1"),
}
_KEYS: Final = {field.name: _SPECIAL.get(field.name, (_level, f"one of {', '.join(LEVELS)}")) for field in fields(Policy)}
