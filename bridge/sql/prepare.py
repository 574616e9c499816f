"""From an investigation's SQL to a bound query: views in front, placeholders checked, text regenerated.

The text that comes out is made from the checked tree, holds no comment, and keeps `:name` placeholders; the
values go to the driver beside it (`bridge.sql.paramstyle`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlglot import exp

from bridge.errors import InputError, Problem, RefusedError
from bridge.model.window import Window
from bridge.ports import BoundQuery, BoundValue
from bridge.sql import guard
from bridge.sql.limits import place
from bridge.sql.parameters import Value

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COMMENT = re.compile(r"[^A-Za-z0-9 _.:,@=/-]+")


def prepare(
    sql: str,
    *,
    dialect: str,
    views: Mapping[str, str],
    values: Mapping[str, Value],
    declared: Collection[str],
    where: str,
    comment: str = "",
) -> BoundQuery:
    """Return the query that may run, with the values it needs.

    `views` holds the workspace's SQL by view name; those that the query references (directly or through another
    view) become WITH parts in front of it. `values` are resolved parameters; a window `w` gives `:w_start` and
    `:w_end`. `where` names the file for messages. RefusedError when the guard refuses the query, a view or the
    composition; InputError lists every undeclared or unusable placeholder and view name at once.
    """
    tree = guard.checked(sql, dialect, where=where)
    sources = {name.lower(): (name, text) for name, text in views.items()}
    composed = _Composition(dialect=dialect, sources=sources, trees={}, order=[])
    _collect(tree, composed, where=where, path=())
    texts = [(where, sql, tree), *((f"view '{name}'", sources[name][1], composed.trees[name]) for name in composed.order)]
    available = _available(values)
    problems = [
        problem for place_, text, part in texts for problem in _placeholder_problems(part, text, place_, available, values, declared)
    ]
    if problems:
        raise _refusal(problems)
    _put_in_front(tree, composed, where=where)
    used = {name: available[name] for name in _placeholder_names(tree)}
    text = guard.regenerate(tree, dialect)
    again = guard.verdict(text, dialect)
    if not again.allowed:
        raise RefusedError(f"the composed query is refused ({again.rule}): {again.message}", where=where)
    return BoundQuery(text=text, dialect=dialect, values=used, comment=safe_comment(comment))


def placeholders(sql: str, dialect: str, *, where: str) -> tuple[str, ...]:
    """Return the names of the `:name` placeholders of an allowed query, in order of appearance."""
    return tuple(dict.fromkeys(_placeholder_names(guard.checked(sql, dialect, where=where))))


def unused(declared: Collection[str], used: Iterable[str]) -> tuple[str, ...]:
    """Return declared parameters that nothing uses; `used` holds placeholder names and names used elsewhere.

    A window counts as used when one of its ends is: `window_start` uses `window`.
    """
    names = set(used)
    return tuple(name for name in declared if not names & {name, f"{name}_start", f"{name}_end"})


def display(query: BoundQuery) -> str:
    """Return the query laid out for reading, in a report: same tree, line breaks, `:name` placeholders."""
    return guard.regenerate(guard.parsed(query.text, query.dialect), query.dialect, pretty=True)


def safe_comment(text: str) -> str:
    """Return the text as it may stand in `/* ... */`: letters that can't end a comment or begin a hint."""
    return _COMMENT.sub(" ", text).replace("*/", " ").replace("/*", " ").strip()[:200]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Composition:
    """The views that a query needs, as they are found."""

    dialect: str
    sources: Mapping[str, tuple[str, str]]
    """By lower-case name: the name as written, and its SQL."""
    trees: dict[str, exp.Expr]
    order: list[str]
    """Each view after the views that it reads."""


def _collect(tree: exp.Expr, composed: _Composition, *, where: str, path: tuple[str, ...]) -> None:
    for cte in tree.find_all(exp.CTE):
        if cte.alias.lower() in composed.sources:
            message = f"the WITH part '{cte.alias}' has the name of a view"
            raise InputError(message, where=where, hint=f"rename it, for example: {cte.alias}_part")
    for name in dict.fromkeys(_bare_tables(tree)):
        if name not in composed.sources or name in composed.trees:
            continue
        if name in path:
            raise _circle(name, path)
        written, text = composed.sources[name]
        view = guard.checked(text, composed.dialect, where=f"view '{written}'")
        _collect(view, composed, where=f"view '{written}'", path=(*path, name))
        composed.trees[name] = view
        composed.order.append(name)


def _circle(name: str, path: tuple[str, ...]) -> InputError:
    if path[-1] == name:
        hint = f"write the schema of the table in front: public.{name}, main.{name}"
        return InputError(f"the view '{name}' reads a table of its own name", where=f"view '{name}'", hint=hint)
    return InputError(f"views read each other in a circle: {' -> '.join((*path[path.index(name) :], name))}", where=f"view '{name}'")


def _bare_tables(tree: exp.Expr) -> Iterable[str]:
    for table in tree.find_all(exp.Table):
        if isinstance(table.this, exp.Identifier) and not table.args.get("db") and not table.args.get("catalog"):
            yield table.name.lower()


def _put_in_front(tree: exp.Expr, composed: _Composition, *, where: str) -> None:
    if not composed.order:
        return
    if not isinstance(tree, exp.Query):
        raise InputError("a query over views begins with SELECT or WITH", where=where)
    parts = [
        exp.CTE(this=composed.trees[name], alias=exp.TableAlias(this=exp.to_identifier(composed.sources[name][0])))
        for name in composed.order
    ]
    clause = tree.args.get("with_")
    if clause is None:
        tree.set("with_", exp.With(expressions=parts))
    else:
        clause.set("expressions", [*parts, *clause.expressions])


def _available(values: Mapping[str, Value]) -> dict[str, BoundValue]:
    flat: dict[str, BoundValue] = {}
    for name, value in values.items():
        if isinstance(value, Window):
            flat[f"{name}_start"] = value.start
            flat[f"{name}_end"] = value.end
        else:
            flat[name] = value
    return flat


def _placeholder_names(tree: exp.Expr) -> list[str]:
    return [node.name for node in tree.find_all(exp.Placeholder, bfs=False) if node.name]


def _placeholder_problems(
    tree: exp.Expr, text: str, where: str, available: Mapping[str, BoundValue], values: Mapping[str, Value], declared: Collection[str]
) -> Iterable[Problem]:
    for variable in tree.find_all(exp.Parameter):
        shown = variable.name or "1"
        yield Problem(message=f"variable '{shown}'", where=_at(text, shown, where), hint="write :name and declare the parameter")
    for node in tree.find_all(exp.Placeholder):
        if not node.name or _NAME.fullmatch(node.name) is None:
            yield Problem(message="a placeholder without a name", where=where, hint="write :name and declare the parameter")
    for name in dict.fromkeys(_placeholder_names(tree)):
        base = next((window for window in values if name in {f"{window}_start", f"{window}_end"}), name)
        spot = _at(text, name, where)
        if isinstance(values.get(name), Window):
            yield Problem(message=f"':{name}' is a window, which has two ends", where=spot, hint=f":{name}_start and :{name}_end")
        elif name not in available:
            known = [f":{other}" for other in available]
            near = difflib.get_close_matches(f":{name}", known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"declared: {', '.join(known) or 'none'}"
            yield Problem(message=f"':{name}' is not declared", where=spot, hint=hint)
        elif base not in declared and name not in declared:
            yield Problem(message=f"':{name}' is not a parameter of this investigation", where=spot, hint="declare it under parameters")


def _at(text: str, name: str, where: str) -> str:
    match = re.search(rf"(?<![:\w]):{re.escape(name)}\b", text)
    if match is None:
        return where
    line, column = place(text, match.start())
    return f"{where}:{line}:{column}"


def _refusal(problems: list[Problem]) -> InputError:
    if len(problems) == 1:
        only = problems[0]
        return InputError(only.message, where=only.where, hint=only.hint, problems=(only,))
    return InputError(f"{len(problems)} placeholders can't be bound", problems=tuple(problems))
