"""severity.yaml: a workspace's own policy, checked as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.analysis.severity import GITLAB_2026_11
from bridge.errors import InputError
from bridge.workflow.severity_policy import policy


def test_without_a_file_the_built_in_policy_holds(tmp_path: Path) -> None:
    assert policy(tmp_path) == GITLAB_2026_11


def test_what_the_file_leaves_out_is_built_in(tmp_path: Path) -> None:
    text = "id: acme-2026-12\nshares: {S1: 0.3, S2: 0.1, S3: 0}\nblocked: S2\ntop_plans: [Gold, platinum]\n"
    (tmp_path / "severity.yaml").write_text(text, encoding="utf-8")
    found = policy(tmp_path)
    assert (found.id, found.blocked, found.top_plans) == ("acme-2026-12", "S2", ("gold", "platinum"))
    assert found.shares == ((0.3, "S1"), (0.1, "S2"), (0.0, "S3"), (0.0, "S4"))
    assert (found.data_loss, found.worked_share) == (GITLAB_2026_11.data_loss, GITLAB_2026_11.worked_share)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "id is missing"),
        ("id: gitlab-2026-11", "id can't be 'gitlab-2026-11'"),
        ("id: a\nblockd: S1", "unknown key 'blockd'"),
        ("id: a\nblocked: S5", "blocked can't be 'S5'"),
        ("id: a\nshares: {S1: 0.1, S2: 0.5, S3: 0}", "shares can't be"),
        ("id: a\nworked_share: true", "worked_share can't be True"),
        ("id: a\ntop_plans: enterprise", "top_plans can't be 'enterprise'"),
    ],
)
def test_every_problem_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "severity.yaml").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(InputError) as error:
        policy(tmp_path)
    assert message in error.value.problems[0].message
    assert "severity.yaml" in error.value.problems[0].where


def test_several_problems_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "severity.yaml").write_text("blocked: S5\nshare: 1\n", encoding="utf-8")
    with pytest.raises(InputError) as error:
        policy(tmp_path)
    assert len(error.value.problems) == 3
