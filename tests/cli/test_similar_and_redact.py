"""`bridge similar` and `bridge redact` as a person and a program run them."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from bridge.cli.main import main
from bridge.errors import ExitCode
from bridge.sandbox.seed import AGENT_MAIL
from tests.adapters import running

CORPUS = [
    {"id": "A-1", "created": "2026-01-01T00:00:00Z", "title": "Exports are empty", "body": "no rows after the refresh"},
    {"id": 2, "created": "2026-02-01T00:00:00Z", "title": "Login is slow", "body": "sso"},
]


@pytest.fixture
def issues(tmp_path: Path) -> Path:
    path = tmp_path / "issues.jsonl"
    path.write_text("".join(json.dumps(item) + "\n" for item in CORPUS), encoding="utf-8")
    return path


def given(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_queries_are_answered_in_order(issues: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    queries = tmp_path / "queries.jsonl"
    queries.write_text('{"id": "Q", "created": "2026-01-15T00:00:00Z", "title": "slow login, empty export"}\nx\n', encoding="utf-8")
    arguments = [
        "similar",
        "--corpus",
        str(issues),
        "--queries",
        str(queries),
        "-k",
        "5",
        "--output",
        "jsonl",
        "--index",
        str(tmp_path / "i.npz"),
    ]
    for _ in range(2):
        assert main(arguments) == ExitCode.DONE
        first, second = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert first["id"] == "Q"
        assert {item["id"] for item in first["candidates"]} == {"A-1", 2}
        assert set(first["candidates"][0]) == {"id", "score", "verdict", "why"}
        assert "error" in second
    assert main([*arguments, "--older-only"]) == ExitCode.DONE
    assert [item["id"] for item in json.loads(capsys.readouterr().out.splitlines()[0])["candidates"]] == ["A-1"]


@pytest.mark.parametrize("arguments", [[], ["--queries", "x"], ["--corpus", "nowhere", "--queries", "nowhere"], ["x", "-k", "0"]])
def test_wrong_questions_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["similar", *arguments]) == ExitCode.INPUT
    assert "error:" in capsys.readouterr().err


def test_a_text_is_looked_for_in_tracker_and_known_issues(
    issues: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRACKER_TOKEN", "sandbox")
    text = tmp_path / "report.txt"
    text.write_text("# Empty exports\nno rows", encoding="utf-8")
    with running.sandbox(tmp_path) as made:
        tracker = (
            f"{{product: jira, url: '{made.jira_url}', user: {AGENT_MAIL}, token: 'env:TRACKER_TOKEN', project: REP, issue_type: Bug}}"
        )
        (tmp_path / "bridge.yaml").write_text(f"format: 1\ntracker: {tracker}\n", encoding="utf-8")
        arguments = ["similar", str(text), "--corpus", str(issues), "--workspace", str(tmp_path), "--output", "json"]
        assert main(arguments) == ExitCode.DONE
        document = json.loads(capsys.readouterr().out)
        assert document["candidates"][0]["id"] == "A-1"
        assert [line.split()[1] for line in document["searched"]] == ["known", "issue(s)"]
    assert main(arguments) == ExitCode.DONE
    assert "not the tracker" in json.loads(capsys.readouterr().out)["searched"][1]


def test_redact_takes_text_and_known_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    known = tmp_path / "known.txt"
    known.write_text("Anna Example\n", encoding="utf-8")
    given(monkeypatch, b"anna.example: a@b.example, 203.0.113.7 \xff\n")
    monkeypatch.setenv("REDACT_KEY", "k")
    assert main(["redact", "--known", str(known), "--keep", "IP_ADDRESS", "--pseudonyms", "env:REDACT_KEY"]) == ExitCode.DONE
    out = capfdbinary.readouterr().out
    assert out.startswith(b"[value-")
    assert b"[e-mail-" in out
    assert out.endswith(b"203.0.113.7 \xff\n")
    given(monkeypatch, b'{"id": 1, "text": "a@b.example"}\n?\n')
    assert main(["redact", "--spans"]) == ExitCode.DONE
    first, second = capfdbinary.readouterr().out.splitlines()
    assert json.loads(first)["spans"][0]["type"] == "EMAIL_ADDRESS"
    assert "error" in json.loads(second)


@pytest.mark.parametrize("arguments", [["--keep", "NOPE"], ["--known", "nowhere"]])
def test_redact_refuses_wrong_settings(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["redact", *arguments]) == ExitCode.INPUT
    assert "error:" in capsys.readouterr().err
