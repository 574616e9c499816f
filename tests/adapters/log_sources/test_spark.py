"""The same questions to a local session of Spark: `make spark` (needs java; pyspark lives in an environment of its own)."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.adapters.log_sources.sql_clusters import SqlLogs
from tests.adapters.log_sources import contract

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
        print(
            f"Spark {session.version}: {len(contract.CASES['questions'])} questions, {len(contract.CASES['counts'])} counts, as from files"
        )
    finally:
        session.stop()
