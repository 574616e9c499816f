"""`bridge tracker map`: a starting point for `tracker.fields`, from the tracker's own create screen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bridge.filing.settings import VALUES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.model.filing import FieldInfo
    from bridge.workflow.context import Context

_OURS = frozenset({"project", "issuetype", "summary", "description", "labels", "reporter", "attachment", "issuelinks", "assignee"})
_NUMBERS = frozenset(name for name, words in VALUES.items() if "number" in words)
_OTHER_NAMES = {
    "affected_accounts": ("affected customers", "customers affected", "affected organizations", "customer count"),
    "silent_accounts": ("silent customers", "customers without a ticket"),
    "affected_revenue": ("affected arr", "arr affected", "revenue at risk", "arr at risk", "customer revenue"),
    "ticket_count": ("tickets", "support tickets", "number of tickets"),
    "first_seen": ("first failure", "since", "started at"),
    "change_version": ("version", "found in version", "build"),
    "case_id": ("bridge case", "case"),
}


def suggestion(context: Context) -> tuple[str, ...]:
    """Return lines for bridge.yaml."""
    return lines(context.connections.tracker().fields())


def lines(fields: Sequence[FieldInfo]) -> tuple[str, ...]:
    """Return the part `tracker: fields:`; what is required and has no value of ours stands there to be filled in."""
    found = ["tracker:", "  fields:"]
    todo = 0
    for field in fields:
        if field.id in _OURS:
            continue
        value = _value(field)
        shown = _one_line(field.name)
        allowed = f"; one of {', '.join(map(_one_line, field.allowed[:8]))}" if field.allowed else ""
        if value is not None:
            found.append(f"    {field.id}: {value}   # {shown}: {VALUES.get(value.split()[0], 'by severity')}")
        elif field.required:
            todo += 1
            first = _one_line(field.allowed[0]) if field.allowed else "..."
            found.append(f"    {field.id}: {{value: {first}}}   # {shown}: REQUIRED, choose a value{allowed}")
        else:
            found.append(f"    # {field.id}: {{value: ...}}   # {shown} ({field.type or 'text'}{allowed})")
    found.append(f"# {todo} required field(s) still need a value" if todo else "# every required field has a value")
    return tuple(found)


def _value(field: FieldInfo) -> str | None:
    """Return our value for a field: by its name, and only where the kinds fit."""
    name = re.sub(r"[^a-z0-9]+", " ", field.name.casefold()).strip()
    if field.id == "priority" and set(field.allowed) >= {"Highest", "High", "Medium", "Low"}:
        return "{from: severity, map: {S1: Highest, S2: High, S3: Medium, S4: Low}}"
    for value in VALUES:
        if name not in {value.replace("_", " "), *_OTHER_NAMES.get(value, ())}:
            continue
        if value == "severity" and field.allowed and not set(field.allowed) >= {"S1", "S2", "S3", "S4"}:
            if len(field.allowed) >= 4:  # noqa: PLR2004 - as many as there are levels
                levels = ", ".join(f"S{number}: {_one_line(word)}" for number, word in enumerate(field.allowed[:4], 1))
                return f"{{from: severity, map: {{{levels}}}}}"
            return None
        if (value in _NUMBERS) == (field.type == "number"):
            return value
    return None


def _one_line(text: str) -> str:
    """Return a tracker's word as it can stand in a comment or a flow mapping of YAML."""
    flat = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return flat if re.fullmatch(r"[A-Za-z0-9 ._()/+-]*", flat) else "'" + flat.replace("'", "''") + "'"
