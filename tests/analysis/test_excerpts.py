from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from bridge.analysis.analyse import analyse
from bridge.analysis.inputs import AnalysisInputs
from bridge.model.finding import Analysis
from tests.analysis.worlds import TIME, Shape, world

PLANTED = Shape(seed=3, failing=0.001, bursts=0, cause=(("a1", "v0"),), accounts=200)


def with_logs(lines_each: int) -> tuple[AnalysisInputs, Analysis]:
    inputs = world(PLANTED)
    events = inputs.tables["events"]
    traces = [f"tr-{key}" for key in events["key"].to_pylist()]
    events = events.append_column("trace_id", pa.array(traces, pa.string()))
    failing = np.flatnonzero(events["failed"].to_numpy(zero_copy_only=False))
    rows: list[dict[str, Any]] = []
    for row in failing.tolist():
        at = events["at"][row].cast(pa.int64()).as_py()
        account = events["account_id"][row].as_py()
        rows += [_line(at + n, "INFO", account, traces[row], f"step {n}") for n in range(lines_each)]
        rows.append(_line(at - 60_000_000, "WARN", None, None, "snapshot refresh is running"))
    schema = pa.schema(
        [
            ("at", TIME),
            *(
                (name, pa.string())
                for name in ("level", "service", "account_id", "trace_id", "message", "template_id", "attributes", "file")
            ),
            ("offset", pa.int64()),
        ]
    )
    logs = pa.Table.from_pylist(rows, schema=schema)
    inputs = replace(inputs, tables={**inputs.tables, "events": events, "logs": logs})
    return inputs, analyse(inputs)


def _line(at: int, level: str, account: str | None, trace: str | None, message: str) -> dict[str, Any]:
    return {
        "at": at,
        "level": level,
        "service": "exports",
        "account_id": account,
        "trace_id": trace,
        "message": message,
        "template_id": None,
        "attributes": "{}",
        "file": "x.log",
        "offset": at % 1000,
    }


def test_the_biggest_account_and_the_newest_failure_are_shown_with_what_the_system_did() -> None:
    _, analysis = with_logs(3)
    assert analysis.cohort is not None
    assert 1 <= len(analysis.excerpts) <= 2
    first = analysis.excerpts[0]
    assert analysis.cohort.affected[0].name in first.why
    assert [line.message for line in first.lines if line.trace_id] == ["step 0", "step 1", "step 2"]
    assert any(line.message == "snapshot refresh is running" for line in first.lines)
    assert [line.at for line in first.lines] == sorted(line.at for line in first.lines)
    assert {line.account_id for line in first.lines if line.trace_id} == {analysis.cohort.affected[0].account_id}


def test_long_traces_are_cut_in_the_middle_and_counted() -> None:
    _, analysis = with_logs(40)
    assert {excerpt.left_out for excerpt in analysis.excerpts} == {15}
    messages = [line.message for line in analysis.excerpts[0].lines if line.trace_id]
    assert (messages[0], messages[-1]) == ("step 0", "step 39")
