"""Grafana's own grammar reads every query that the contract and the hostile lines lead to: `make logql` (needs node and npm)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bridge.adapters.log_sources import loki_counts
from tests.adapters.log_sources import contract
from tests.adapters.log_sources.test_http_stores import tailed
from tests.adapters.log_sources.test_loki_counts import ASKS, FIELDS, LINES, both, filled, usual

HOME = os.environ.get("BRIDGE_LOGQL", "")


@pytest.mark.skipif(not HOME, reason="the grammar is not here: make logql")
def test_the_grammar_reads_our_queries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loki_counts, "_PROBE", 1)
    queries: set[str] = set()
    for labels in ({"service": "svc"}, {"service": "svc", "level": "lvl"}):
        with tailed(labels=labels) as (server, source):
            contract.check(source, tmp_path)
            filled(server, [*map(usual, range(9)), *LINES])
            for ask in ASKS:
                for fields in FIELDS:
                    both(source, ask, fields, every=900_000_000)
            queries |= {asked["query"] for _, _, asked in server.requests if "query" in asked}
    script = Path(HOME) / "logql_grammar.mjs"  # beside the packages: node looks for them there
    shutil.copy(Path(__file__).with_name(script.name), script)
    ran = subprocess.run(["node", str(script)], input=json.dumps(sorted(queries)), capture_output=True, check=True, timeout=60, text=True)
    assert json.loads(ran.stdout) == []
    print(f"{len(queries)} queries, the longest of {max(map(len, queries)):,} characters")
