"""How a workspace files: the parts of bridge.yaml under `tracker` and `filing` that the core needs itself."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from bridge.errors import InputError, Problem
from bridge.filing.words import WORDS, Word

if TYPE_CHECKING:
    from bridge.model.filing import JsonValue

VALUES: Final = {
    "affected_accounts": "accounts that are affected, a number",
    "silent_accounts": "affected accounts that have no ticket, a number",
    "population": "all accounts, a number",
    "affected_share": "affected accounts in percent of all, a number",
    "affected_revenue": "yearly revenue of the affected accounts in the workspace's currency, a number",
    "silent_revenue": "yearly revenue of the silent accounts, a number",
    "affected_seats": "seats of the affected accounts, a number",
    "failures": "failing events, a number",
    "first_seen": "first failure, a time in UTC",
    "last_seen": "last failure, a time in UTC",
    "severity": "S1 to S4",
    "ticket_count": "tickets of the case that will be linked, a number",
    "change_version": "version of the change before the first failure: 4.18.0",
    "change_name": "name of that change: reporting",
    "case_id": "BR-0007",
    "investigation": "empty-exports",
}
"""What a tracker field can be filled with, and what it is."""

FIGURES: Final = frozenset(
    {
        "affected_accounts",
        "silent_accounts",
        "population",
        "affected_share",
        "affected_revenue",
        "silent_revenue",
        "affected_seats",
        "failures",
        "first_seen",
        "last_seen",
        "ticket_count",
    }
)
"""Values that an issue is kept up to date with; the others are written once."""

LABEL = re.compile(r"\S{1,255}")
DEFAULT_SETTLE_SECONDS = 120.0

_FILING_KEYS = ("settle_seconds", "notes", "link_titles", "reopen_days", "statuses", "resolutions", "stuck_days", "minimum_score")
DEFAULT_REOPEN_DAYS = 30.0
DEFAULT_STUCK_DAYS: Final = {"S1": 1.0, "S2": 3.0, "S3": 14.0, "S4": 30.0}
"""How long nothing may move, by severity."""
_MAPPING_KEYS = ("from", "map", "value")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSource:
    """Where one tracker field gets its value from."""

    value: str | None = None
    """One of `VALUES`; None: the constant."""
    constant: JsonValue = None
    mapping: Mapping[str, JsonValue] = field(default_factory=dict)
    """Translation of our value, by its text: `{S1: Highest}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilingSettings:
    """Checked settings."""

    project: str
    issue_type: str
    labels: tuple[str, ...] = ()
    fields: Mapping[str, FieldSource] = field(default_factory=dict)
    """By the tracker's field id."""
    settle_seconds: float = DEFAULT_SETTLE_SECONDS
    """How long a write whose answer was lost is looked for before it is shown as unknown."""
    notes: bool = True
    """Whether each ticket gets an internal note."""
    link_titles: Literal["subject", "id"] = "subject"
    """What a remote link shows: the ticket's id and subject, or its id only."""
    reopen_days: float = DEFAULT_REOPEN_DAYS
    """An issue fixed less than this ago is opened again when a further case meets it; 0: never."""
    statuses: Mapping[str, Word] = field(default_factory=dict)
    """What the tracker's own statuses mean, where the usual names don't tell."""
    resolutions: Mapping[str, Word] = field(default_factory=dict)
    stuck_days: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_STUCK_DAYS))
    """How long nothing may move, by severity."""


def read_settings(tracker: Mapping[str, Any], filing: Mapping[str, Any], *, where: str) -> FilingSettings:
    """Check `tracker.{project,issue_type,labels,fields}` and all of `filing`; InputError lists every problem.

    `tracker` may hold further keys: they are the adapter's. `where` is the tracker's place, bridge.yaml:12.
    """
    problems: list[Problem] = []

    def wrong(message: str, hint: str = "") -> None:
        problems.append(Problem(message=message, where=where, hint=hint))

    for key in ("project", "issue_type"):
        if not isinstance(tracker.get(key), str) or not tracker[key].strip():
            wrong(
                f"tracker.{key} must be a text, not {tracker.get(key)!r}", {"project": "project: REP", "issue_type": "issue_type: Bug"}[key]
            )
    labels = tracker.get("labels", [])
    if not isinstance(labels, list) or not all(isinstance(label, str) and LABEL.fullmatch(label) for label in labels):
        wrong(f"tracker.labels must be a list of words without spaces, not {labels!r}", "labels: [from-support]")
        labels = []
    fields = _fields(tracker.get("fields", {}), wrong)
    for key in filing:
        if key not in _FILING_KEYS:
            wrong(f"unknown key filing.{key}", _nearest(str(key), _FILING_KEYS))
    settle = filing.get("settle_seconds", DEFAULT_SETTLE_SECONDS)
    if isinstance(settle, bool) or not isinstance(settle, int | float) or not 0 <= settle <= 3600:  # noqa: PLR2004 - an hour is the longest useful wait
        wrong(f"filing.settle_seconds must be a number from 0 to 3600, not {settle!r}")
        settle = DEFAULT_SETTLE_SECONDS
    notes = filing.get("notes", True)
    if not isinstance(notes, bool):
        wrong(f"filing.notes must be true or false, not {notes!r}")
    titles = filing.get("link_titles", "subject")
    if titles not in {"subject", "id"}:
        wrong(f"filing.link_titles must be subject or id, not {titles!r}")
    reopen = _days(filing.get("reopen_days", DEFAULT_REOPEN_DAYS), "filing.reopen_days", wrong)
    stuck = _days_of(filing.get("stuck_days", {}), wrong)
    least = filing.get("minimum_score", 0)
    if isinstance(least, bool) or not isinstance(least, int | float) or not 0 <= least <= 100:  # noqa: PLR2004 - percent
        wrong(f"filing.minimum_score must be a number from 0 to 100, not {least!r}")
    statuses = _words(filing.get("statuses", {}), "filing.statuses", wrong)
    resolutions = _words(filing.get("resolutions", {}), "filing.resolutions", wrong)
    if problems:
        raise InputError(f"{len(problems)} problem(s) in the settings for filing", where=where, problems=tuple(problems))
    return FilingSettings(
        project=tracker["project"].strip(),
        issue_type=tracker["issue_type"].strip(),
        labels=tuple(dict.fromkeys(labels)),
        fields=fields,
        settle_seconds=float(settle),
        notes=notes,
        link_titles=titles,
        reopen_days=reopen,
        statuses=statuses,
        resolutions=resolutions,
        stuck_days=stuck,
    )


def _days(given: Any, name: str, wrong: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 3650:  # noqa: PLR2004 - ten years
        wrong(f"{name} must be a number of days, not {given!r}")
        return 0.0
    return float(given)


def _days_of(given: Any, wrong: Any) -> dict[str, float]:
    if not isinstance(given, Mapping) or not set(given) <= set(DEFAULT_STUCK_DAYS):
        wrong(f"filing.stuck_days must give days by severity, not {given!r}", "stuck_days: {S1: 1, S2: 3, S3: 14, S4: 30}")
        return dict(DEFAULT_STUCK_DAYS)
    return {**DEFAULT_STUCK_DAYS, **{key: _days(days, f"filing.stuck_days.{key}", wrong) for key, days in given.items()}}


def _words(given: Any, name: str, wrong: Any) -> dict[str, Word]:
    if not isinstance(given, Mapping):
        wrong(f"{name} must map the tracker's words to ours, not {given!r}", f"known: {', '.join(WORDS)}")
        return {}
    found: dict[str, Word] = {}
    for key, word in given.items():
        if word in WORDS:
            found[str(key)] = word
        else:
            wrong(f"{name}.{key}: no word {word!r}", _nearest(str(word), WORDS))
    return found


def _fields(given: Any, wrong: Any) -> dict[str, FieldSource]:
    if not isinstance(given, Mapping):
        wrong(f"tracker.fields must map field ids to values, not {given!r}", "fields: {customfield_10101: affected_accounts}")
        return {}
    sources: dict[str, FieldSource] = {}
    for key, entry in given.items():
        name = f"tracker.fields.{key}"
        if key in {"project", "issuetype", "summary", "description", "labels"}:
            wrong(f"{name}: bridge fills '{key}' itself", "leave the line out" if key != "labels" else "use tracker.labels")
        elif isinstance(entry, str):
            if entry in VALUES:
                sources[str(key)] = FieldSource(value=entry)
            else:
                wrong(f"{name}: no value '{entry}'", f"{_nearest(entry, tuple(VALUES))}; for a constant write {{value: {entry}}}")
        elif isinstance(entry, Mapping):
            source = _mapping(name, entry, wrong)
            if source is not None:
                sources[str(key)] = source
        else:
            wrong(f"{name} must name one of our values or be {{value: ...}}, not {entry!r}", f"for a constant write {{value: {entry}}}")
    return sources


def _mapping(name: str, entry: Mapping[str, Any], wrong: Any) -> FieldSource | None:
    unknown = [key for key in entry if key not in _MAPPING_KEYS]
    if unknown:
        wrong(f"{name}: unknown key {unknown[0]!r}", f"{_nearest(str(unknown[0]), _MAPPING_KEYS)}")
        return None
    if "value" in entry and len(entry) == 1:
        return FieldSource(constant=entry["value"])
    source, mapping = entry.get("from"), entry.get("map", {})
    if not isinstance(source, str) or source not in VALUES:
        wrong(f"{name}: 'from' must name one of our values, not {source!r}", _nearest(str(source), tuple(VALUES)))
        return None
    if not isinstance(mapping, Mapping):
        wrong(f"{name}: 'map' must be a mapping, not {mapping!r}", "map: {S1: Highest, S2: High}")
        return None
    return FieldSource(value=source, mapping={str(key): value for key, value in mapping.items()})


def _nearest(word: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
