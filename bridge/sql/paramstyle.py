"""From `:name` placeholders to what one driver takes: text and arguments, lists expanded, nothing pasted.

PEP 249 names the styles; `named-dollar` is DuckDB's `$name`, `named-at` BigQuery's and SQL Server's `@name`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from sqlglot import exp

from bridge.errors import InputError
from bridge.ports import BoundItem, BoundQuery
from bridge.sql import guard

Style = Literal["pyformat", "named-dollar", "named-colon", "named-at", "qmark"]
Arguments = dict[str, BoundItem] | list[BoundItem]

_MARKS: Mapping[str, Callable[[str], str]] = {
    "pyformat": lambda name: f"%({name})s",
    "named-dollar": lambda name: f"${name}",
    "named-colon": lambda name: f":{name}",
    "named-at": lambda name: f"@{name}",
    "qmark": lambda _name: "?",
}


def for_driver(query: BoundQuery, style: Style) -> tuple[str, Arguments]:
    """Return text and arguments for a driver of this style, the query's comment in front.

    A list stands only in `IN (:name)`, and becomes one placeholder per item; an empty list makes the condition
    FALSE (only a parameter declared with `minimum: 0` can be empty). InputError when a value is missing or a list
    stands elsewhere. Arguments are a list for qmark, in order of appearance, else a dict by placeholder name.
    """
    tree = guard.parsed(query.text, query.dialect)
    items = _expand(tree, query)
    mark = _free_mark(query)
    order: list[str] = []
    for node in list(tree.find_all(exp.Placeholder)):
        if node.name not in items:
            raise InputError(f"no value for ':{node.name}'", where=query.text[:120])
        node.replace(exp.Var(this=f"{mark}{node.name}{mark}"))
    text = guard.regenerate(tree, query.dialect)
    if style == "pyformat":
        # psycopg reads every % once arguments are given.
        text = text.replace("%", "%%")
    pieces = text.split(mark)
    for position in range(1, len(pieces), 2):
        name = pieces[position]
        order.append(name)
        pieces[position] = _MARKS[style](name)
    text = "".join(pieces)
    if query.comment:
        text = f"/* {query.comment} */ {text}"
    if style == "qmark":
        return text, [items[name] for name in order]
    return text, {name: items[name] for name in order}


def _expand(tree: exp.Expr, query: BoundQuery) -> dict[str, BoundItem]:
    """Write lists out in the tree; return the values by the placeholder names that then stand in it."""
    items: dict[str, BoundItem] = {}
    for name, value in query.values.items():
        if not isinstance(value, list):
            items[name] = value
            continue
        names = [f"{name}_{position}" for position in range(len(value))]
        clash = set(names) & set(query.values)
        if clash:
            raise InputError(
                f"the list ':{name}' needs the name ':{clash.pop()}' for one of its items", hint="rename one of the parameters"
            )
        items.update(zip(names, value, strict=True))
        for node in list(tree.find_all(exp.Placeholder)):
            if node.name == name:
                _expand_one(node, names)
    return items


def _expand_one(node: exp.Expr, names: list[str]) -> None:
    condition = node.parent
    if not isinstance(condition, exp.In) or condition.expressions != [node]:
        message = f"the list ':{node.name}' stands where one value is expected"
        raise InputError(message, hint=f"write: column IN (:{node.name})")
    if names:
        condition.set("expressions", [exp.Placeholder(this=name) for name in names])
    else:
        # SQL has no empty IN (); 1 = 0 is FALSE in every dialect, also where there is no boolean literal.
        condition.replace(exp.paren(exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(0))))


def _free_mark(query: BoundQuery) -> str:
    """Return a mark that does not occur in the text: placeholders are put in after the text is made."""
    number = 0
    while f"bridge_mark_{number}_" in query.text:
        number += 1
    return f"bridge_mark_{number}_"
