"""Propose the SQL behind the standard views from a database's schema: names and types compared, every guess marked.

A proposal is a beginning for a person, never an answer: each line says how sure the guess is, and what was not found
is left out, so that `bridge views check` names it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.catalog.standard_view import Column, StandardView
from bridge.catalog.standard_views import VIEWS, quoted

_LEAST: Final = 0.5
"""Likeness of names below which nothing is proposed."""
_SURE: Final = 0.9
_LIKELY: Final = 0.75
_COLUMNS: Final = 0.4
"""Share of a view's columns that may not be NULL which a table must have."""

# Words that companies use for the same thing; the standard name comes first.
_WORDS: Final[Mapping[str, str]] = {
    word: standard
    for standard, words in {
        "account": "account accounts customer customers client clients tenant tenants org orgs organization organizations organisation "
        "organisations company companies workspace workspaces team teams",
        "id": "id no nr number num uuid guid key code ref",
        "name": "name title label",
        "at": "at time timestamp ts date on occurred created",
        "started": "started began begun start begin",
        "finished": "finished ended end done completed finish",
        "scheduled": "scheduled due planned",
        "created": "created signed registered inserted opened joined",
        "enqueued": "enqueued queued requested submitted",
        "status": "status state outcome result",
        "trigger": "trigger triggered startedby origin",
        "rows": "rows records lines count",
        "written": "written file output",
        "plan": "plan tariff tier package edition",
        "region": "region country market territory",
        "arr": "arr revenue annualvalue yearlyvalue annual",
        "seats": "seats seat licences licenses users",
        "version": "version release build",
        "trace": "trace request correlation",
        "export": "export exports",
        "report": "report reports",
        "request": "request requests call calls access",
        "delivery": "delivery deliveries webhook webhooks callback callbacks",
        "endpoint": "endpoint route path",
        "invoice": "invoice invoices bill bills",
        "charge": "charge charges payment payments transaction transactions",
        "login": "login logins signin signins auth authentication",
        "job": "job jobs task tasks",
        "message": "message messages mail mails email emails notification notifications",
        "token": "token tokens credential credentials",
        "sync": "sync syncs synchronisation synchronization",
        "import": "import imports upload uploads",
        "exposure": "exposure exposures flags assignment assignments",
        "format": "format filetype",
        "amount": "amount total price sum value",
        "duration": "duration elapsed latency took",
        "expires": "expires expiry expiration validto",
        "issued": "issued granted validfrom",
        "rerun": "rerun repeats repeat retry",
        "event": "event kind topic",
        "reason": "reason error cause",
        "provider": "provider vendor carrier",
        "user": "user member person",
    }.items()
    for word in words.split()
}  # fmt: skip
_TYPE_WORDS: Final[Mapping[str, str]] = {
    "text": "char|text|string|uuid|enum|clob|json",
    "integer": r"\bint|integer|bigint|smallint|serial|number",
    "decimal": "dec|num|money|float|double|real|int",
    "boolean": "bool|bit|tinyint",
    "time": "time|date",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as the database's own catalog has it."""

    name: str
    """With its schema where it has one: public.customers."""
    columns: tuple[tuple[str, str], ...]
    """Name and type, as the database writes them."""

    @property
    def bare(self) -> str:
        """The name without the schema."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """The SQL of one view."""

    view: str
    table: str
    confidence: float
    """From 0 to 1: the share of the view's columns that were found, weighed by how like their names are."""
    sql: str
    missing: tuple[str, ...]
    """Columns that must have values and were not found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Guess:
    column: Column
    source: str
    likeness: float
    table: Table


def propose(tables: Sequence[Table]) -> tuple[Proposal, ...]:
    """Return a proposal for each standard view that a table looks like, best table first by view; sorted by view."""
    found = []
    for view in VIEWS.values():
        scored = [(_score(view, table), table) for table in tables]
        scored.sort(key=lambda pair: (-pair[0], pair[1].name))
        if scored and scored[0][0] > 0:
            found.append(_proposal(view, scored[0][1], tables, scored[0][0]))
    return tuple(sorted(found, key=lambda each: each.view))


def likeness(one: str, other: str) -> float:
    """Return how like two names are, 0 to 1, after words of the same meaning are made the same."""
    first, second = _words(one), _words(other)
    if first == second:
        return 1.0
    if not first or not second:
        return 0.0
    common = len(set(first) & set(second)) / max(len(set(first)), len(set(second)))
    spelling = difflib.SequenceMatcher(None, " ".join(first), " ".join(second)).ratio()
    return max(common, spelling * 0.9)


def _words(name: str) -> list[str]:
    parts = re.findall(r"[a-z]+|[0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower())
    return [_WORDS.get(part, part) for part in parts]


def _score(view: StandardView, table: Table) -> float:
    name = max(likeness(view.name, table.bare), *(likeness(view.name, part) * 0.95 for part in re.split(r"[_\W]+", table.bare) if part))
    if name < _LIKELY:
        return 0.0
    guesses = _guesses(view, table)
    must = [column for column in view.columns if not column.optional]
    share = sum(guesses[column.name].likeness for column in must if column.name in guesses) / len(must)
    return round(name * 0.4 + share * 0.6, 3) if share >= _COLUMNS else 0.0


def _guesses(view: StandardView, table: Table, *, without: frozenset[str] = frozenset()) -> dict[str, _Guess]:
    """Give each column of the view its likeliest source; the surest pairs choose first, a source serves once."""
    pairs = []
    for column in view.columns:
        if column.name in without:
            continue
        for source, kind in table.columns:
            like = max(likeness(column.name, source), 0.95 * likeness(column.name, _without(source, view.name)))
            if source.lower() in {"id", "uuid"} and column.name == f"{_singular(view.name)}_id":
                like = 0.95
            if column.name == "account_id" and view.name == "accounts" and source.lower() == "id":
                like = 0.95
            if not re.search(_TYPE_WORDS[column.type], kind, re.IGNORECASE):
                like *= 0.6
            if like >= _LEAST:
                pairs.append((like, column, source))
    pairs.sort(key=lambda pair: (-pair[0], pair[1].name, pair[2]))
    chosen: dict[str, _Guess] = {}
    used: set[str] = set()
    for like, column, source in pairs:
        if column.name not in chosen and source not in used:
            chosen[column.name] = _Guess(column=column, source=source, likeness=like, table=table)
            used.add(source)
    return chosen


def _without(source: str, view: str) -> str:
    """Return a column's name without the table's own word: company_name of customers is its name."""
    own = _WORDS.get(view, _singular(view))
    parts = [part for part in re.split(r"_+", source) if _WORDS.get(part.lower(), part.lower()) != own]
    return "_".join(parts) if parts and parts != ["id"] and len(parts) < len(re.split(r"_+", source)) else ""


def _singular(name: str) -> str:
    return f"{name[:-3]}y" if name.endswith("ies") else name.removesuffix("s")


def _proposal(view: StandardView, table: Table, tables: Sequence[Table], score: float) -> Proposal:
    guesses = _guesses(view, table)
    joined = _joined(view, table, tables, guesses)
    if joined is not None:
        guesses |= joined[1]
    missing = tuple(column.name for column in view.columns if column.name not in guesses and not column.optional)
    lines = [
        f"-- Proposed by `bridge init --from` out of {table.name}, by names and types only (confidence {score:.2f}).",
        "-- Check every line. A line that begins with -- ? was not found: `bridge views check` names it until it is there.",
        f"-- One row is {view.rows}.",
    ]
    if joined is not None:
        lines.append(f"-- {joined[0].name} is joined by {joined[2]}: make sure that it has one row each, or rows come out twice.")
    entries = [_line(column, guesses.get(column.name), table) for column in view.columns]
    if view.further:
        used = {guess.source for guess in guesses.values()}
        entries += [
            (f"t.{_name(name)} AS {_name(name)}", "an attribute; take it out if it is none")
            for name, _ in table.columns
            if name not in used
        ]
    lines.append("SELECT")
    last = max(index for index, (text, _) in enumerate(entries) if not text.startswith("-- ?"))
    for index, (text, remark) in enumerate(entries):
        comma = "," if not text.startswith("-- ?") and index < last else ""
        lines.append(f"    {text}{comma}  -- {remark}" if not text.startswith("-- ?") else f"    {text}  ({remark})")
    lines.append(f"FROM {table.name} AS t")
    if joined is not None:
        lines.append(f"LEFT JOIN {joined[0].name} AS j ON j.{_name(joined[2])} = t.{_name(joined[3])}")
    return Proposal(view=view.name, table=table.name, confidence=score, sql="\n".join(lines) + "\n", missing=missing)


def _joined(
    view: StandardView, table: Table, tables: Sequence[Table], guesses: Mapping[str, _Guess]
) -> tuple[Table, dict[str, _Guess], str, str] | None:
    """Return another table that has what is missing, with the columns that join them; None when there is none."""
    missing = {column.name for column in view.columns if column.name not in guesses}
    key = guesses.get("account_id")
    if view.name != "accounts" or key is None or not missing:
        return None
    best: tuple[Table, dict[str, _Guess], str, str] | None = None
    for other in tables:
        names = [name for name, _ in other.columns]
        link = next((name for name in names if name == key.source or likeness(name, "account_id") == 1.0), None)
        if other.name == table.name or link is None:
            continue
        found = {
            name: guess
            for name, guess in _guesses(view, other, without=frozenset(guesses)).items()
            if guess.likeness >= _LEAST and guess.source != link
        }
        if found and (best is None or len(found) > len(best[1])):
            best = (other, found, link, key.source)
    return best


def _line(column: Column, guess: _Guess | None, table: Table) -> tuple[str, str]:
    if guess is None:
        if column.optional:
            return f"NULL AS {quoted(column.name)}", f"nothing like it found: {column.meaning}"
        return f"-- ? AS {quoted(column.name)}", f"{column.type}: {column.meaning}"
    sure = "sure" if guess.likeness >= _SURE else "likely" if guess.likeness >= _LIKELY else "a guess"
    alias = "t" if guess.table.name == table.name else "j"
    return f"{alias}.{_name(guess.source)} AS {quoted(column.name)}", f"{sure} ({guess.likeness:.2f}): {column.meaning}"


def _name(name: str) -> str:
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) and quoted(name) == name else '"' + name.replace('"', '""') + '"'
