"""Values from a query: what may be given for a parameter is what its query finds, so that a misspelt one is no empty answer."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from bridge.errors import InputError, Problem
from bridge.model.investigation import Investigation, Parameter, SqlEvidence
from bridge.sql.parameters import Value

if TYPE_CHECKING:
    import pyarrow as pa

MOST: Final = 10_000
"""Values that a query may give; one with more has to be narrowed by the parameter itself: WHERE a.account_id = :account."""


def queries(investigation: Investigation) -> tuple[SqlEvidence, ...]:
    """Return the queries that give the values of parameters."""
    return tuple(parameter.values for parameter in investigation.parameters if parameter.values is not None)


def check(investigation: Investigation, values: Mapping[str, Value], ask: Callable[[SqlEvidence], pa.Table]) -> None:
    """Raise one InputError that names every value which its query does not give.

    `ask` runs a query with all values bound, and gives at most MOST rows and one more; the first column counts.
    """
    problems = [
        problem
        for parameter in investigation.parameters
        if parameter.values is not None
        for problem in _problems(parameter, values[parameter.name], ask(parameter.values))
    ]
    if len(problems) == 1:
        raise InputError(problems[0].message, where=problems[0].where, hint=problems[0].hint, problems=tuple(problems))
    if problems:
        raise InputError(f"{len(problems)} parameters can't be used", problems=tuple(problems))


def _problems(parameter: Parameter, value: Value, table: pa.Table) -> list[Problem]:
    there = list(dict.fromkeys(str(item) for item in table.column(0).to_pylist() if item is not None))
    given = [str(item) for item in value] if isinstance(value, list) else [str(value)]
    # A default such as `all` is the investigation's own word, not a value of the database.
    own = {str(item) for item in (parameter.default if isinstance(parameter.default, tuple) else (parameter.default,))}
    return [
        Problem(
            message=f"parameter '{parameter.name}': the database has no '{item}'",
            where=f"-p {parameter.name}={item}",
            hint=_hint(item, there, cut=table.num_rows > MOST),
        )
        for item in given
        if item not in there and item not in own
    ]


def _hint(item: str, there: list[str], *, cut: bool) -> str:
    near = difflib.get_close_matches(item, there, n=1)
    if near:
        return f"did you mean '{near[0]}'?"
    if cut:
        return f"there are more than {MOST:,} values, so that not all were compared: let the query look for the value itself"
    shown = ", ".join(there[:10])
    return f"there is: {shown}{', ...' if len(there) > 10 else ''}" if there else "the query behind it finds no value at all"  # noqa: PLR2004 - what fits a line
