"""Which output columns of a query come from columns that are tagged as personal data: by name, through every part.

Tags stand on the columns of views and are carried through WITH parts, subqueries, joins, set operations, stars and
whole rows. Where it can't be told which source a name belongs to, it counts as tagged if any source has a tagged
column of that name. COUNT and comparisons end it: how many there are, and whether two are equal, is not who they are. The idea is that of
sqlglot's lineage; this one answers for stars and rows of tables whose columns nobody listed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp

from bridge.errors import InputError
from bridge.sql import guard

_ENDS = (exp.Count, exp.Predicate)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Output:
    """What a query gives: the tagged names, and its names by position where they are known."""

    tagged: frozenset[str]
    names: tuple[str, ...] | None
    """None behind a star."""


Env = Mapping[str, _Output]


def personal_columns(text: str, dialect: str, tags: Mapping[str, Collection[str]]) -> frozenset[str]:
    """Return the tagged output columns of a bound query's text, in small letters.

    `tags` holds the tagged columns by the name of a view or table. The text is one statement that the guard has
    regenerated, views in front as WITH parts; InputError when it is not one.
    """
    tree = guard.parsed(text, dialect)
    if not isinstance(tree, exp.Query):
        raise InputError("not one query", where=text[:80])
    known = {name.lower(): frozenset(column.lower() for column in columns) for name, columns in tags.items() if columns}
    if not known:
        return frozenset()
    return _query(tree, {}, {}, known).tagged


def _query(tree: exp.Expr, env: Env, outer: Env, tags: Mapping[str, frozenset[str]]) -> _Output:
    """Return the output of a query; `outer` holds the sources of the queries around it, which it may refer to."""
    inner = dict(env)
    clause = tree.args.get("with_")
    for part in clause.expressions if clause is not None else ():
        name = part.alias.lower()
        # A recursive part reads itself: what its first reading tags, its second one sees.
        for _ in range(2):
            found = _renamed(_query(part.this, inner, outer, tags), part.args.get("alias"))
            inner[name] = _Output(tagged=found.tagged | tags.get(name, frozenset()), names=found.names)
    if isinstance(tree, exp.Subquery):
        return _query(tree.this, inner, outer, tags)
    if isinstance(tree, exp.SetOperation):
        return _both(_query(tree.this, inner, outer, tags), _query(tree.expression, inner, outer, tags))
    if isinstance(tree, exp.Select):
        return _select(tree, inner, outer, tags)
    return _Output(tagged=frozenset(), names=None)


def _both(left: _Output, right: _Output) -> _Output:
    """A set operation has the left side's names and both sides' rows, by position."""
    if left.names is None or right.names is None or len(left.names) != len(right.names):
        every = frozenset(left.names or ()) if right.tagged and left.names is not None else frozenset()
        return _Output(tagged=left.tagged | right.tagged | every, names=left.names)
    moved = {name for name, other in zip(left.names, right.names, strict=True) if other in right.tagged}
    return _Output(tagged=left.tagged | moved, names=left.names)


def _select(tree: exp.Select, env: Env, outer: Env, tags: Mapping[str, frozenset[str]]) -> _Output:
    sources: dict[str, _Output] = {}
    for node in _sources(tree):
        sources[node.alias_or_name.lower()] = _source(node, env, {**outer, **sources}, tags)
    tagged: set[str] = set()
    names: list[str] | None = []
    for item in tree.expressions:
        if item.is_star:
            table = item.table.lower() if isinstance(item, exp.Column) else ""
            chosen = [sources[table]] if table in sources else list(sources.values())
            tagged.update(name for source in chosen for name in source.tagged)
            names = None
            continue
        name = item.alias_or_name.lower() or item.sql().lower()
        if names is not None:
            names.append(name)
        if _tagged(item, sources, env, outer, tags):
            tagged.add(name)
    return _Output(tagged=frozenset(tagged), names=None if names is None else tuple(names))


def _sources(tree: exp.Select) -> Iterator[exp.Expr]:
    start = tree.args.get("from_")
    if start is not None:
        yield start.this
        yield from (join.this for join in start.this.args.get("joins") or ())
    yield from (join.this for join in tree.args.get("joins") or ())
    yield from tree.args.get("laterals") or ()


def _source(node: exp.Expr, env: Env, outer: Env, tags: Mapping[str, frozenset[str]]) -> _Output:
    if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
        name = node.name.lower()
        own = tags.get(name, frozenset()) if not node.args.get("db") else frozenset()
        found = env[name] if name in env and not node.args.get("db") else _Output(tagged=own, names=None)
    elif isinstance(node, exp.Subquery | exp.Lateral) and isinstance(node.this, exp.Query):
        found = _query(node.this, env, outer, tags)
    else:
        # A function as a table, UNNEST: tagged as a whole when its arguments are.
        every = _tagged(node, {}, env, outer, tags)
        columns = [part.name.lower() for part in node.find_all(exp.Identifier)]
        found = _Output(tagged=frozenset(columns) if every else frozenset(), names=None)
    return _renamed(found, node.args.get("alias"))


def _renamed(found: _Output, alias: object) -> _Output:
    """Give an output the column names of its alias: `AS t(a, b)`."""
    columns = [column.name.lower() for column in alias.columns] if isinstance(alias, exp.TableAlias) else []
    if not columns:
        return found
    if found.names is None:
        return _Output(tagged=frozenset(columns) | found.tagged if found.tagged else frozenset(), names=None)
    names = (*columns, *found.names[len(columns) :])
    moved = {new for new, old in zip(names, found.names, strict=False) if old in found.tagged}
    return _Output(tagged=frozenset(moved), names=names)


def _tagged(item: exp.Expr, sources: Env, env: Env, outer: Env, tags: Mapping[str, frozenset[str]]) -> bool:
    """Tell whether an expression depends on a tagged column, also through its subqueries."""
    stack: list[exp.Expr] = [item]
    reach = {**outer, **sources}
    while stack:
        node = stack.pop()
        if isinstance(node, _ENDS):
            continue
        if isinstance(node, exp.Query):
            if _query(node, env, reach, tags).tagged:
                return True
            continue
        if isinstance(node, exp.Column) and _column(node, sources, reach):
            return True
        stack.extend(node.iter_expressions())
    return False


def _column(node: exp.Column, sources: Env, reach: Env) -> bool:
    name, table = node.name.lower(), node.table.lower()
    if table in reach:
        return name in reach[table].tagged or (name == "*" and bool(reach[table].tagged))
    # Without a table: any source may have it. A source's own name is its whole row.
    if name in reach and reach[name].tagged and not any(name in source.names for source in sources.values() if source.names):
        return True
    return any(name in source.tagged for source in reach.values())
