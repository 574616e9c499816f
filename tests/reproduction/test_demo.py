"""The demo's reproduction, from the recorded session to the fix, over real sockets and through the command line."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from bridge.cli.main import main
from bridge.demo.truth import DEFAULT_TRUTH
from bridge.demo.workspace import write_workspace
from bridge.errors import ExitCode
from bridge.sandbox.seed import from_json
from bridge.sandbox.server import RunningSandbox, start

ESSENTIAL = [
    "POST /api/v1/sessions",
    "POST /api/v1/filters",
    "POST /api/v1/reports",
    "PUT /api/v1/flags/{flag}",
    "POST /api/v1/reports/{report}/exports",
    "GET /api/v1/exports/{export}",
]


def bridge(folder: Path, *words: str) -> int:
    return main([*words, "--workspace", str(folder)])


def said(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = bridge(folder, *words, "--output", "json")
    return code, json.loads(capsys.readouterr().out)


def executed(folder: Path, sandbox: RunningSandbox, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    variables = {
        "PATH": os.environ["PATH"],
        "BRIDGE_TARGET": f"{sandbox.url}/product",
        "BRIDGE_USER": "qa@exemplar.example",
        "BRIDGE_PASSWORD": "sandbox",
        **more,
    }
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=60, check=False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.timeout(400)
def test_reproduced_shrunk_attached_and_proven_fixed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: PLR0915 - one road
    port = free_port()
    workspace = tmp_path / "workspace"
    made = write_workspace(workspace, DEFAULT_TRUTH, sandbox_url=f"http://127.0.0.1:{port}", log_megabytes=0.2)
    with start(workspace / "sandbox.sqlite", port=port, seed=from_json(made.seed)) as sandbox:
        assert bridge(workspace, "investigate", *made.tickets, "--with", made.investigation) == ExitCode.DONE

        code, dry = said(capsys, workspace, "reproduce", "BR-0001", "--target", "staging")
        assert code == ExitCode.DONE
        assert dry["failure"] == "GET /api/v1/exports/{export} answers 200 with rows == 0 and source_rows > 0"
        assert dry["would_send"]["requests_a_replay"] > 150
        assert not [entry for entry in sandbox.journal(everything=True) if entry.path.startswith("/product/")]

        code, verdict = said(capsys, workspace, "reproduce", "BR-0001", "--target", "staging", "--send", "--runs", "5")
        assert code == ExitCode.DONE
        assert (verdict["verdict"], verdict["seen"], verdict["runs"], verdict["kept"]) == ("reproduced", 5, 5, 6)
        assert [f"{step['method']} {step['route']}" for step in verdict["steps"]] == ESSENTIAL
        assert [step["clock"] is not None for step in verdict["steps"]] == [False] * 4 + [True, False]

        files = workspace / "cases" / "BR-0001" / "reproduction"
        assert sorted(verdict["files"]) == sorted(
            ["test_reproduction.py", "reproduce.sh", "reproduce.http", "reproduce.hurl", "run.har", "scenario.json"]
        )
        everything = "".join(path.read_text() for path in files.iterdir())
        assert "reports@" not in everything
        assert json.loads((files / "run.har").read_text())["log"]["version"] == "1.2"

        alone = tmp_path / "alone"
        alone.mkdir()
        shutil.copy(files / "test_reproduction.py", alone)
        pytest_command = (sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "-p", "no:randomly", "test_reproduction.py")
        ran = executed(alone, sandbox, *pytest_command)
        assert "REPRODUCED" in ran.stdout, ran.stdout
        assert ran.returncode == 0
        assert executed(alone, sandbox, *pytest_command, BRIDGE_EXPECT="fixed").returncode == 1
        ran = executed(files, sandbox, "bash", "reproduce.sh")
        assert (ran.returncode, "the failure is there" in ran.stdout) == (0, True), ran.stderr

        assert bridge(workspace, "report", "BR-0001") == ExitCode.DONE
        case = workspace / "cases" / "BR-0001"
        report = (case / "report" / "report.md").read_text()
        assert "6 of 1" in report
        assert "reproduced, 5 of 5" in report
        assert "POST /api/v1/reports/{report}/exports" in report
        assert (case / "attachments" / "test_reproduction.py").is_file()
        assert json.loads((case / "report" / "filing.json").read_text())["gates"] == []

        assert verdict["environment"] == {"product": "reporting", "version": "4.18.0"}
        assert "version 4.18.0" in report

        code, still = said(capsys, workspace, "verify", "BR-0001", "--target", "staging")
        assert (code, still["verdict"], still["runs"], still["comment"]) == (ExitCode.NO, "still failing", 1, "")
        assert bridge(workspace, "file", "BR-0001", "--yes") == ExitCode.DONE
        sent = len(sandbox.journal(everything=True))
        code, dry = said(capsys, workspace, "verify", "BR-0001", "--target", "staging", "--dry-run")
        assert (code, dry["would_send"]["issue"], len(dry["would_send"]["routes"])) == (ExitCode.DONE, "REP-1", 6)
        assert len(sandbox.journal(everything=True)) == sent
        assert main(["sandbox", "fix", "--port", str(port)]) == ExitCode.DONE
        verify = ("verify", "BR-0001", "--target", "staging")
        code, fixed = said(capsys, workspace, *verify)
        assert (code, fixed["verdict"], fixed["runs"]) == (ExitCode.DONE, "fixed", fixed["needed"])
        assert fixed["comment"] == "not written"
        for wanted in ("written", "already"):
            code, fixed = said(capsys, workspace, *verify, "--yes")
            assert (code, fixed["comment"]) == (ExitCode.DONE, wanted)
        comments = [entry for entry in sandbox.journal(everything=True) if entry.method == "POST" and entry.path.endswith("/comment")]
        assert len(comments) == 1
        assert {(step["before"], step["now"]) for step in fixed["steps"]} >= {(200, 200), (202, 202)}
        assert executed(alone, sandbox, *pytest_command).returncode == 1
        assert executed(alone, sandbox, *pytest_command, BRIDGE_EXPECT="fixed").returncode == 0
        assert executed(files, sandbox, "bash", "reproduce.sh").returncode == 1


@pytest.mark.timeout(400)
@pytest.mark.skipif(not os.environ.get("BRIDGE_FRESH_ENVIRONMENT"), reason="fetches pytest from the registry: make reproduction-file")
def test_the_demo_s_file_is_green_in_an_empty_environment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace, port = tmp_path / "workspace", free_port()
    made = write_workspace(workspace, DEFAULT_TRUTH, sandbox_url=f"http://127.0.0.1:{port}", log_megabytes=0.2)
    with start(workspace / "sandbox.sqlite", port=port, seed=from_json(made.seed)) as sandbox:
        assert bridge(workspace, "investigate", *made.tickets, "--with", made.investigation) == ExitCode.DONE
        code, _ = said(capsys, workspace, "reproduce", "BR-0001", "--target", "staging", "--send", "--runs", "5")
        assert code == ExitCode.DONE
        venv.create(tmp_path / "fresh", with_pip=True)
        interpreter = str(tmp_path / "fresh" / "bin" / "python")
        subprocess.run([interpreter, "-m", "pip", "install", "--quiet", "pytest"], check=True, timeout=200)
        alone = tmp_path / "alone"
        alone.mkdir()
        shutil.copy(workspace / "cases" / "BR-0001" / "reproduction" / "test_reproduction.py", alone)
        ran = executed(alone, sandbox, interpreter, "-m", "pytest", "-q", "-s", "test_reproduction.py")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert "REPRODUCED" in ran.stdout
        listed = executed(alone, sandbox, interpreter, "-m", "pip", "list", "--format=freeze").stdout
        print(f"in the environment: {' '.join(sorted(listed.split()))}\n{ran.stdout.strip()}")


def test_a_target_that_is_not_allowed_gets_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = tmp_path / "workspace"
    made = write_workspace(workspace, DEFAULT_TRUTH, sandbox_url="http://127.0.0.1:9", log_megabytes=0.2)
    assert made.log_lines > 0
    settings = (workspace / "bridge.yaml").read_text()
    recording = next((workspace / "recordings").iterdir())
    lines = [json.loads(line) for line in recording.read_text().splitlines()]
    anchor = next(
        n
        for n, line in enumerate(lines, start=1)
        if (line["response_body"] or {}).get("rows") == 0 and line["response_body"]["source_rows"] > 0
    )
    words = ("reproduce", "BR-0001", "--target", "staging", "--anchor", str(anchor), "--check", "rows == 0", "--har", str(recording))
    (workspace / "bridge.yaml").write_text(settings.replace("http://127.0.0.1:9/product", "https://reporting.example.com"))
    code, dry = said(capsys, workspace, *words)
    assert code == ExitCode.REFUSED
    assert "recording" in dry["refused"][0]["message"]
    (workspace / "bridge.yaml").write_text(settings.replace("writes: true", "writes: false"))
    code, dry = said(capsys, workspace, *words)
    assert code == ExitCode.REFUSED
    assert "may write" in dry["refused"][0]["message"]
