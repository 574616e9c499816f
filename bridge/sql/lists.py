"""The allow-lists: what `bridge/sql/allow` holds as text, and the hints that change no limit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlglot import exp

from bridge.errors import InputError
from bridge.sql import readings

DIALECTS = ("postgres", "mysql", "duckdb", "clickhouse", "tsql", "snowflake", "oracle", "sqlite", "bigquery", "spark", "trino", "redshift")

_MATCHES = ("prev", "next", "match_number", "classifier")
_MARKS = {
    "postgres": ("current_setting",),
    "clickhouse": (readings.SECOND_LIMIT,),
    **dict.fromkeys(("oracle", "snowflake", "trino"), _MATCHES),
}
"""Words that the rules let through in one place only."""
_FOLDER = Path(__file__).parent / "allow"
TABLE_HINTS = frozenset(
    {"NOLOCK", "READUNCOMMITTED", "READCOMMITTED", "READPAST", "NOEXPAND", "FORCESEEK", "FORCESCAN", "INDEX", "SNAPSHOT", "REPEATABLEREAD"}
)
HINTS = {
    "spark": "broadcast broadcastjoin mapjoin merge shuffle_merge mergejoin shuffle_hash shuffle_replicate_nl coalesce repartition "
    "repartition_by_range rebalance skew range_join",
    "oracle": "full index no_index index_ffs index_ss index_asc index_desc index_join leading ordered use_nl use_hash use_merge no_use_nl "
    "no_use_hash no_use_merge first_rows all_rows no_parallel materialize inline merge no_merge push_pred no_push_pred unnest no_unnest "
    "driving_site cardinality no_query_transformation qb_name star_transformation result_cache gather_plan_statistics",
    "mysql": "bka no_bka bnl no_bnl hash_join no_hash_join merge no_merge index no_index join_index no_join_index group_index order_index "
    "join_order join_prefix join_suffix join_fixed_order semijoin no_semijoin subquery mrr no_mrr no_icp no_range_optimization skip_scan "
    "no_skip_scan index_merge no_index_merge qb_name derived_condition_pushdown no_derived_condition_pushdown",
    "tsql": "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """The allow-lists of one dialect."""

    dialect: str
    nodes: frozenset[type[exp.Expr]]
    functions: frozenset[str]
    methods: frozenset[str]
    statics: frozenset[str]
    combinators: tuple[str, ...]
    hints: frozenset[str]
    tables: frozenset[str] | None
    """Calls that may stand in FROM; None where every function may."""
    words: frozenset[str]
    """Everything that may stand before a parenthesis: functions, typed functions by name, keywords, types, hints."""


def lists(dialect: str) -> Lists:
    """Return the allow-lists of a dialect; InputError for an unknown one."""
    if dialect not in DIALECTS:
        raise InputError(f"unknown SQL dialect '{dialect}'", hint=f"one of: {', '.join(DIALECTS)}")
    return _lists(dialect)


@cache
def _lists(dialect: str) -> Lists:
    names = [*_read("nodes")["functions"], *_read("typed")["functions"]]
    if dialect == "postgres":
        names.append("XMLTable")
    if dialect == "bigquery":
        names += ["SafeFunc", "NetFunc"]
    names += ["Anonymous", "AnonymousAggFunc", "ParameterizedAgg", "CombinedAggFunc", "CombinedParameterizedAgg"]
    if dialect == "mysql":
        names.append("SessionParameter")
    if dialect == "tsql":
        names.append("ScopeResolution")
    own = _read(dialect)
    nodes = frozenset(getattr(exp, name) for name in names)
    hints = frozenset(HINTS.get(dialect, "").split())
    typed = {name.lower() for name, kind in exp.FUNCTION_BY_NAME.items() if kind in nodes}
    methods = frozenset(own.get("methods", ()))
    plain = {name.rpartition(".")[2] for name in own["functions"]}
    table_hints = {name.lower() for name in TABLE_HINTS}
    return Lists(
        dialect=dialect,
        nodes=nodes,
        functions=frozenset(own["functions"]),
        methods=methods,
        statics=frozenset(own.get("statics", ())),
        combinators=tuple(own.get("combinators", ())),
        hints=hints,
        tables=frozenset(own["tables"]) if "tables" in own else None,
        words=frozenset(
            {*_MARKS.get(dialect, ())}
            | plain
            | typed
            | methods
            | set(own.get("statics", ()))
            | hints
            | table_hints
            | set(own.get("tables", ()))
            | set(_read("keywords")["functions"])
        ),
    )


def _read(name: str) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {"functions": []}
    section = "functions"
    for line in (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("["):
            section = text.strip("[]")
            sections[section] = []
        else:
            sections[section].extend(text.split())
    return sections
