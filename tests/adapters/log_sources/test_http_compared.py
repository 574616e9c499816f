"""`bridge logs count | templates | compare` on Loki and OpenSearch print what they print of the same events in files."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.adapters.log_sources import loki_counts
from bridge.logs.times import micros
from tests.adapters.log_sources.emulated_loki import Loki
from tests.adapters.log_sources.emulations import OpenSearch, served
from tests.adapters.log_sources.test_compared import NAMES, SIDES, answer, events, placeless
from tests.adapters.log_sources.test_http_stores import COLUMNS

if TYPE_CHECKING:
    import pytest

ASKED = (
    ("count", "--per", "template", "--per", "level", "--every", "1h"),
    ("count", "--per", "account_id", "--per", "region", "--level", "ERROR"),
    ("templates", "--level", "ERROR", "--account", "acc_3"),
    ("compare", *SIDES),
    ("compare", *SIDES, "--by", "region"),
)


def test_the_same_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loki_counts, "_PROBE", 20)
    rows = events()[::3]  # a third of them: each search of an emulation looks at all
    records = [dict(zip(NAMES, (row[0].isoformat(), *row[1:]), strict=True)) for row in rows]
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    with ExitStack() as stack:
        lines = [({"app": "shop"}, micros(row[0]) * 1_000, json.dumps(record)) for row, record in zip(rows, records, strict=True)]
        loki = stack.enter_context(served(Loki(entries=list({json.dumps(line): line for line in lines}.values()))))
        renamed = {name: field.removesuffix(".keyword") for name, field in COLUMNS.items()}
        stored = [{renamed.get(name, name): value for name, value in record.items()} for record in records]
        search = stack.enter_context(served(OpenSearch(documents=stored)))
        sources = {
            "files": "{product: files, sources: [{paths: [events.jsonl]}]}",
            "loki": f"{{product: loki, url: '{loki.url}', selector: '{{app=\"shop\"}}', earliest: 2026-03-01T00:00:00Z}}",
            "opensearch": f"{{product: opensearch, url: '{search.url}', index: logs-1, columns: {json.dumps({**COLUMNS, 'ms': 'ms'})}}}",
        }
        answers: dict[str, list[Any]] = {}
        for product, source in sources.items():
            (tmp_path / "bridge.yaml").write_text(f"format: 1\nlogs:\n  app: {source}\n", encoding="utf-8")
            found = [placeless(answer(tmp_path, capsys, *words)[0]) for words in ASKED]
            # A store has no lines and bytes to account for.
            answers[product] = [{key: value for key, value in part.items() if key != "counts"} for part in found]
        for product in ("loki", "opensearch"):
            for words, right, other in zip(ASKED, answers["files"], answers[product], strict=True):
                assert other == right, (product, words)
        assert isinstance(search, OpenSearch)
        assert loki.refused == search.refused == []
        assert search.points == {}
