"""The contract on two servers that speak OpenSearch's and Elasticsearch's interface and are neither: `make search-engines`.

osmem-server (OpenSearch: search, points in time, composite aggregations; no scripts in aggregations) and noida-db (Elasticsearch:
search and points in time; no composite aggregation, so counts are made here) come as packages with their binaries. What they take
and answer was not written by us; a real cluster it is not.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from bridge.adapters.log_sources import opensearch, opensearch_counts
from bridge.logs.counting import Counting
from bridge.logs.remote import answer_from, counted_from
from tests.adapters.log_sources import contract
from tests.adapters.log_sources.test_contract import spans
from tests.adapters.log_sources.test_http_stores import COLUMNS, documents, options

HOME = os.environ.get("BRIDGE_ENGINES", "")
ENGINES = {
    "opensearch": ("osmem_server/bin/osmem-server", ["-addr", "127.0.0.1:{port}", "-no-ja", "-no-stdin-watch"]),
    "elasticsearch": (
        "noida_db/noida-db",
        ["start", "--data-dir", "{folder}", "--only", "elasticsearch", "--elasticsearch-port", "{port}"],
    ),
}
MAPPING = {
    "@timestamp": {"type": "date"}, "lvl": {"type": "keyword"}, "account": {"type": "keyword"}, "trace": {"type": "keyword"}, "region": {"type": "keyword"},
    "svc": {"type": "text", "fields": {"keyword": {"type": "keyword"}}},
    "message": {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}},
}  # fmt: skip

pytestmark = pytest.mark.skipif(not HOME, reason="no search engines here: make search-engines")


@contextmanager
def running(kind: str, folder: Path) -> Iterator[str]:
    """Run one on loopback."""
    name, arguments = ENGINES[kind]
    (binary,) = Path(HOME).glob(f"lib/python*/site-packages/{name}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [word.format(port=port, folder=folder) for word in arguments]
    process = subprocess.Popen([binary, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(100):
            try:
                requests.get(url, timeout=1)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)


def filled(url: str, rows: list[dict[str, Any]]) -> None:
    requests.put(f"{url}/logs-1", json={"mappings": {"properties": MAPPING}}, timeout=10).raise_for_status()
    body = "".join('{"index":{}}\n' + json.dumps(row) + "\n" for row in rows)
    headers = {"Content-Type": "application/x-ndjson"}
    found = requests.post(f"{url}/logs-1/_bulk?refresh=true", data=body.encode(), headers=headers, timeout=10)
    assert found.json()["errors"] is False


def opened(kind: str, url: str, columns: dict[str, str]) -> Any:
    return getattr(opensearch, f"open_{kind}")(options(url=url, index="logs-1", columns=columns, patience_seconds=1))


@pytest.mark.parametrize("kind", ENGINES)
def test_the_answers_are_those_of_files(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(kind, tmp_path) as url:
        filled(url, documents())
        source = opened(kind, url, COLUMNS)
        for page in (1_000, 1, 3):
            monkeypatch.setattr(opensearch, "_PAGE", page)
            monkeypatch.setattr(opensearch_counts, "_PAGE", page)
            contract.check(source, tmp_path)
            spans(source, tmp_path)
        assert all(check.ok for check in source.check())
        print(
            f"{kind}: {len(contract.CASES['questions'])} questions, {len(contract.CASES['counts'])} counts, in pages of 1,000, 1 and 3, as from files"
        )


@pytest.mark.parametrize("kind", ENGINES)
@pytest.mark.parametrize("message", ["message", "message.keyword"])
def test_counts_are_those_of_the_documents(kind: str, message: str, tmp_path: Path) -> None:
    with running(kind, tmp_path) as url:
        rows = [
            {"@timestamp": f"2026-03-10T02:{number % 60:02}:00.{number:06}Z", "lvl": ("info", "ERR")[number % 7 == 0], "account": f"acc_{number % 5}", "message": f"order {number % 40} " + "x" * (number % 300)}
            for number in range(2_500)
        ]  # fmt: skip
        filled(url, rows)
        source = opened(kind, url, {**COLUMNS, "message": message})
        for fields in (("level",), ("account_id", "level"), ("template",), ()):
            right, found = Counting(fields=fields, every=900_000_000), Counting(fields=fields, every=900_000_000)
            counted_from(source.events(contract.question({}), 10_000).events, right, "app")
            answer = answer_from(source, contract.question({}), counting=found)
            assert found.groups() == right.groups()
            assert found.total == 2_500
            here = any("all events are read" in note for note in answer.notes)
            assert here == (
                bool(fields or found.every) and (kind == "elasticsearch" or (fields == ("template",) and message == "message"))
            ), answer.notes
