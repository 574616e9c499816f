"""Adapters by kind and name, through entry points: list names without importing, load exactly one."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

from bridge.errors import InputError

Kind = Literal["tickets", "databases", "log_sources", "trackers"]

_EXTRAS = {"psycopg": "postgres", "pymysql": "mysql"}
"""Drivers that an adapter imports at its head, and the extra that brings each; the others are imported at their first query."""


def names(kind: Kind) -> tuple[str, ...]:
    """Return the installed products of a kind, sorted; imports none of them."""
    return tuple(sorted({point.name for point in entry_points(group=f"bridge.{kind}")}))


def load(kind: Kind, name: str) -> Any:
    """Return the factory of one product; an unknown name answers with the installed ones."""
    points = [point for point in entry_points(group=f"bridge.{kind}") if point.name == name]
    if not points:
        known = names(kind)
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"installed: {', '.join(known) or 'none'}"
        raise InputError(f"no product '{name}' for {kind}", hint=hint)
    try:
        return points[0].load()
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        raise InputError(
            f"product '{name}' needs the package {error.name}, which is not installed",
            hint=f"pip install 'ticket-bridge[{_EXTRAS[error.name]}]'",
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterOptions:
    """What an adapter's factory gets: its part of bridge.yaml. The adapter checks its own keys, all at once."""

    name: str
    """The workspace's name for it: `app`, `tracker`."""
    values: Mapping[str, Any]
    """The mapping under that name without `product`; secrets are still references."""
    root: Path
    """The workspace folder: relative paths start here."""
    where: str
    """bridge.yaml:12, for messages."""
    secret: Callable[[str], str]
    """Resolve the reference stored under a key (`token: env:NAME`); AccessError says what is missing."""
    now: Callable[[], datetime]
    """The workspace's clock, UTC."""
