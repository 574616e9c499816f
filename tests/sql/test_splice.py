"""A dangerous call put into any position of an honest statement is found: at least 10,000 of them, none through."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlglot import exp

from bridge.sql.guard import DIALECTS, parsed, verdict

CASES = Path(__file__).parent.parent / "cases" / "sql"
PER_DIALECT = 900
HONEST_PER_DIALECT = 150
_VALUES = (exp.Column, exp.Literal, exp.Func, exp.Binary, exp.Paren)


def _honest(dialect: str) -> list[str]:
    lines = (CASES / "honest.jsonl").read_text(encoding="utf-8").splitlines()
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return [row["sql"] for row in rows if row["dialect"] == dialect]


def _spliced(sql: str, dialect: str, what: str, kind: tuple[type[exp.Expr], ...], dice: random.Random) -> str | None:
    """Put `what` in place of one node, as text, so that the guard parses it afresh."""
    tree = parsed(sql, dialect)
    nodes = [node for node in tree.find_all(*kind) if node.parent is not None and _is_value(node)]
    if not nodes:
        return None
    dice.choice(nodes).replace(exp.Var(this=what))
    return tree.sql(dialect=dialect)


def _is_value(node: exp.Expr) -> bool:
    """Leave out places where no expression can stand: units, paths, type arguments, names."""
    parent = node.parent
    return node.arg_key != "unit" and not isinstance(
        parent,
        exp.DataType | exp.DataTypeParam | exp.Interval | exp.JSONPath | exp.Kwarg | exp.PropertyEQ | exp.QueryOption | exp.Version
        | exp.HistoricalData | exp.JSONColumnDef | exp.TableSample | exp.Hint | exp.Dot | exp.Column | exp.IndexTableHint | exp.Table,
    )  # fmt: skip


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_dangerous_call_is_found_wherever_it_stands(dialect: str) -> None:
    dangerous = json.loads((CASES / "dangerous.json").read_text(encoding="utf-8"))
    dice = random.Random(f"splice {dialect}")
    honest = _honest(dialect)
    rules: Counter[str] = Counter()
    through = []
    while rules.total() < PER_DIALECT:
        in_from = dice.random() < 0.25
        what = dice.choice(dangerous["tables" if in_from else "calls"][dialect])
        sql = _spliced(dice.choice(honest), dialect, what, (exp.Table,) if in_from else _VALUES, dice)
        if sql is None or what not in sql:
            continue  # no place for it, or a place whose text the generator does not write (a format, a path)
        outcome = verdict(sql, dialect)
        rules[outcome.rule] += 1
        if outcome.allowed:
            through.append(sql)
    assert through == []
    # Most are refused for what they call, not for a splice that made nonsense.
    assert rules["syntax"] < 0.35 * rules.total(), rules


@pytest.mark.parametrize("dialect", DIALECTS)
def test_statements_made_by_a_grammar_are_let_through(dialect: str) -> None:
    dice = random.Random(f"grammar {dialect}")
    for _ in range(HONEST_PER_DIALECT):
        sql = _query(dice, 3)
        assert verdict(sql, dialect).allowed, (sql, verdict(sql, dialect))


def _query(dice: random.Random, depth: int) -> str:
    columns = ", ".join(f"{_value(dice, depth)} AS c{number}" for number in range(dice.randint(1, 4)))
    text = f"SELECT {columns} FROM {_source(dice, depth)} AS t0"  # noqa: S608 - a grammar writes SQL
    for number in range(1, dice.randint(1, 3)):
        kind = dice.choice(["JOIN", "LEFT JOIN", "INNER JOIN"])
        text += f" {kind} {_source(dice, depth)} AS t{number} ON t{number}.account_id = t0.account_id"
    if dice.random() < 0.7:
        text += f" WHERE {_condition(dice, depth)}"
    if dice.random() < 0.3:
        text += f" GROUP BY t0.plan HAVING COUNT(*) > {dice.randint(0, 9)}"
    if dice.random() < 0.3:
        text += " ORDER BY 1 DESC"
    return text


def _source(dice: random.Random, depth: int) -> str:
    if depth > 0 and dice.random() < 0.25:
        return f"({_query(dice, depth - 1)})"
    return dice.choice(["accounts", "exports", "app.events", "changes"])


def _value(dice: random.Random, depth: int) -> str:
    simple = ["t0.plan", "t0.arr", "1", "0.5", "'its; DROP TABLE x --'", ":name", "NULL", "'pg_sleep(10)'", "COUNT(*)"]
    if depth == 0:
        return dice.choice(simple)
    inner = _value(dice, depth - 1)
    other = _value(dice, depth - 1)
    made = [
        f"COALESCE({inner}, {other})", f"CASE WHEN {_condition(dice, depth - 1)} THEN {inner} ELSE {other} END", f"UPPER({inner})",
        f"({inner} + {other})", f"SUM({inner}) OVER (PARTITION BY t0.plan ORDER BY {other})", f"CAST({inner} AS INT)", f"ABS({inner})",
        f"NULLIF({inner}, {other})", f"ROUND({inner}, 2)", f"MAX({inner})", f"REPLACE({inner}, 'a', 'b')", f"LOWER({inner})",
        "(SELECT MIN(arr) FROM accounts)", f"RANK() OVER (ORDER BY {inner})",
    ]  # fmt: skip
    return dice.choice(simple + made)


def _condition(dice: random.Random, depth: int) -> str:
    left, right = _value(dice, depth - 1 if depth else 0), _value(dice, 0)
    made = [
        f"{left} = {right}", f"{left} IS NOT NULL", f"{left} BETWEEN 1 AND 2", f"{left} IN ('update', 'delete')", f"{left} LIKE '%x%'",
        f"NOT ({left} <> {right})", "EXISTS (SELECT 1 FROM tickets WHERE tickets.account_id = t0.account_id)",
        f"({left} > 1 OR {right} < 2) AND 1 = 1", "t0.account_id IN (SELECT account_id FROM accounts)",
    ]  # fmt: skip
    return dice.choice(made)
