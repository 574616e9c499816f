"""How much one call may make: literal counts above these are memory and time of the server, not analysis."""

from __future__ import annotations

import re

from sqlglot import exp

MAX_REPEAT = 1_000_000
"""Characters or items that REPEAT, LPAD, arrayResize and the like may be told to make, nested ones multiplied."""
MAX_SERIES = 10_000_000
"""Rows or items of a series between two literals."""
MAX_SECONDS = 60
"""Snowflake's GENERATOR(TIMELIMIT => ...)."""

_REPEATING = frozenset(
    {
        "repeat", "replicate", "space", "lpad", "rpad", "leftpad", "rightpad", "array_repeat", "repeat_row", "array_fill", "arraywithconstant",
        "arrayresize", "randomstring", "randomprintableascii", "randomfixedstring", "randomstringutf8", "randstr", "zeroblob", "randomblob",
        "leftpadutf8", "rightpadutf8", "array_resize", "list_resize", "random_bytes", "random_string", "repeat_string",
    }
)  # fmt: skip
_SERIES = frozenset(
    {"range", "sequence", "generate_array", "generate_series", "generateseries", "numbers", "numbers_mt", "zeros", "zeros_mt"}
)
_FORMATS = frozenset({"printf", "format", "format_string", "formatmessage"})
_WIDE = re.compile(r"%[-+ 0#,]*\.?\d{7,}")


def too_much(node: exp.Func) -> tuple[str, str] | None:
    """Return the name of the call and what is wrong, when its literals ask for more than the caps."""
    name = name_of(node)
    if _repeats(node):
        count = _product(node)
        if count > MAX_REPEAT:
            return name, f"{name}() of {count:,} fills the server's memory"
    if name in _SERIES or isinstance(node, exp.GenerateSeries | exp.ExplodingGenerateSeries):
        length = _length(node)
        if length is not None and length > MAX_SERIES:
            return name, f"{name}() of {length:,.0f} rows; at most {MAX_SERIES:,} are made from two literals"
    if isinstance(node, exp.Generator):
        rows, seconds = _number(node.args.get("rowcount")), _number(node.args.get("timelimit"))
        if (rows or 0) > MAX_SERIES or (seconds or 0) > MAX_SECONDS:
            return name, f"{name}() makes at most {MAX_SERIES:,} rows, for at most {MAX_SECONDS} s"
    if name in _FORMATS and any(_WIDE.search(text.name) for text in node.find_all(exp.Literal) if text.is_string):
        return name, f"{name}() with a width of millions of characters fills the server's memory"
    return None


def name_of(node: exp.Func) -> str:
    """Return a call's name in lower case, typed or not."""
    return node.name.lower() if isinstance(node, exp.Anonymous) else node.sql_name().lower()


def _repeats(node: exp.Expr) -> bool:
    return isinstance(node, exp.Repeat | exp.Space | exp.Pad | exp.Randstr) or (isinstance(node, exp.Func) and name_of(node) in _REPEATING)


def _product(node: exp.Expr) -> int:
    """The largest literal of a call; what is repeated inside is multiplied; an array of dimensions too."""
    own = nested = 1
    for child in node.iter_expressions():
        number = _number(child)
        if number is not None:
            own = max(own, int(number))
        elif isinstance(child, exp.Array):
            dimensions = 1
            for item in child.expressions:
                dimensions *= max(1, int(_number(item) or 1))
            own = max(own, dimensions)
    for child in node.iter_expressions():
        nested = max(nested, max((_product(inner) for inner in child.find_all(exp.Func) if _repeats(inner)), default=1))
    return own * nested


def _length(node: exp.Func) -> float | None:
    """How long a series between literals is; None when its ends are not literals."""
    if isinstance(node, exp.GenerateSeries | exp.ExplodingGenerateSeries):
        given = [node.args.get("start"), node.args.get("end"), node.args.get("step")]
    else:
        given = list(node.iter_expressions())
    numbers = [_number(item) for item in given if item is not None]
    if not numbers or None in numbers:
        return None
    known = [number for number in numbers if number is not None]
    if name_of(node).startswith(("numbers", "zeros")):
        return known[-1] if len(known) < 3 else known[1]  # noqa: PLR2004 - numbers(offset, count, step)
    if len(known) == 1:
        return known[0]
    step = abs(known[2]) if len(known) > 2 and known[2] else 1  # noqa: PLR2004 - start, end, step
    return abs(known[1] - known[0]) / step


def _number(node: object) -> float | None:
    if isinstance(node, exp.Kwarg):
        node = node.expression
    if isinstance(node, exp.Paren | exp.Cast):
        return _number(node.this)
    if isinstance(node, exp.Neg):
        inner = _number(node.this)
        return None if inner is None else -inner
    if not isinstance(node, exp.Literal) or node.is_string:
        return None
    try:
        return float(node.name.replace("_", ""))
    except ValueError:
        return None
