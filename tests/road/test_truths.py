"""Other companies with other truths (hour, width, counts, cause, release): the investigation follows, decoys stay out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from bridge.demo.truth import random_truth
from bridge.demo.workspace import DemoWorkspace
from tests.road.kit import Workspace, make

SEEDS = range(1, 1 + int(os.environ.get("BRIDGE_TRUTHS", "3")))
"""BRIDGE_TRUTHS=10 for more (`make faults-long`); tests/analysis/test_demo_truth.py asks ten of the analysis alone."""


@pytest.mark.parametrize("seed", SEEDS)
def test_the_investigation_follows_the_truth(seed: int, tmp_path: Path, open_workspace: Callable[[Path, DemoWorkspace], Workspace]) -> None:
    truth = random_truth(seed)
    made = make(tmp_path / "company", truth, 0.3)
    workspace = open_workspace(tmp_path / "company", made)
    done = workspace.run("investigate", *made.tickets, "--with", made.investigation, "--include-found")
    assert done.code == 0, done.err
    found = json.loads(workspace.case_file("findings.json").read_text())
    planted = workspace.planted

    affected = found["cohort"]["affected"]
    assert {a["account_id"] for a in affected} == set(planted["affected"])
    assert len(affected) == truth.affected
    assert {a["account_id"] for a in affected if a["tickets"]} == set(planted["wrote"])
    assert {t for a in affected for t in a["tickets"]} == {t["id"] for t in planted["tickets"] if t["about"] == "defect"}
    assert Decimal(found["impact"]["arr"]) == Decimal(planted["arr"])

    change = found["onset"]["change"]
    assert (change["kind"], change["name"], change["version"]) == ("release", "reporting", truth.release_version)
    assert datetime.fromisoformat(change["at"]) == truth.released_at

    by_axis = {c["axis"]: c for c in found["concentrations"]}
    day = by_axis["time of day"]
    # The planted stretch holds every failure; the tightest one that does may be a few minutes shorter at either end.
    assert truth.refresh_minute <= day["start_minute"] < day["end_minute"] <= truth.refresh_minute + truth.width_minutes
    assert day["end_minute"] - day["start_minute"] >= truth.width_minutes - 5
    assert day["inside"] == day["total"]
    assert by_axis["after event"]["event"] == "job cache-refresh"

    cause = {(c.attribute, c.value) for c in truth.cause}
    named = {(c["attribute"], c["value"]) for c in found["contrasts"][0]["conditions"]}
    assert named == cause
