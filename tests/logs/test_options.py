from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import InputError
from bridge.logs.options import parse_sources

ROWS: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "cases" / "logs" / "options.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["problems"][0])[:40])
def test_every_problem_at_once(row: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        parse_sources(row["values"], "bridge.yaml:7 logs.app")
    found = [
        f"{problem.where.removeprefix('bridge.yaml:7 logs.app').strip()}: {problem.message} ({problem.hint})"
        for problem in caught.value.problems
    ]
    assert len(found) == len(row["problems"]), found
    for problem, expected in zip(found, row["problems"], strict=True):
        assert expected in problem


def test_all_keys() -> None:
    (source,) = parse_sources(
        {
            "sources": [
                {
                    "paths": ["a/*.csv"],
                    "format": "csv",
                    "fields": {"at": ["ts", "time"], "service": {"from": "pod", "pattern": "^(.+)-x$"}},
                    "zone": "Europe/Berlin",
                    "year": 2026,
                    "message_pattern": ["(?P<level>[A-Z]+)", "id=(?P<account_id>\\w+)"],
                    "account_from_trace": True,
                    "json_column": "Log",
                    "columns": ["ts", "pod", "Log"],
                    "delimiter": ";",
                }
            ]
        },
        "",
    )
    assert source.fields["at"].names == ("ts", "time")
    assert source.account_from_trace
    assert (source.columns, source.delimiter, source.year) == (("ts", "pod", "Log"), ";", 2026)
