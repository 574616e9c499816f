"""What Jira would refuse is told before the first write, all at once, with what mends it; both personalities."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.model.filing import IssueDraft
from bridge.sandbox.calls import Personality
from tests.adapters import running
from tests.adapters.trackers.test_jira import control

CASES: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parents[2] / "cases" / "adapters" / "preflight.yaml").read_text(encoding="utf-8")
)
DRAFT = IssueDraft(
    project="REP",
    issue_type="Bug",
    summary="Exports are empty",
    description="h2. Summary",
    labels=("from-support", "bridge-0123456789abcdef0123"),
    fields={"customfield_10105": "S2", "customfield_10101": 38},
    marker="bridge-0123456789abcdef0123",
    figures=("customfield_10101",),
)
LONG = "x" * 40_000


def drafted(changes: dict[str, Any]) -> IssueDraft:
    values: dict[str, Any] = {name: value.replace("LONG", LONG) if isinstance(value, str) else value for name, value in changes.items()}
    if "labels" in values:
        values["labels"] = tuple(values["labels"])
    return dataclasses.replace(DRAFT, **values)


@pytest.mark.parametrize("personality", ["cloud", "datacenter"])
def test_every_problem(tmp_path: Path, personality: Personality) -> None:
    with running.sandbox(tmp_path, personality=personality) as sandbox, running.tracker(sandbox.jira_url, tmp_path) as maker:
        assert [check for check in maker.preflight(DRAFT, ()) if not check.ok] == []  # before there is any issue
        issue = maker.create(DRAFT)
        for case in CASES:
            control(
                sandbox,
                "project",
                **{"off_screen": [], "edit_off_screen": [], "denied": [], "off_link_types": [], **case.get("project", {})},
            )
            with running.tracker(sandbox.jira_url, tmp_path, **case.get("options", {})) as jira:
                checks = jira.preflight(drafted(case.get("draft", {})), (), issue if case.get("joined") else None)
            found = [check for check in checks if not check.ok]
            wanted = [tuple(item) for item in case.get("wanted", [])]
            assert [check.what for check in found] == [what for what, _, _ in wanted], (case["name"], found)
            for check, (_, words, hint) in zip(found, wanted, strict=True):
                assert words in check.detail, case["name"]
                assert hint in check.hint, case["name"]
        assert len(sandbox.journal()) == 1
