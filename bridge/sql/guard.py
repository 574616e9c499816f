"""The guard: one statement, a query, made of known nodes, known functions and readable tables; default deny.

`verdict` judges a text, `checked` returns the tree to work with, `regenerate` the text that may run. What runs
is always regenerated from the checked tree: where our parser and the server's disagree about the source text,
the server never sees it. The rules and what they were measured against are in docs/sql-safety.md.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from bridge.errors import InputError, RefusedError
from bridge.sql import readings
from bridge.sql.advice import advice
from bridge.sql.limits import Refusal, check_text, check_tokens
from bridge.sql.lists import DIALECTS, Lists, lists
from bridge.sql.rules import RuleError, check_calls, check_node, check_qualifiers, walk, words

__all__ = ["DIALECTS", "Verdict", "checked", "parsed", "regenerate", "verdict"]

# sqlglot warns when it falls back to a Command node; the guard refuses that node and says so itself.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

_ROOTS = (exp.Select, exp.SetOperation, exp.Subquery, exp.Values)
_TSQL_STATEMENTS = frozenset(
    """ALTER BACKUP BEGIN BREAK BULK CHECKPOINT CLOSE COMMIT CONTINUE CREATE DBCC DEALLOCATE DECLARE DELETE DENY DISK DROP DUMP EXEC EXECUTE
    GOTO GRANT IF INSERT KILL LINENO LOAD PRINT PROC PROCEDURE RAISERROR READTEXT RECONFIGURE RESTORE RETURN REVERT REVOKE ROLLBACK SAVE
    SET SETUSER SHUTDOWN THROW TRAN TRANSACTION TRUNCATE UPDATE UPDATETEXT USE WAITFOR WHILE WRITETEXT""".split()  # noqa: SIM905 - one string reads better than fifty
)


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
        raise RefusedError(
            f"the SQL guard refuses this query ({outcome.rule}): {outcome.message}",
            where=spot,
            hint=advice(outcome.rule, outcome.message, dialect),
        )
    return outcome


def parsed(text: str, dialect: str) -> exp.Expr:
    """Return the tree of a text that this module made; not for source text, which has to be `checked`."""
    engine = Dialect.get_or_raise(dialect)
    trees = _parse(text, readings.readable(engine.tokenize(text), dialect), engine, dialect)
    if len(trees) != 1:
        raise InputError("a bound query is one statement", where=text[:120])
    return trees[0]


def regenerate(tree: exp.Expr, dialect: str, *, pretty: bool = False) -> str:
    """Return the text of a checked tree, without comments, placeholders as `:name`; names quoted where that changes nothing."""
    tree = tree.copy()
    for node in list(tree.find_all(exp.Placeholder)):
        if node.name and not node.args.get("kind"):
            node.replace(exp.Var(this=f":{node.name}"))
    readings.with_limits(tree, dialect)
    # `at` and others became reserved words; quoting is safe only where the dialect's own folding is known to keep the name.
    identify: bool | str = "safe" if dialect in {"duckdb", "postgres", "redshift"} else False
    spoken = readings.writer(tree, dialect)
    return tree.sql(dialect=spoken, comments=False, identify=identify, normalize_functions=False, pretty=pretty)


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
        tokens = readings.readable(tokens, dialect)
        trees = _parse(sql, tokens, engine, dialect)
    except (ParseError, TokenError) as error:
        return _syntax(error)
    except RecursionError:
        return Refusal(rule="nesting", message="nested too deeply to be read")
    except Exception as error:  # noqa: BLE001 - whatever the compiled parser raises on hostile text, the text is refused
        return Refusal(rule="syntax", message=f"not understood ({type(error).__name__})")
    return _judge_trees(trees, tokens, allow)


def _parse(sql: str, tokens: list[Token], engine: Dialect, dialect: str) -> list[exp.Expr]:
    whose = readings.reader(tokens, dialect)
    engine = engine if whose == dialect else Dialect.get_or_raise(whose)
    return [tree for tree in engine.parser().parse(tokens, sql) if tree is not None and not isinstance(tree, exp.Semicolon)]


def _judge_trees(trees: Sequence[exp.Expr], tokens: Sequence[Token], allow: Lists) -> exp.Expr | Refusal:
    if len(trees) != 1:
        after = next((token for token in tokens[:-1] if token.token_type is TokenType.SEMICOLON), None)
        line, column = (after.line, after.col) if after else (0, 0)
        return Refusal(rule="statement", message=f"{len(trees)} statements, exactly one is allowed", line=line, column=column)
    root = trees[0]
    if isinstance(root, exp.Pivot) and allow.dialect == "duckdb":
        # PIVOT ... as a statement is the same as reading from it, which fits in front of views and behind them.
        root = exp.select("*").from_(exp.Subquery(this=root))
    if not isinstance(root, _ROOTS):
        message = f"{words(root).upper()} is not a query: only SELECT, WITH and VALUES are allowed"
        return Refusal(rule="statement", message=message, line=tokens[0].line, column=tokens[0].col - len(tokens[0].text) + 1)
    if isinstance(root, exp.Select) and not root.expressions:
        return Refusal(rule="statement", message="SELECT of nothing")
    try:
        names: set[str] = set()
        for node in walk(root):
            check_node(node, allow)
            if isinstance(node, exp.TableAlias) and node.this is not None:
                names.add(node.name.lower())
        check_qualifiers(root, allow)
        check_calls(tokens, names, allow)
    except RuleError as refusal:
        line, column = _position(tokens, refusal.word)
        return Refusal(rule=refusal.rule, message=refusal.message, line=line, column=column)
    except Exception as error:  # noqa: BLE001 - a tree of a shape that no rule expects is not known to be harmless
        return Refusal(rule="node", message=f"not understood ({type(error).__name__})")
    return root


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
