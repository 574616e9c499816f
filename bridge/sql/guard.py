"""The guard: one statement, a query, made of known nodes, known functions and readable tables; default deny.

`verdict` judges a text, `checked` returns the tree to work with, `regenerate` the text that may run. What runs
is always regenerated from the checked tree: where our parser and the server's disagree about the source text,
the server never sees it. The rules and what they were measured against are in docs/sql-safety.md.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from bridge.errors import InputError, RefusedError
from bridge.sql import relations
from bridge.sql.limits import Refusal, check_text, check_tokens

DIALECTS = ("postgres", "mysql", "duckdb", "clickhouse", "tsql", "snowflake", "oracle", "sqlite", "bigquery", "spark", "trino", "redshift")
MAX_REPEAT = 1_000_000
"""A literal count above this in REPEAT, SPACE, LPAD is memory, not analysis."""

# sqlglot warns when it falls back to a Command node; the guard refuses that node and says so itself.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

_LISTS = Path(__file__).parent / "allow"
_ROOTS = (exp.Select, exp.SetOperation, exp.Subquery, exp.Values)
_FORBIDDEN_PARTS = {
    "into": ("into", "SELECT INTO writes"),
    "locks": ("lock", "FOR UPDATE, FOR SHARE and the like lock rows for everybody"),
    "settings": ("settings", "a SETTINGS clause can lift every limit of the server"),
    "format": ("format", "a FORMAT clause changes what the driver reads"),
    "pattern": ("table", "files can't be read"),
    "operation_modifiers": ("option", "this modifier of SELECT is not on the list"),
    "udfs": ("function", "a query may not bring its own functions"),
}
_MODIFIERS = frozenset({"SQL_NO_CACHE", "STRAIGHT_JOIN", "DISTINCTROW", "SQL_SMALL_RESULT", "SQL_BIG_RESULT", "SQL_BUFFER_RESULT"})
_NAMESPACES = {"postgres": {"pg_catalog"}, "redshift": {"pg_catalog"}, "tsql": set(), "bigquery": {"safe", "net"}}
_PARAMETERS = frozenset({"bigquery", "snowflake", "tsql", "postgres", "redshift"})
_SEQUENCE_COLUMNS = frozenset({"nextval"})
_REPEATING = frozenset({"repeat", "replicate", "space", "lpad", "rpad", "leftpad", "rightpad", "array_repeat", "repeat_row", "array_fill"})
_TABLE_HINTS = frozenset(
    {"NOLOCK", "READUNCOMMITTED", "READCOMMITTED", "READPAST", "NOEXPAND", "FORCESEEK", "FORCESCAN", "INDEX", "SNAPSHOT", "REPEATABLEREAD"}
)
_QUERY_OPTIONS = frozenset(
    {
        "MAXDOP", "RECOMPILE", "HASH JOIN", "LOOP JOIN", "MERGE JOIN", "HASH GROUP", "ORDER GROUP", "FORCE ORDER", "FAST", "KEEP PLAN",
        "KEEPFIXED PLAN", "OPTIMIZE FOR", "ROBUST PLAN", "CONCAT UNION", "HASH UNION", "MERGE UNION", "EXPAND VIEWS", "NO_PERFORMANCE_SPOOL",
        # FOR JSON and FOR XML share the node.
        "PATH", "AUTO", "RAW", "ROOT", "ELEMENTS", "TYPE", "INCLUDE_NULL_VALUES", "WITHOUT_ARRAY_WRAPPER", "BINARY BASE64", "EXPLICIT",
    }
)  # fmt: skip
_HINTS = {
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
_TSQL_STATEMENTS = frozenset(
    """ALTER BACKUP BEGIN BREAK BULK CHECKPOINT CLOSE COMMIT CONTINUE CREATE DBCC DEALLOCATE DECLARE DELETE DENY DISK DROP DUMP EXEC EXECUTE
    GOTO GRANT IF INSERT KILL LINENO LOAD PRINT PROC PROCEDURE RAISERROR READTEXT RECONFIGURE RESTORE RETURN REVERT REVOKE ROLLBACK SAVE
    SET SETUSER SHUTDOWN THROW TRAN TRANSACTION TRUNCATE UPDATE UPDATETEXT USE WAITFOR WHILE WRITETEXT""".split()  # noqa: SIM905 - one string reads better than fifty
)
_TSQL_METHOD_NAMES = "methods"
_HINT_WORD = re.compile(r"([A-Za-z_]\w*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the guard says about one text."""

    allowed: bool
    rule: str = ""
    """size, nesting, characters, comment, syntax, statement, node, function, table, parameter, lock, hint, ...; empty when allowed."""
    message: str = ""
    line: int = 0
    """From 1; 0 when the place is not known."""
    column: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """The allow-lists of one dialect."""

    dialect: str
    nodes: frozenset[type[exp.Expr]]
    functions: frozenset[str]
    methods: frozenset[str]
    combinators: tuple[str, ...]
    hints: frozenset[str]


class _RefusalError(Exception):
    """Carries a refusal out of the walk."""

    def __init__(self, rule: str, message: str, word: str = "") -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.word = word


def verdict(sql: str, dialect: str) -> Verdict:
    """Judge one text of a known dialect; never raises for what the text contains."""
    outcome = _judge(sql, dialect)
    if isinstance(outcome, Refusal):
        return Verdict(allowed=False, rule=outcome.rule, message=outcome.message, line=outcome.line, column=outcome.column)
    return Verdict(allowed=True)


def checked(sql: str, dialect: str, *, where: str) -> exp.Expr:
    """Return the tree of an allowed query; RefusedError names rule, place and reason otherwise."""
    outcome = _judge(sql, dialect)
    if isinstance(outcome, Refusal):
        spot = f"{where}:{outcome.line}:{outcome.column}" if outcome.line else where
        raise RefusedError(f"the SQL guard refuses this query ({outcome.rule}): {outcome.message}", where=spot, hint=_hint(outcome.rule))
    return outcome


def regenerate(tree: exp.Expr, dialect: str, *, pretty: bool = False) -> str:
    """Return the text of a checked tree, without comments; identifiers are quoted where that changes nothing."""
    # `at` and others became reserved words; quoting is safe only where the dialect's own folding is known to keep the name.
    identify: bool | str = "safe" if dialect in {"duckdb", "postgres", "redshift"} else False
    return tree.sql(dialect=dialect, comments=False, identify=identify, normalize_functions=False, pretty=pretty)


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
    own = _read(dialect)
    return Lists(
        dialect=dialect,
        nodes=frozenset(getattr(exp, name) for name in names),
        functions=frozenset(own["functions"]),
        methods=frozenset(own.get(_TSQL_METHOD_NAMES, ())),
        combinators=tuple(own.get("combinators", ())),
        hints=frozenset(_HINTS.get(dialect, "").split()),
    )


def _read(name: str) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {"functions": []}
    section = "functions"
    for line in (_LISTS / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("["):
            section = text.strip("[]")
            sections[section] = []
        else:
            sections[section].extend(text.split())
    return sections


def _hint(rule: str) -> str:
    return "docs/sql-safety.md says what is allowed and why" if rule in {"function", "node", "table"} else ""


def _judge(sql: str, dialect: str) -> exp.Expr | Refusal:
    allow = lists(dialect)
    refusal = check_text(sql)
    if refusal is not None:
        return refusal
    engine = Dialect.get_or_raise(dialect)
    try:
        tokens = engine.tokenize(sql)
        refusal = check_tokens(sql, tokens) or _check_statements(tokens, dialect)
        if refusal is not None:
            return refusal
        trees = [tree for tree in engine.parser().parse(tokens, sql) if tree is not None and not isinstance(tree, exp.Semicolon)]
    except (ParseError, TokenError) as error:
        return _syntax(error)
    except RecursionError:
        return Refusal(rule="nesting", message="nested too deeply to be read")
    return _judge_trees(trees, tokens, allow)


def _judge_trees(trees: Sequence[exp.Expr], tokens: Sequence[Token], allow: Lists) -> exp.Expr | Refusal:
    if len(trees) != 1:
        return Refusal(rule="statement", message=f"{len(trees)} statements, exactly one is allowed")
    root = trees[0]
    if not isinstance(root, _ROOTS):
        return Refusal(rule="statement", message=f"{_words(root)} is not a query: only SELECT, WITH and VALUES are allowed")
    try:
        for node in _walk(root):
            _check(node, allow)
    except _RefusalError as refusal:
        line, column = _position(tokens, refusal.word)
        return Refusal(rule=refusal.rule, message=refusal.message, line=line, column=column)
    return root


def _walk(root: exp.Expr) -> Iterator[exp.Expr]:
    """Yield every node, whatever argument it hangs in, without recursion."""
    stack: list[object] = [root]
    while stack:
        item = stack.pop()
        if isinstance(item, exp.Expr):
            yield item
            stack.extend(item.args.values())
        elif isinstance(item, list | tuple):
            stack.extend(item)


def _check(node: exp.Expr, allow: Lists) -> None:
    kind = type(node)
    if kind not in allow.nodes:
        if isinstance(node, exp.Func):
            name = node.sql_name().lower()
            raise _RefusalError("function", f"{name} is not a function that only computes from its arguments", name)
        raise _RefusalError("node", f"{_words(node)} is not part of a plain query", node.name)
    check = _CHECKS.get(kind)
    if check is not None:
        check(node, allow)
    if isinstance(node, exp.Func):
        _check_repeat(node)
    if isinstance(node, exp.Query | exp.Table | exp.With):
        _check_parts(node)


def _check_parts(node: exp.Expr) -> None:
    for part, (rule, message) in _FORBIDDEN_PARTS.items():
        value = node.args.get(part)
        if not value:
            continue
        if part == "operation_modifiers" and {item.name.upper() for item in value} <= _MODIFIERS:
            continue
        raise _RefusalError(rule, message)


def _check_function(node: exp.Expr, allow: Lists) -> None:
    name = node.name.lower()
    parent = node.parent
    if isinstance(parent, exp.Dot) and parent.expression is node:
        return  # judged with its namespace
    if name not in allow.functions:
        raise _refused_function(name, allow)


def _check_aggregate(node: exp.Expr, allow: Lists) -> None:
    name = node.name.lower()
    if not _combined(name, allow):
        raise _refused_function(name, allow)


def _combined(name: str, allow: Lists) -> bool:
    if name in allow.functions:
        return True
    return any(
        name.endswith(suffix) and _combined(name.removesuffix(suffix), allow) for suffix in allow.combinators if len(name) > len(suffix)
    )


def _refused_function(name: str, allow: Lists) -> _RefusalError:
    message = f"{name}() is not on the list of {allow.dialect} functions that only compute from their arguments"
    return _RefusalError("function", message, name.rpartition(".")[2])


def _check_dot(node: exp.Expr, allow: Lists) -> None:
    call = node.args["expression"]
    if not isinstance(call, exp.Func):
        return
    name = call.name.lower() if isinstance(call, exp.Anonymous) else call.sql_name().lower()
    namespace = ".".join(part.name.lower() for part in _flat(node.this))
    qualified = f"{namespace}.{name}"
    if qualified in allow.functions:
        return
    if namespace in _NAMESPACES.get(allow.dialect, ()):
        if isinstance(call, exp.Anonymous) and name not in allow.functions:
            raise _refused_function(qualified, allow)
        return
    if allow.dialect == "duckdb" and name in allow.functions:
        return  # 'x'.upper() is upper('x')
    if name in allow.methods and isinstance(call, exp.Anonymous):
        return
    raise _refused_function(qualified, allow)


def _flat(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Dot):
        yield from _flat(node.this)
        yield from _flat(node.expression)
    else:
        yield node


def _check_table(node: exp.Expr, allow: Lists) -> None:
    if node.args.get("rows_from"):
        return
    this = node.this
    if isinstance(this, exp.Func):
        if node.args.get("db") is not None or node.args.get("catalog") is not None:
            _check_qualified_table_function(node, this, allow)
        return
    if isinstance(this, exp.Dot):
        parts = [*_outer(node), *(part.name for part in _flat(this))]
    elif isinstance(this, exp.Identifier):
        parts = [*_outer(node), this.name]
    else:
        raise _RefusalError("table", f"{_words(this)} can't be read as a table: files, stages and variables are out of reach", this.name)
    reason = relations.refusal(allow.dialect, parts)
    if reason is not None:
        raise _RefusalError("table", reason, parts[-1])


def _outer(node: exp.Expr) -> list[str]:
    return [part.name for part in (node.args.get("catalog"), node.args.get("db")) if part is not None and part.name]


def _check_qualified_table_function(node: exp.Expr, call: exp.Func, allow: Lists) -> None:
    name = call.name.lower() if isinstance(call, exp.Anonymous) else call.sql_name().lower()
    outer = [part.lower() for part in _outer(node)]
    if ".".join(outer) in _NAMESPACES.get(allow.dialect, ()) and (name in allow.functions or not isinstance(call, exp.Anonymous)):
        return
    raise _refused_function(".".join([*outer, name]), allow)


def _check_table_rows(node: exp.Expr, allow: Lists) -> None:
    if not isinstance(node.this, exp.Func | exp.Query | exp.Column):
        raise _RefusalError("table", f"TABLE({node.this.sql(allow.dialect)}) names a table at run time")


def _check_column(node: exp.Expr, allow: Lists) -> None:
    if node.name.lower() in _SEQUENCE_COLUMNS and node.args.get("table") is not None and allow.dialect in {"oracle", "snowflake", "mysql"}:
        raise _RefusalError("function", "NEXTVAL takes a number from a sequence, which is a write", node.name)


def _check_assignment(node: exp.Expr, allow: Lists) -> None:
    if isinstance(node.this, exp.Parameter | exp.SessionParameter):
        raise _RefusalError("assignment", f"a query may not assign variables in {allow.dialect}", node.this.name)


def _check_parameter(node: exp.Expr, allow: Lists) -> None:
    if allow.dialect not in _PARAMETERS:
        raise _RefusalError("parameter", f"variables are not read in {allow.dialect}; write :name and declare the parameter", node.name)
    parent = node.parent
    if isinstance(parent, exp.EQ | exp.PropertyEQ) and parent.this is node and isinstance(parent.parent, exp.Select | exp.Alias):
        raise _RefusalError("assignment", "SELECT @x = ... assigns a variable", node.name)


def _check_table_hint(node: exp.Expr, allow: Lists) -> None:
    del allow
    for hint in node.expressions:
        if hint.name.upper() not in _TABLE_HINTS:
            raise _RefusalError("hint", f"the table hint {hint.name.upper()} is not on the list: it may lock", hint.name)


def _check_query_option(node: exp.Expr, allow: Lists) -> None:
    del allow
    if node.name.upper() not in _QUERY_OPTIONS:
        raise _RefusalError("hint", f"OPTION ({node.name.upper()}) is not on the list: it may lift limits", node.name)


def _check_hint(node: exp.Expr, allow: Lists) -> None:
    for item in node.expressions:
        words = [item.name.lower()] if isinstance(item, exp.Anonymous | exp.JoinHint | exp.Func | exp.Column | exp.Var) else []
        if isinstance(item, str):
            words = [match[1].lower() for match in _HINT_WORD.finditer(re.sub(r"\([^()]*\)", " ", item))]
        if not words or not set(words) <= allow.hints or (isinstance(item, str) and item.count("(") != item.count(")")):
            shown = item if isinstance(item, str) else item.sql(allow.dialect)
            raise _RefusalError("hint", f"the hint {shown} is not on the list: it may lift limits")


def _check_repeat(node: exp.Func) -> None:
    name = node.name.lower() if isinstance(node, exp.Anonymous) else node.sql_name().lower()
    if name not in _REPEATING and not isinstance(node, exp.Repeat | exp.Space | exp.Pad):
        return
    for child in node.iter_expressions():
        if isinstance(child, exp.Literal) and not child.is_string and float(child.name) > MAX_REPEAT:
            raise _RefusalError("size", f"{name}() of {child.name} fills the server's memory", name)


_CHECKS = {
    exp.Anonymous: _check_function,
    exp.AnonymousAggFunc: _check_aggregate,
    exp.ParameterizedAgg: _check_aggregate,
    exp.CombinedAggFunc: _check_aggregate,
    exp.CombinedParameterizedAgg: _check_aggregate,
    exp.Dot: _check_dot,
    exp.Table: _check_table,
    exp.TableFromRows: _check_table_rows,
    exp.Column: _check_column,
    exp.PropertyEQ: _check_assignment,
    exp.Parameter: _check_parameter,
    exp.WithTableHint: _check_table_hint,
    exp.QueryOption: _check_query_option,
    exp.Hint: _check_hint,
}


def _check_statements(tokens: Sequence[Token], dialect: str) -> Refusal | None:
    """T-SQL needs no semicolon between statements, so a bare statement word anywhere begins one."""
    if dialect != "tsql":
        return None
    previous: Token | None = None
    for token in tokens:
        word = token.text.upper()
        bare = token.token_type not in {TokenType.IDENTIFIER, TokenType.STRING, TokenType.NATIONAL_STRING}
        if bare and (word in _TSQL_STATEMENTS or (word == "GO" and (previous is None or previous.line != token.line))):
            message = f"{word} begins another statement: T-SQL needs no semicolon before it; put a name in brackets: [{word.lower()}]"
            return Refusal(rule="statement", message=message, line=token.line, column=token.col)
        previous = token
    return None


def _syntax(error: ParseError | TokenError) -> Refusal:
    detail = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
    message = str(detail.get("description") or str(error).splitlines()[0])[:300]
    return Refusal(rule="syntax", message=f"not understood: {message}", line=detail.get("line") or 0, column=detail.get("col") or 0)


def _position(tokens: Sequence[Token], word: str) -> tuple[int, int]:
    wanted = word.lower()
    for token in tokens:
        if wanted and token.text.lower() == wanted:
            return token.line, token.col - len(token.text) + 1
    return 0, 0


def _words(node: object) -> str:
    name = node.name.upper() if isinstance(node, exp.Command) else type(node).__name__
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name) if name != name.upper() else name
