"""Triage: planted worlds get their label with reasons, worlds without a cause none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from bridge.analysis.analyse import analyse
from bridge.analysis.inputs import AnalysisInputs
from bridge.model.finding import Analysis, Triage
from tests.analysis.worlds import START, TIME, Shape, inputs, world

QUIET = Shape(seed=3, failing=0.001, bursts=1, cause=(("a1", "v0"),))


def judged(analysis: Analysis) -> Triage:
    assert analysis.triage is not None
    said = [finding for finding in analysis.findings if finding.kind == "triage"]
    assert len(said) == 1
    assert said[0].level == ("note" if analysis.triage.nature == "undecided" else "finding")
    for reason in analysis.triage.reasons:
        assert reason.statement
        assert reason.weight in {1, 2}
    if analysis.triage.nature != "undecided":  # never a bare label
        own = [reason for reason in analysis.triage.reasons if reason.about == analysis.triage.nature and reason.speaks_for]
        assert own
        assert all(reason.statement in said[0].statement for reason in own)
    return analysis.triage


def test_what_a_release_broke_for_many_is_a_defect() -> None:
    found = judged(analyse(world(QUIET)))
    assert (found.nature, found.scale) == ("defect", "systemic")
    assert any(reason.about == "user error" and not reason.speaks_for for reason in found.reasons)


def switched() -> AnalysisInputs:
    """Return the same world, but what came before it was a switch, and those who have it switched on are affected."""
    made = world(QUIET)
    changes, population = made.tables["changes"].to_pylist(), made.tables["population"]
    for change in changes:
        if change["name"] == "reporting":
            change |= {"kind": "flag", "name": "fast_export", "version": None}
    place = population.column_names.index("a1")
    flag = pa.array([str(value == "v0").lower() for value in population["a1"].to_pylist()])
    events = made.tables["events"].drop_columns(["version"])
    return replace(
        made,
        tables={
            "events": events,
            "population": population.set_column(place, "fast_export", flag),
            "changes": pa.Table.from_pylist(changes, schema=made.tables["changes"].schema),
        },
    )


def test_what_a_switch_brought_is_configuration() -> None:
    found = judged(analyse(switched()))
    assert (found.nature, found.scale) == ("configuration", "systemic")


def one_account() -> AnalysisInputs:
    """Return a case in which one of 200 accounts fails now and then, from the first day to the last."""
    generator = np.random.default_rng(9)
    size = 4_000
    account = generator.integers(0, 200, size)
    at = np.sort(generator.integers(0, 14 * 86_400, size)) * 1_000_000 + int(START.timestamp()) * 1_000_000
    events = pa.table(
        {
            "account_id": np.array([f"ac-{number}" for number in account]),
            "at": pa.array(at, pa.int64()).cast(TIME),
            "key": [f"k{number}" for number in range(size)],
            "failed": (account == 7) & (generator.random(size) < 0.6),
        }
    )
    population = pa.table({"account_id": [f"ac-{number}" for number in range(200)], "plan": ["team"] * 200})
    changes = pa.table(
        {
            "at": pa.array([START + timedelta(days=5)], TIME),
            "kind": ["release"],
            "name": ["reporting"],
            "version": pa.array(["4.18.0"], pa.string()),
        }
    )
    return inputs(events, population, changes)


def test_what_one_account_does_all_the_time_is_its_own() -> None:
    found = judged(analyse(one_account()))
    assert (found.nature, found.scale) == ("user error", "isolated")
    assert any(reason.about == "defect" and not reason.speaks_for for reason in found.reasons)


@pytest.mark.parametrize("seed", range(3))
def test_without_a_cause_no_label(seed: int) -> None:
    found = judged(analyse(world(Shape(seed=200 + seed, accounts=150, bursts=seed % 4))))
    assert found.nature == "undecided"
