"""The same questions to a local session of Spark: `make spark` (needs java; pyspark lives in an environment of its own)."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.adapters.log_sources.sql_clusters import SqlLogs
from bridge.analysis.compare import compare_steps
from bridge.logs.ask import ask
from bridge.logs.options import parse_sources
from bridge.logs.paths import LogFile
from bridge.logs.question import EVER
from bridge.logs.steps_here import steps_of, within
from bridge.logs.store import events_table
from bridge.logs.times import micros
from bridge.workflow.codec import to_plain
from tests.adapters.log_sources import contract
from tests.adapters.log_sources.test_compared import NAMES as ORDERS
from tests.adapters.log_sources.test_compared import START, placeless
from tests.adapters.log_sources.test_compared import events as two_days

COLUMNS = {"at": "ts", "level": "lvl", "service": "svc", "account_id": "account", "trace_id": "trace", "message": "msg", "region": "region"}


@pytest.mark.skipif(not os.environ.get("BRIDGE_SPARK"), reason="make spark runs it: java and an environment with pyspark")
@pytest.mark.filterwarnings("default")
def test_the_answers_are_those_of_files(tmp_path: Path) -> None:
    from pyspark.sql import SparkSession

    from bridge.adapters.databases.spark import SparkDatabase

    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "1")
    session = builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
    try:
        rows = [
            (datetime.fromisoformat(event["at"]).astimezone(UTC), *(event[name] for name in contract.NAMES[1:]))
            for event in contract.EVENTS
        ]
        schema = "ts timestamp, lvl string, svc string, account string, trace string, msg string, region string"
        session.createDataFrame(rows, schema).createOrReplaceTempView("events")
        database = SparkDatabase(name="app", target={"master": "local[1]"}, where="bridge.yaml:7")
        source = SqlLogs(name="app", product="spark", database=database, table="events", columns=COLUMNS)
        contract.check(source, tmp_path)
        assert all(check.ok for check in source.check())
        compared(session, database, tmp_path)
        print(
            f"Spark {session.version}: {len(contract.CASES['questions'])} questions, {len(contract.CASES['counts'])} counts and two comparisons, as from files"
        )
    finally:
        session.stop()


def compared(session: Any, database: Any, folder: Path) -> None:
    """A whole comparison over two days of orders, as from files."""
    schema = "ts timestamp, lvl string, svc string, acc string, tr string, msg string, region string, ms bigint"
    session.createDataFrame(two_days(), schema).createOrReplaceTempView("orders")
    columns = {
        "at": "ts",
        "level": "lvl",
        "service": "svc",
        "account_id": "acc",
        "trace_id": "tr",
        "message": "msg",
        "region": "region",
        "ms": "ms",
    }
    source = SqlLogs(name="app", product="spark", database=database, table="orders", columns=columns)
    path = folder / "orders.jsonl"
    path.write_text(
        "".join(json.dumps(dict(zip(ORDERS, (row[0].isoformat(), *row[1:]), strict=True))) + "\n" for row in two_days()), encoding="utf-8"
    )
    file = LogFile(path=path, name="orders", options=parse_sources({"sources": [{"paths": ["x"]}]}, "")[0])
    noon = micros(START + timedelta(days=1))
    answer = ask([file], contract.question({}, attributes=True))
    table = events_table(answer.rows, answer.rows.order().tolist())
    for by in ("service", "region"):
        there = [source.steps(contract.question({}), by, [window]) for window in ((-EVER, noon), (noon, EVER))]
        here = [steps_of(within(table, [window]), by=by) for window in ((-EVER, noon), (noon, EVER))]
        found, right = (placeless(to_plain(compare_steps(*sides, by=by))) for sides in (there, here))
        assert found == right
        assert found["findings"]
