"""What is refused before any parser sees the text: size, depth, characters, comments that servers execute.

The compiled parser dies by a signal on deep input, which no `except` catches; so depth is bounded on the
tokens, not on the tree.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot.parser import Parser
from sqlglot.tokenizer_core import Token, TokenType

MAX_BYTES = 64 * 1024
MAX_NESTING = 128
MAX_TYPES = 12
MAX_JOINS = 12
MAX_CHAIN = 64
MAX_SAME = 8

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")
_OPEN = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE})
_CLOSE = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE})
_TEXT = frozenset(
    getattr(TokenType, name)
    for name in (
        "STRING", "NATIONAL_STRING", "RAW_STRING", "HEREDOC_STRING", "UNICODE_STRING", "BYTE_STRING", "HEX_STRING", "BIT_STRING",
        "IDENTIFIER",
    )
)  # fmt: skip
_UNARY = frozenset({TokenType.NOT, TokenType.DASH, TokenType.PLUS, TokenType.TILDE})
_TYPES = frozenset(Parser.TYPE_TOKENS)
_JOINS = frozenset({TokenType.JOIN, TokenType.STRAIGHT_JOIN})
_FLAT = frozenset({TokenType.CROSS, TokenType.NATURAL})
_JOINED = frozenset({TokenType.ON, TokenType.USING, TokenType.SELECT, TokenType.WHERE})
_BREAKS = frozenset(
    {TokenType.COMMA, TokenType.SELECT, TokenType.WHERE, TokenType.AND, TokenType.OR, TokenType.FROM, TokenType.JOIN, TokenType.EQ}
)
_REPEATABLE = _OPEN | _CLOSE | _UNARY | _TEXT | {TokenType.SEMICOLON, TokenType.STAR}
_HIDDEN = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp", "Cs"})
_EXECUTABLE = re.compile(r"M?!")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a text is refused, and where: line and column count from 1, 0 when unknown."""

    rule: str
    message: str
    line: int = 0
    column: int = 0


def place(sql: str, offset: int) -> tuple[int, int]:
    """Return line and column, from 1, of an offset in characters."""
    line = sql.count("\n", 0, offset) + 1
    return line, offset - (sql.rfind("\n", 0, offset) + 1) + 1


def check_text(sql: str) -> Refusal | None:
    """Return why this text may not even be split into tokens."""
    if not sql.strip():
        return Refusal(rule="statement", message="there is no statement")
    # Cheap first: a string of more characters than bytes allowed needs no encoding.
    try:
        size = len(sql) if len(sql) > MAX_BYTES else len(sql.encode())
    except UnicodeEncodeError as error:
        line, column = place(sql, error.start)
        return Refusal(rule="characters", message="half of a surrogate pair is no character", line=line, column=column)
    if size > MAX_BYTES:
        return Refusal(rule="size", message=f"{size:,} bytes, at most {MAX_BYTES:,} are read; pass long lists as a parameter")
    match = _CONTROL.search(sql)
    if match is not None:
        line, column = place(sql, match.start())
        what = f"the control character U+{ord(match[0][0]):04X}"
        return Refusal(rule="characters", message=f"{what} may end a comment or the text on the server", line=line, column=column)
    return None


def check_tokens(sql: str, tokens: Sequence[Token]) -> Refusal | None:
    """Return why these tokens may not be parsed: depth, hidden characters, comments that a server executes."""
    return _check_depth(tokens) or _check_hidden(sql, tokens) or _check_comments(tokens)


def _check_depth(tokens: Sequence[Token]) -> Refusal | None:
    """Bound everything that a recursive parser descends into, or tries twice at each level."""
    stack: list[bool] = []
    cases = run = joins = chain = same = 0
    before: TokenType | None = None
    for token in tokens:
        kind = token.token_type
        if kind in _OPEN:
            # A type's name before a parenthesis is read as a type first, then as a call: twice the work a level.
            stack.append(kind is TokenType.L_PAREN and before in _TYPES)
        elif kind in _CLOSE and stack:
            stack.pop()
        elif kind is TokenType.CASE:
            cases += 1
        elif kind is TokenType.END:
            cases = max(0, cases - 1)
        run = run + 1 if kind in _UNARY else 0
        # JOIN a JOIN b ON .. ON .. nests; a join that never gets its ON is tried again at each level.
        joins = joins + 1 if kind in _JOINS and before not in _FLAT else 0 if kind in _JOINED else joins
        chain = chain + 1 if kind is TokenType.DOT or (kind is TokenType.L_BRACKET and before is TokenType.R_BRACKET) else chain
        chain = 0 if kind in _BREAKS else chain
        same = same + 1 if kind is before and kind not in _REPEATABLE else 0
        what = _too_deep(depth=len(stack) + cases, run=run, types=sum(stack), joins=joins, chain=chain, same=same)
        if what:
            return Refusal(rule="nesting", message=what, line=token.line, column=token.col)
        before = kind
    return None


def _too_deep(*, depth: int, run: int, types: int, joins: int, chain: int, same: int) -> str:
    if max(depth, run) > MAX_NESTING:
        return f"nested deeper than {MAX_NESTING} levels; split it into WITH parts"
    if types > MAX_TYPES:
        return f"types or conversions nested deeper than {MAX_TYPES} levels"
    if joins > MAX_JOINS:
        return f"more than {MAX_JOINS} joins without ON or USING; write CROSS JOIN where none is meant"
    if same > MAX_SAME:
        return "the same word again and again"
    return f"a chain of more than {MAX_CHAIN} dots or subscripts" if chain > MAX_CHAIN else ""


def _check_hidden(sql: str, tokens: Sequence[Token]) -> Refusal | None:
    if sql.isascii():
        return None
    hidden = [offset for offset, letter in enumerate(sql) if letter > "\x7f" and unicodedata.category(letter) in _HIDDEN]
    if not hidden:
        return None
    spans = [(token.start, token.end) for token in tokens if token.token_type in _TEXT]
    for offset in hidden:
        if not any(start <= offset <= end for start, end in spans):
            line, column = place(sql, offset)
            name = unicodedata.name(sql[offset], "a control character")
            message = f"U+{ord(sql[offset]):04X} ({name.lower()}) outside a string: servers disagree on what it is"
            return Refusal(rule="characters", message=message, line=line, column=column)
    return None


def _check_comments(tokens: Sequence[Token]) -> Refusal | None:
    for token in tokens:
        for comment in token.comments:
            if _EXECUTABLE.match(comment):
                return Refusal(
                    rule="comment", message="a comment /*! ... */ is code to MySQL and MariaDB", line=token.line, column=token.col
                )
    return None
