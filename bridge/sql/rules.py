"""The rules of the guard for one node of a tree, and for the tokens beside it: default deny."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from bridge.sql import readings, relations
from bridge.sql.lists import TABLE_HINTS, Lists
from bridge.sql.sizes import too_much

_FORBIDDEN_PARTS = {
    "into": ("into", "SELECT INTO writes"),
    "locks": ("lock", "FOR UPDATE, FOR SHARE and the like lock rows for everybody"),
    "settings": ("settings", "a SETTINGS clause can lift every limit of the server"),
    "format": ("format", "a FORMAT clause changes what the driver reads"),
    "pattern": ("table", "files can't be read"),
    "operation_modifiers": ("option", "this modifier of SELECT is not on the list"),
    "udfs": ("function", "a query may not bring its own functions"),
}
_WORDS = {"into": "into", "locks": "for", "settings": "settings", "format": "format"}
"""What to look for in the text, to say where."""
_MODIFIERS = frozenset({"SQL_NO_CACHE", "STRAIGHT_JOIN", "DISTINCTROW", "SQL_SMALL_RESULT", "SQL_BIG_RESULT", "SQL_BUFFER_RESULT"})
_NAMESPACES = {"postgres": {"pg_catalog"}, "redshift": {"pg_catalog"}, "tsql": set(), "bigquery": {"safe", "net"}}
_PARAMETERS = frozenset({"bigquery", "snowflake", "tsql", "postgres", "redshift"})
_SEQUENCE_COLUMNS = frozenset({"nextval"})
_MATCHING = frozenset({"prev", "next", "match_number", "classifier", "first", "last"})
"""What may be called inside MATCH_RECOGNIZE only ..."""
_MATCHERS = frozenset({"oracle", "snowflake", "trino"})
"""... in these dialects."""
_SETTINGS = [["timezone"], ["datestyle"], ["intervalstyle"], ["server_version"], ["server_version_num"], ["search_path"]]
_STATIC = frozenset({"geography", "geometry", "hierarchyid"})
"""Types of SQL Server whose `type::method()` only computes."""
_VARIABLES = frozenset(
    {
        "version", "version_comment", "sql_mode", "time_zone", "system_time_zone", "autocommit", "transaction_isolation", "tx_isolation",
        "transaction_read_only", "read_only", "lower_case_table_names", "max_allowed_packet", "max_connections", "group_concat_max_len",
        "character_set_client", "character_set_connection", "character_set_database", "character_set_results", "character_set_server",
        "collation_connection", "collation_database", "collation_server", "default_week_format", "lc_time_names", "innodb_version",
    }
)  # fmt: skip
"""Settings of MySQL and MariaDB that say how a result is to be read."""
_TABLE_CALLS = (
    exp.Unnest, exp.Explode, exp.Posexplode, exp.Inline, exp.GenerateSeries, exp.ExplodingGenerateSeries, exp.JSONTable, exp.OpenJSON,
    exp.Flatten, exp.Generator, exp.SplitToTable, exp.StrtokSplitToTable, exp.Stack, exp.GenerateDateArray, exp.GenerateTimestampArray,
)  # fmt: skip
_HINT_WORD = re.compile(r"([A-Za-z_]\w*)")
_QUERY_OPTIONS = frozenset(
    {
        "MAXDOP", "RECOMPILE", "HASH JOIN", "LOOP JOIN", "MERGE JOIN", "HASH GROUP", "ORDER GROUP", "FORCE ORDER", "FAST", "KEEP PLAN",
        "KEEPFIXED PLAN", "OPTIMIZE FOR", "OPTIMIZE FOR UNKNOWN", "ROBUST PLAN", "CONCAT UNION", "HASH UNION", "MERGE UNION", "EXPAND VIEWS", "NO_PERFORMANCE_SPOOL",
        # FOR JSON and FOR XML share the node.
        "PATH", "AUTO", "RAW", "ROOT", "ELEMENTS", "TYPE", "INCLUDE_NULL_VALUES", "WITHOUT_ARRAY_WRAPPER", "BINARY BASE64", "EXPLICIT",
    }
)  # fmt: skip
_NAME = re.compile(r"[^\W\d][\w$#]*")
_STRINGS = frozenset(
    {TokenType.STRING, TokenType.NATIONAL_STRING, TokenType.RAW_STRING, TokenType.HEREDOC_STRING, TokenType.UNICODE_STRING}
)


class RuleError(Exception):
    """A rule that a text breaks; `word` is what to look for to say where."""

    def __init__(self, rule: str, message: str, word: str = "") -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.word = word


def walk(root: exp.Expr) -> Iterator[exp.Expr]:
    """Yield every node, whatever argument it hangs in, without recursion."""
    stack: list[object] = [root]
    while stack:
        item = stack.pop()
        if isinstance(item, exp.Expr):
            yield item
            stack.extend(item.args.values())
        elif isinstance(item, list | tuple):
            stack.extend(item)


def check_node(node: exp.Expr, allow: Lists) -> None:
    """Raise RuleError when this node may not stand in a query; its children are checked on their own."""
    kind = type(node)
    if kind not in allow.nodes:
        if isinstance(node, exp.Func):
            name = node.sql_name().lower()
            raise RuleError("function", f"{name} is not a function that only computes from its arguments", name)
        raise RuleError("node", f"{words(node)} is not part of a plain query", node.name)
    check = _CHECKS.get(kind)
    if check is not None:
        check(node, allow)
    if isinstance(node, exp.Func):
        much = too_much(node)
        if much is not None:
            raise RuleError("size", much[1], much[0])
    if isinstance(node, exp.Query | exp.Table | exp.With):
        _check_parts(node)


def _check_parts(node: exp.Expr) -> None:
    for part, (rule, message) in _FORBIDDEN_PARTS.items():
        value = node.args.get(part)
        if not value:
            continue
        if part == "operation_modifiers" and {item.name.upper() for item in value} <= _MODIFIERS:
            continue
        raise RuleError(rule, message, _WORDS.get(part, ""))


def _check_function(node: exp.Expr, allow: Lists) -> None:
    name = node.name.lower()
    parent = node.parent
    if isinstance(parent, exp.Dot) and parent.expression is node:
        return  # judged with its namespace
    if isinstance(parent, exp.Hint | exp.WithTableHint):
        return  # judged with the hint
    if allow.dialect == "bigquery" and isinstance(parent, exp.NetFunc):
        name = f"net.{name}"
    if isinstance(parent, exp.ScopeResolution):
        return  # judged with its type
    if (
        name == "current_setting"
        and allow.dialect == "postgres"
        and [part.name.lower() for part in node.expressions if part.is_string] in _SETTINGS
    ):
        return
    if name == readings.SECOND_LIMIT and isinstance(parent, exp.Limit):
        return
    if name in _MATCHING and allow.dialect in _MATCHERS and node.find_ancestor(exp.MatchRecognize) is not None:
        return
    if name == "table":
        _check_named_tables(node)
    if name not in allow.functions and not (isinstance(parent, exp.Table | exp.TableFromRows) and name in (allow.tables or ())):
        raise _refused_function(name, allow)


def _check_named_tables(call: exp.Expr) -> None:
    """`TABLE(a.b.c)` as an argument reads a table without FROM: past views and the tags of personal data."""
    for named in call.expressions:
        if isinstance(named, exp.Column):
            raise RuleError("table", f"TABLE({named.name}) as an argument reads past the views: put it in FROM", named.name)


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


def _refused_function(name: str, allow: Lists) -> RuleError:
    message = f"{name}() is not on the list of {allow.dialect} functions that only compute from their arguments"
    return RuleError("function", message, name.rpartition(".")[2])


def _check_dot(node: exp.Expr, allow: Lists) -> None:
    call = node.args["expression"]
    if not isinstance(call, exp.Func):
        # Inside the arguments of a method, sqlglot reads columns as chains of plain names.
        if isinstance(call, exp.Identifier):
            _check_sequence(call.name, allow)
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
    if name in allow.methods and (isinstance(call, exp.Anonymous) or allow.dialect == "oracle") and _on_value(node.this, allow):
        return
    raise _refused_function(qualified, allow)


def _on_value(node: exp.Expr, allow: Lists) -> bool:
    """In Oracle a name before the dot may be a package: only what a call gives has methods there."""
    return allow.dialect != "oracle" or isinstance(list(_flat(node))[-1], exp.Func | exp.Paren)


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
        else:
            _check_table_function(this, allow)
        return
    if isinstance(this, exp.Dot):
        parts = [*_outer(node), *(part.name for part in _flat(this))]
    elif isinstance(this, exp.Identifier):
        parts = [*_outer(node), this.name]
    else:
        raise RuleError("table", f"{words(this)} can't be read as a table: files, stages and variables are out of reach", this.name)
    reason = relations.refusal(allow.dialect, parts)
    if reason is not None:
        raise RuleError("table", reason, parts[-1])


def _check_table_function(call: exp.Func, allow: Lists) -> None:
    if allow.tables is None or isinstance(call, _TABLE_CALLS):
        return
    name = call.name.lower() if isinstance(call, exp.Anonymous) else call.sql_name().lower()
    if name not in allow.tables:
        raise RuleError("table", f"{name}() is not on the list of {allow.dialect} calls that may stand in FROM", name)


def _outer(node: exp.Expr) -> list[str]:
    # T-SQL's `master..t` leaves the schema out: the parser puts an empty string there, and no node.
    return [part.name for part in (node.args.get("catalog"), node.args.get("db")) if isinstance(part, exp.Expr) and part.name]


def _check_qualified_table_function(node: exp.Expr, call: exp.Func, allow: Lists) -> None:
    name = call.name.lower() if isinstance(call, exp.Anonymous) else call.sql_name().lower()
    outer = [part.lower() for part in _outer(node)]
    if ".".join(outer) in _NAMESPACES.get(allow.dialect, ()) and (name in allow.functions or not isinstance(call, exp.Anonymous)):
        return
    raise _refused_function(".".join([*outer, name]), allow)


def _check_table_rows(node: exp.Expr, allow: Lists) -> None:
    if not isinstance(node.this, exp.Func | exp.Query | exp.Column):
        raise RuleError("table", f"TABLE({node.this.sql(allow.dialect)}) names a table at run time")
    if isinstance(node.this, exp.Func):
        _check_table_function(node.this, allow)


def _check_column(node: exp.Expr, allow: Lists) -> None:
    if node.args.get("table") is not None:
        _check_sequence(node.name, allow)


def _check_sequence(name: str, allow: Lists) -> None:
    if name.lower() in _SEQUENCE_COLUMNS and allow.dialect in {"oracle", "snowflake", "mysql"}:
        raise RuleError("function", "NEXTVAL takes a number from a sequence, which is a write", name)


def _check_assignment(node: exp.Expr, allow: Lists) -> None:
    if isinstance(node.this, exp.Parameter | exp.SessionParameter):
        raise RuleError("assignment", f"a query may not assign variables in {allow.dialect}", node.this.name)


def _check_parameter(node: exp.Expr, allow: Lists) -> None:
    if allow.dialect not in _PARAMETERS:
        raise RuleError("parameter", f"variables are not read in {allow.dialect}; write :name and declare the parameter", node.name)
    parent = node.parent
    if isinstance(parent, exp.EQ | exp.PropertyEQ) and parent.this is node and isinstance(parent.parent, exp.Select | exp.Alias):
        raise RuleError("assignment", "SELECT @x = ... assigns a variable", node.name)


def _check_scope(node: exp.Expr, allow: Lists) -> None:
    call = node.expression
    name = call.name.lower() if isinstance(call, exp.Anonymous) else ""
    if allow.dialect != "tsql" or node.this.name.lower() not in _STATIC or name not in allow.statics:
        raise _refused_function(f"{node.this.name}::{name}", allow)


def _check_session_parameter(node: exp.Expr, allow: Lists) -> None:
    if allow.dialect != "mysql" or node.name.lower() not in _VARIABLES:
        raise RuleError("parameter", f"@@{node.name} is not a setting that a query may read", node.name)


def _check_table_hint(node: exp.Expr, allow: Lists) -> None:
    del allow
    for hint in node.expressions:
        if hint.name.upper() not in TABLE_HINTS:
            raise RuleError("hint", f"the table hint {hint.name.upper()} is not on the list: it may lock", hint.name)


def _check_query_option(node: exp.Expr, allow: Lists) -> None:
    del allow
    name, value = node.name.upper(), node.args.get("expression")
    if isinstance(node.this, exp.XMLKeyValueOption):
        name = node.this.name.upper()
    if name == "MAXRECURSION" and isinstance(value, exp.Literal) and value.name.strip("0"):
        return  # 0 lifts the limit
    if name not in _QUERY_OPTIONS:
        raise RuleError("hint", f"OPTION ({name}) is not on the list: it may lift limits", node.name)


def _check_hint(node: exp.Expr, allow: Lists) -> None:
    for item in node.expressions:
        words = [item.name.lower()] if isinstance(item, exp.Anonymous | exp.JoinHint | exp.Column | exp.Var) else []
        if isinstance(item, exp.Func) and not isinstance(item, exp.Anonymous):
            words = [item.sql_name().lower()]
        if isinstance(item, str):
            words = [match[1].lower() for match in _HINT_WORD.finditer(re.sub(r"\([^()]*\)", " ", item))]
        if not words or not set(words) <= allow.hints or (isinstance(item, str) and item.count("(") != item.count(")")):
            shown = item if isinstance(item, str) else item.sql(allow.dialect)
            raise RuleError("hint", f"the hint {shown} is not on the list: it may lift limits")


def _check_for(node: exp.Expr, allow: Lists) -> None:
    if allow.dialect == "tsql" and str(node.args.get("kind") or "").upper() not in {"JSON", "XML"}:
        raise RuleError("lock", "only FOR JSON and FOR XML are part of a plain query", "for")


def check_qualifiers(root: exp.Expr, allow: Lists) -> None:
    """In Oracle `p.f` may be a call without parentheses: what stands in front of a column must be a table of the query."""
    if allow.dialect != "oracle":
        return
    known = {"dual", *(var.name.lower() for match in root.find_all(exp.MatchRecognize) for var in match.find_all(exp.Alias))}
    known |= {word.lower() for match in root.find_all(exp.MatchRecognize) for word in _NAME.findall(str(match.args.get("pattern") or ""))}
    known |= {*(alias.name.lower() for alias in root.find_all(exp.TableAlias) if alias.name)}
    for table in root.find_all(exp.Table):
        known |= {part.name.lower() for part in table.parts if isinstance(part, exp.Identifier)}
    for column in root.find_all(exp.Column):
        first = column.parts[0].name.lower()
        if len(column.parts) > 1 and first not in known:
            raise RuleError("function", f"{first} is no table of this query: {column.sql('oracle')} could call a package's function", first)
    for chain in root.find_all(exp.Dot):
        first = next(_flat(chain)).name.lower()
        if all(isinstance(part, exp.Identifier) for part in _flat(chain)) and first not in known:
            raise RuleError("function", f"{first} is no table of this query: {chain.sql('oracle')} could call a package's function", first)


def _check_apply(node: exp.Expr, allow: Lists) -> None:
    """ClickHouse's `* APPLY(f)` calls f by its name alone."""
    called = node.args.get("expression")
    if isinstance(called, exp.Var | exp.Identifier | exp.Column) and not _combined(called.name.lower(), allow):
        raise _refused_function(called.name.lower(), allow)


def _check_in(node: exp.Expr, allow: Lists) -> None:
    """ClickHouse's `x IN t` reads a table without FROM."""
    field = node.args.get("field")
    if allow.dialect == "clickhouse" and isinstance(field, exp.Column):
        reason = relations.refusal(allow.dialect, [part.name for part in field.parts])
        if reason is not None:
            raise RuleError("table", reason, field.name)


def _check_placeholder(node: exp.Expr, allow: Lists) -> None:
    del allow
    if str(node.args.get("kind") or "").lower() == "identifier":
        raise RuleError("parameter", "a placeholder stands for a value, never for a name", node.name)


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
    exp.ScopeResolution: _check_scope,
    exp.SessionParameter: _check_session_parameter,
    exp.WithTableHint: _check_table_hint,
    exp.QueryOption: _check_query_option,
    exp.Hint: _check_hint,
    exp.Apply: _check_apply,
    exp.ForClause: _check_for,
    exp.In: _check_in,
    exp.Placeholder: _check_placeholder,
}


def check_calls(tokens: Sequence[Token], aliases: Collection[str], allow: Lists) -> None:
    """Every word before a parenthesis is an allowed function or no call at all, whatever the parser made of it.

    The tree can lose a call: FORMAT(a, f(x)) keeps only a literal format, `t('x')` may be read as a table with an
    alias. An alias that takes a column list is let through here; as a call it would have failed in the tree.
    """
    for token, following, after in zip(tokens, tokens[1:], [*tokens[2:], None], strict=False):
        if token.token_type is TokenType.DOT:
            _check_sequence(following.text, allow)
        if following.token_type is not TokenType.L_PAREN or _NAME.fullmatch(token.text) is None:
            continue
        if token.token_type in _STRINGS or (after is not None and after.token_type is TokenType.PLUS):
            continue  # t.account_id(+) is Oracle's outer join
        word = token.text.lower()
        alias = word in aliases and (after is None or after.token_type not in _STRINGS)  # columns of an alias are names
        if word not in allow.words and not alias and not _combined(word, allow):
            raise _refused_function(word, allow)


def words(node: object) -> str:
    """Return what a node is, in words for a message."""
    name = node.name.upper() if isinstance(node, exp.Command) else type(node).__name__
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name) if name != name.upper() else name
