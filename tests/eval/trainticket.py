"""From the logs of a real system to the service at fault: `logs compare` on faults injected into TrainTicket.

For each case: the fault-free window against the lines after the fault, logs alone; cases.json is read for the truth
only. Run: make eval-trainticket   (BRIDGE_CORPORA, default ../shared/corpora; nothing of it is in the project)
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bridge.analysis.compare import compare
from bridge.analysis.comparison import Comparison

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("BRIDGE_CORPORA", ROOT / ".." / "shared" / "corpora")) / "trainticket"
NORMAL = "normal_08_50_log.csv"
TIME = pa.timestamp("us", tz="UTC")
SERVICE_BAR, REGION_BAR, LISTED = 6, 5, 3
_LINE = re.compile(
    r"^\d\d:\d\d:\d\d\.\d{3}\s+(?P<level>[A-Z]+)\s+(?P<position>\S+)\s+TraceID: \S* SpanID: \S*\s+(?P<message>.*)", re.DOTALL
)
_POD = re.compile(r"^(.+?)-[0-9a-f]{8,10}-[0-9a-z]{5}$")
_COLUMNS = ("level", "service", "account_id", "trace_id", "message", "attributes", "file")


def read(name: str) -> pa.Table:
    """Return the events of one file, as `bridge demo --real` maps them: level and position out of the message."""
    rows: list[dict[str, Any]] = []
    with gzip.open(FOLDER / "logs" / f"{name}.gz", "rt", newline="", encoding="utf-8") as lines:
        for number, row in enumerate(csv.DictReader(lines)):
            text = json.loads(row["Log"])["log"].strip() if row["Log"].startswith("{") else row["Log"].strip()
            parts = _LINE.match(text)
            pod = _POD.match(row["PodName"])
            rows.append(
                {
                    "at": int(row["TimeUnixNano"]) // 1000,
                    "level": parts["level"] if parts else "",
                    "service": pod[1] if pod else row["PodName"],
                    "trace_id": row["TraceID"] or None,
                    "message": parts["message"] if parts else text,
                    "attributes": json.dumps({"position": parts["position"]}) if parts else "{}",
                    "file": name,
                    "offset": number,
                }
            )
    return pa.Table.from_pylist(rows, schema=pa.schema([("at", TIME), *((c, pa.string()) for c in _COLUMNS), ("offset", pa.int64())]))


def answer(case: dict[str, Any], normal: pa.Table) -> Comparison:
    """Compare the fault-free window with the lines after the fault."""
    logs = pa.concat_tables([read(name) for name in case["files"]])
    began = pa.scalar(datetime.fromisoformat(case["injected_at"]), TIME)
    return compare(normal, logs.filter(pc.greater_equal(logs["at"], began)))


def region_place(case: dict[str, Any], found: Comparison) -> int | None:
    """Return the place (from 1) of the first finding that shows a position of the code region."""
    wanted = {part for part in re.split(r"_", case["code_region"]) if "#" in part}
    for place, item in enumerate(found.findings, 1):
        shown = {item.position, item.follows_position, item.instead_position} - {None}
        if wanted & shown and item.group == case["service"]:
            return place
    return None


def main() -> int:
    """Print the table; 1 below the bars."""
    if not FOLDER.is_dir():
        print(f"skipped: no {FOLDER}; set BRIDGE_CORPORA")
        return 0
    normal = read(NORMAL)
    services = regions = 0
    print(f"{'case':<6} {'service at fault':<22} {'place':>5} {'region':>6} {'q':>9} {'s':>5}  first finding")
    for case in json.loads((FOLDER / "cases.json").read_text("utf-8")):
        started = time.process_time()
        found = answer(case, normal)
        seconds = time.process_time() - started
        names = [group.group for group in found.groups]
        place = names.index(case["service"]) + 1 if case["service"] in names else 0
        region = region_place(case, found)
        services += place == 1
        regions += region is not None and region <= LISTED
        q = f"{found.findings[0].q_value:.1e}" if found.findings else ""
        print(
            f"{case['id']:<6} {case['service']:<22} {place or '-':>5} {region or '-':>6} {q:>9} {seconds:5.1f}  "
            f"{found.findings[0].statement[:110] if found.findings else 'nothing found'}"
        )
    print(f"service first: {services} (bar {SERVICE_BAR}), code region among the first {LISTED}: {regions} (bar {REGION_BAR})")
    return int(services < SERVICE_BAR or regions < REGION_BAR)


if __name__ == "__main__":
    sys.exit(main())
