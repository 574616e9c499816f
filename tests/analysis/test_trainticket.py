"""A real system's logs: the service that began to fail comes first. Read in place; nothing of it is in the project."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from bridge.analysis.log_tables import log_lines
from bridge.analysis.novelty import novelties
from tests.analysis.worlds import TIME

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("BRIDGE_CORPORA", ROOT / ".." / "shared" / "corpora")) / "trainticket"
LEVEL = re.compile(r"\b(TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\b")
IDS = re.compile(r"TraceID: \w* SpanID: \w* ?")
COLUMNS = ("level", "service", "trace_id", "message", "file", "account_id", "template_id")


@pytest.mark.corpora
@pytest.mark.parametrize("case_id", ["0843", "0852", "0858"])
def test_the_contacts_service_comes_first(case_id: str) -> None:
    if not FOLDER.is_dir():
        pytest.skip(f"no corpora in {FOLDER}: set BRIDGE_CORPORA to read them")
    case = next(item for item in json.loads((FOLDER / "cases.json").read_text("utf-8")) if item["id"] == case_id)
    began = datetime.fromisoformat(case["injected_at"])
    logs = pa.concat_tables([read(name) for name in case["files"]])
    after = logs.filter(pc.greater_equal(logs["at"], pa.scalar(began, TIME)))
    found = novelties(log_lines([("after", after)]), log_lines([("normal", read("normal_08_50_log.csv"))]))
    top = found.found[0]
    assert (top.service, top.level) == (case["service"], "ERROR")
    assert "[contactsRepository.findById][No contacts according to contactsId]" in top.template
    assert "ContactsServiceImpl" in top.masked
    assert top.traces_before == 0


def read(name: str) -> Any:
    rows = []
    with gzip.open(FOLDER / "logs" / f"{name}.gz", "rt", newline="", encoding="utf-8") as lines:
        for number, row in enumerate(csv.DictReader(lines)):
            message = json.loads(row["Log"])["log"].strip() if row["Log"].startswith("{") else row["Log"]
            level = LEVEL.search(message[:60])
            service = re.match(r"(.*?-service)", row["PodName"])
            rows.append(
                {
                    "at": int(row["TimeUnixNano"]) // 1000,
                    "level": level.group(1) if level else "",
                    "service": service.group(1) if service else row["PodName"],
                    "trace_id": row["TraceID"] or None,
                    "message": IDS.sub("", message),
                    "file": name,
                    "offset": number,
                }
            )
    return pa.Table.from_pylist(rows, schema=pa.schema([("at", TIME), *((c, pa.string()) for c in COLUMNS), ("offset", pa.int64())]))
