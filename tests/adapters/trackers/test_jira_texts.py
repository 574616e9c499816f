"""Issues with their words, for comparing, against the sandbox in both personalities."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from bridge.model.filing import IssueDraft
from tests.adapters import running

MARKER = "bridge-0123456789abcdef0123"
DRAFT = IssueDraft(
    project="REP",
    issue_type="Bug",
    summary="Scheduled exports come out empty",
    description='h2. Summary\nSnapshotCache gave 0 rows. "quoted" AND (odd)',
    labels=("from-support", MARKER),
    fields={"customfield_10105": "S2", "customfield_10104": "2026-03-10T10:05:00+00:00", "customfield_10101": 38},
    marker=MARKER,
)


@pytest.mark.parametrize("personality", ["cloud", "datacenter"])
def test_texts_by_label_and_by_word(personality: str, tmp_path: Path) -> None:
    with (
        running.sandbox(tmp_path, personality="cloud" if personality == "cloud" else "datacenter") as made,
        running.tracker(made.jira_url, tmp_path) as jira,
    ):
        first = jira.create(DRAFT)
        other = jira.create(dataclasses.replace(DRAFT, summary="Login is slow", description="sso", labels=("x", "bridge-" + "1" * 20)))
        found = jira.texts("REP", (), ["snapshotcache", "nothing"])
        assert [item.ref.key for item in found] == [first.key]
        assert found[0].title == DRAFT.summary
        assert "SnapshotCache gave 0 rows." in found[0].body
        assert found[0].labels == DRAFT.labels
        assert found[0].created_at is not None
        assert [item.ref.key for item in jira.texts("REP", [MARKER], ["login"])] == [other.key, first.key]
        assert jira.texts("REP", [], ['x" OR project = "REP', "a b", "-"]) == ()
