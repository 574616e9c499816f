"""`bridge templates`: the workspace's lie over the built-in ones, a mistake names file and line, a preview writes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bridge.cli.main import main


@pytest.fixture
def workspace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    folder = tmp_path / "ws"
    assert main(["init", str(folder)]) == 0
    (folder / "templates").mkdir(exist_ok=True)
    capsys.readouterr()
    return folder


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = main(["templates", *words, "--output", "json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_workspaces_templates_lie_over_the_built_in_ones(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workspace / "templates" / "bug_report.md.j2").write_text("{# Ours. #}\n# {{ title }}\n\n## One\n\nx\n")
    (workspace / "templates" / "handover.md.j2").write_text("{# For: lead. #}\n# {{ problem }}\n\nx\n")
    code, answer = asked(capsys, "list", "--workspace", str(workspace))
    rows = {row["name"]: row for row in answer["templates"]}
    assert code == 0
    assert rows["bug_report"]["origin"] == "workspace, instead of the built-in one"
    assert (rows["handover"]["origin"], rows["handover"]["for"]) == ("workspace", "lead")
    assert rows["customer_update_de"]["for"] == "customer"
    assert rows["regression"]["origin"] == "built-in"
    assert len(rows) == 13


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("{# x #}\n# {{ title }}\n\n{{ onsett }}\n", 4, "'onsett' is undefined"),
        ("# {{ title }}\n\n{% for %}\n", 3, "template syntax"),
        ("# {{ title }}\n\n{{ severity.level }}\n", 3, "None"),
    ],
)
def test_a_mistake_names_file_and_line(workspace: Path, capsys: pytest.CaptureFixture[str], text: str, line: int, message: str) -> None:
    path = workspace / "templates" / "ours.md.j2"
    path.write_text(text)
    for name in ("ours", str(path)):
        code, answer = asked(capsys, "check", name, "--workspace", str(workspace))
        assert code == 1
        (row,) = answer["templates"]
        assert message in json.dumps(row)
        assert row["problems"][0]["where"] == f"{path}:{line}"


def test_a_template_that_passes_no_gate_says_which(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workspace / "templates" / "ours.md.j2").write_text("# {{ title }}\n\n## Why\n\nIt is caused by the cache.\n\n## Empty\n")
    assert main(["templates", "check", "ours", "--workspace", str(workspace)]) == 1
    shown = capsys.readouterr().out
    assert "G8: a cause is stated as a fact" in shown
    assert "G2: the section 'Empty' is empty" in shown


def test_the_built_in_templates_pass(capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = asked(capsys, "check")
    assert code == 0, answer


@pytest.mark.parametrize(("markup", "begins"), [("markdown", "# Scheduled"), ("wiki", ""), ("adf", "{"), ("html", "<!doctype html>")])
def test_a_preview_in_each_format(markup: str, begins: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["templates", "preview", "regression", "--as", markup]) == 0
    assert capsys.readouterr().out.startswith(begins)


def test_an_unknown_template_is_told_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["templates", "preview", "regresion"]) == 2
    assert "did you mean 'regression'?" in capsys.readouterr().err
