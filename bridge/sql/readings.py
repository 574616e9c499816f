"""The few spellings that sqlglot can't read, written in tokens that mean the same, before anything is judged or parsed.

What is judged is what is parsed is what runs: the rules see the rewritten tokens, and the text that runs is made
from their tree. `LIMIT n BY x LIMIT m` is the one that needs a mark in the tree, which `guard.regenerate` turns back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.tokenizer_core import Token, TokenType

SECOND_LIMIT = "bridge_second_limit"
"""The call that carries ClickHouse's LIMIT behind LIMIT BY through the tree."""

_NAME = re.compile(r"[^\W\d][\w$#]*")
_PLAIN = re.compile(r"[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*){0,2}")
_ENDS = frozenset(
    {
        TokenType.STRING, TokenType.IDENTIFIER, TokenType.VAR, TokenType.NUMBER, TokenType.R_PAREN, TokenType.R_BRACKET,
        TokenType.L_BRACKET, TokenType.R_BRACE,
    }
)  # fmt: skip
"""After these a colon belongs to a slice, a struct or an alias."""
_TYPES = frozenset("box circle lseg polygon line tsquery tsvector macaddr macaddr8 jsonpath cidr ltree".split())  # noqa: SIM905 - reads better


def readable(tokens: Sequence[Token], dialect: str) -> list[Token]:
    """Return the tokens to judge and to parse."""
    steps = _STEPS.get(dialect, ())
    found = list(tokens)
    for step in steps:
        found = step(found)
    return found


def reader(tokens: Sequence[Token], dialect: str) -> str:
    """Return whose parser reads these tokens: `col:path` is known only to that of Databricks."""
    return "databricks" if dialect == "spark" and any(_path(tokens, at) for at in range(1, len(tokens) - 1)) else dialect


def writer(tree: exp.Expr, dialect: str) -> str:
    """Return whose words a checked tree is written in."""
    paths = dialect == "spark" and any(node.args.get("variant_extract") for node in tree.find_all(exp.JSONExtract))
    return "databricks" if paths else dialect


def with_limits(tree: exp.Expr, dialect: str) -> None:
    """Write the second LIMIT of ClickHouse behind the columns of LIMIT BY; changes the tree."""
    if dialect != "clickhouse":
        return
    for limit in list(tree.find_all(exp.Limit)):
        columns = limit.expressions
        if len(columns) > 1 and isinstance(columns[-1], exp.Anonymous) and columns[-1].name == SECOND_LIMIT:
            counts = [count.sql(dialect, comments=False) for count in columns[-1].expressions]
            last = columns[-2].sql(dialect, comments=False, normalize_functions=False)
            limit.set("expressions", [*columns[:-2], exp.Var(this=f"{last} LIMIT {', '.join(counts)}")])


def _path(tokens: Sequence[Token], at: int) -> bool:
    before, token, after = tokens[at - 1], tokens[at], tokens[at + 1]
    return (
        token.token_type is TokenType.COLON
        and before.token_type in {TokenType.VAR, TokenType.IDENTIFIER}
        and before.end + 1 == token.start
        and after.start == token.end + 1
    )


def _like(token: Token, kind: TokenType, text: str) -> Token:
    return Token(kind, text, token.line, token.col, token.start, token.end, token.comments)


def _words(tokens: Sequence[Token], at: int, *words: str) -> bool:
    """Tell whether these words, not quoted, stand here."""
    found = tokens[at : at + len(words)]
    kept = {TokenType.IDENTIFIER, TokenType.STRING}
    return len(found) == len(words) and all(
        token.token_type not in kept and token.text.upper() == word for token, word in zip(found, words, strict=True)
    )


def _named(tokens: list[Token]) -> list[Token]:
    """Read `:name` as DuckDB's `$name` where a value begins: sqlglot takes `SELECT :x AS y` for DuckDB's `alias: value`."""
    named: list[Token] = []
    for position, token in enumerate(tokens):
        before = tokens[position - 1].token_type if position else None
        after = tokens[position + 1] if position + 1 < len(tokens) else None
        if (
            token.token_type is TokenType.COLON
            and before not in _ENDS
            and after is not None
            and after.start == token.end + 1
            and _NAME.fullmatch(after.text) is not None
        ):
            named.append(_like(token, TokenType.PARAMETER, "$"))
        else:
            named.append(token)
    return named


def _windows(tokens: list[Token]) -> list[Token]:
    """Read Spark's `window(...)` as a call also behind GROUP BY, where sqlglot expects the clause WINDOW."""
    following = [*tokens[1:], None]
    return [
        _like(token, TokenType.VAR, token.text)
        if token.token_type is TokenType.WINDOW and after is not None and after.token_type is TokenType.L_PAREN
        else token
        for token, after in zip(tokens, following, strict=True)
    ]


def _orders(tokens: list[Token]) -> list[Token]:
    """PostgreSQL's `ORDER BY x USING >` is DESC, and `USING <` is ASC."""
    found: list[Token] = []
    for token in tokens:
        if found and found[-1].token_type is TokenType.USING and token.token_type in {TokenType.GT, TokenType.LT}:
            word = "DESC" if token.token_type is TokenType.GT else "ASC"
            found[-1] = _like(token, TokenType.DESC if word == "DESC" else TokenType.ASC, word)
        else:
            found.append(token)
    return found


def _typed(tokens: list[Token]) -> list[Token]:
    """PostgreSQL's `box '...'` is CAST('...' AS box), for the types that sqlglot has no words for."""
    found: list[Token] = []
    for token in tokens:
        before = found[-1] if found else None
        if (
            token.token_type is TokenType.STRING
            and before is not None
            and before.token_type is TokenType.VAR
            and before.text.lower() in _TYPES
        ):
            found[-1:] = [
                _like(before, TokenType.VAR, "CAST"), _like(before, TokenType.L_PAREN, "("), token, _like(token, TokenType.ALIAS, "AS"),
                _like(before, TokenType.VAR, before.text), _like(token, TokenType.R_PAREN, ")"),
            ]  # fmt: skip
        else:
            found.append(token)
    return found


def _local(zone: str, dialect: str) -> Callable[[list[Token]], list[Token]]:
    """`AT LOCAL` is AT TIME ZONE with the session's zone."""

    def local(tokens: list[Token]) -> list[Token]:
        found: list[Token] = []
        for at, token in enumerate(tokens):
            if at and _words(tokens, at - 1, "AT", "LOCAL"):
                found[-1:] = [_like(token, part.token_type, part.text) for part in _text(f"AT TIME ZONE {zone}", dialect)]
            else:
                found.append(token)
        return found

    return local


def _text(sql: str, dialect: str) -> list[Token]:
    return Dialect.get_or_raise(dialect).tokenize(sql)


def _compared(tokens: list[Token]) -> list[Token]:
    """T-SQL's `!>` is <=, and `!<` is >=."""
    found: list[Token] = []
    for token in tokens:
        kind = token.token_type
        before = found[-1] if found else None
        if before is not None and before.text == "!" and before.end + 1 == token.start and kind in {TokenType.GT, TokenType.LT}:
            found[-1] = _like(token, TokenType.LTE, "<=") if kind is TokenType.GT else _like(token, TokenType.GTE, ">=")
        else:
            found.append(token)
    return found


def _rows(tokens: list[Token]) -> list[Token]:
    """MySQL's `VALUES ROW(1), ROW(2)` is VALUES (1), (2); as a statement of its own it is SELECT * FROM it."""
    found: list[Token] = []
    if _words(tokens, 0, "VALUES", "ROW", "("):
        last = tokens[-1]
        tokens = [
            *(_like(tokens[0], part.token_type, part.text) for part in _text("SELECT * FROM (", "mysql")),
            *tokens,
            *(_like(last, part.token_type, part.text) for part in _text(") AS v", "mysql")),
        ]
    depth, begun = 0, -1
    for at, token in enumerate(tokens):
        kind = token.token_type
        if kind is TokenType.VALUES and _words(tokens, at + 1, "ROW", "("):
            begun = depth
        elif begun == depth and _words(tokens, at, "ROW", "(") and tokens[at - 1].token_type in {TokenType.VALUES, TokenType.COMMA}:
            continue
        depth += (kind is TokenType.L_PAREN) - (kind is TokenType.R_PAREN)
        if depth < begun or (depth == begun and kind not in {TokenType.VALUES, TokenType.COMMA, TokenType.R_PAREN}):
            begun = -1
        found.append(token)
    return found


def _identifiers(tokens: list[Token]) -> list[Token]:
    """Snowflake's IDENTIFIER('db.t') is the name db.t; any other argument is left to be refused."""
    found: list[Token] = []
    at = 0
    while at < len(tokens):
        if (
            _words(tokens, at, "IDENTIFIER", "(")
            and _words(tokens, at + 3, ")")
            and tokens[at + 2].token_type is TokenType.STRING
            and _PLAIN.fullmatch(tokens[at + 2].text)
        ):
            for number, part in enumerate(tokens[at + 2].text.split(".")):
                if number:
                    found.append(_like(tokens[at + 2], TokenType.DOT, "."))
                # Folded as Snowflake folds a name without quotes: quoting keeps it from being read as a keyword.
                found.append(_like(tokens[at + 2], TokenType.IDENTIFIER, part.upper()))
            at += 4
        else:
            found.append(tokens[at])
            at += 1
    return found


def _limits(tokens: list[Token]) -> list[Token]:
    """Carry ClickHouse's `LIMIT n BY x LIMIT [k,] m` as LIMIT n BY x, mark(k, m)."""
    found: list[Token] = []
    by: list[bool] = [False]
    at = 0
    while at < len(tokens):
        token = tokens[at]
        kind = token.token_type
        if kind is TokenType.L_PAREN:
            by.append(False)
        elif kind is TokenType.R_PAREN and len(by) > 1:
            by.pop()
        elif kind in {TokenType.SELECT, TokenType.UNION, TokenType.EXCEPT, TokenType.INTERSECT}:
            by[-1] = False
        elif kind is TokenType.LIMIT and by[-1]:
            count = _count(tokens, at + 1)
            if count:
                found += [
                    _like(token, TokenType.COMMA, ","),
                    _like(token, TokenType.VAR, SECOND_LIMIT),
                    _like(token, TokenType.L_PAREN, "("),
                ]
                found += [*tokens[at + 1 : at + 1 + count], _like(token, TokenType.R_PAREN, ")")]
                by[-1] = False
                at += 1 + count
                continue
        elif kind is TokenType.LIMIT:
            count = _count(tokens, at + 1)
            by[-1] = bool(count) and _words(tokens, at + 1 + count, "BY")
        found.append(token)
        at += 1
    return found


def _count(tokens: Sequence[Token], at: int) -> int:
    """Return how many tokens `m` or `k, m` takes, 0 when it is something else."""
    kinds = [token.token_type for token in tokens[at : at + 3]]
    if kinds == [TokenType.NUMBER, TokenType.COMMA, TokenType.NUMBER]:
        return 3
    return int(bool(kinds) and kinds[0] is TokenType.NUMBER)


_STEPS: Mapping[str, tuple[Callable[[list[Token]], list[Token]], ...]] = {
    "duckdb": (_named,),
    "spark": (_windows,),
    "postgres": (_orders, _typed, _local("current_setting('TimeZone')", "postgres")),
    "oracle": (_local("SESSIONTIMEZONE", "oracle"),),
    "tsql": (_compared,),
    "mysql": (_rows,),
    "snowflake": (_identifiers,),
    "clickhouse": (_limits,),
}
