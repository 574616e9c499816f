"""The state survives restarts, kills and many threads."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from bridge.errors import InputError
from bridge.sandbox.seed import SandboxSeed, SeedTicket
from bridge.sandbox.server import RunningSandbox, is_running, start

Start = Callable[..., RunningSandbox]


def test_a_restart_keeps_everything_and_ignores_a_new_seed(start_sandbox: Start, http: requests.Session, bug: dict[str, Any]) -> None:
    first = start_sandbox("cloud")
    http.post(f"{first.jira_url}/rest/api/2/issue", json={"fields": bug}, timeout=10)
    assert http.post(f"{first.jira_url}/rest/api/2/issue", json={"fields": {**bug, "summary": ""}}, timeout=10).status_code == 400
    first.stop()
    first.stop()
    second = start_sandbox("datacenter", seed=SandboxSeed())
    assert http.get(f"{second.jira_url}/rest/api/2/issue/REP-1", timeout=10).json()["fields"]["summary"] == bug["summary"]
    assert http.post(f"{second.jira_url}/rest/api/2/issue", json={"fields": bug}, timeout=10).json()["key"] == "REP-3"
    assert "1001" in requests.get(f"{second.url}/zendesk/agent/tickets", timeout=10).text
    assert len(second.journal()) == 3


def test_many_threads_get_many_keys(cloud: RunningSandbox, bug: dict[str, Any]) -> None:
    def create(_number: int) -> str:
        answer = requests.post(
            f"{cloud.jira_url}/rest/api/2/issue", json={"fields": bug}, auth=("agent@example.test", "sandbox"), timeout=30
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["key"])

    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(create, range(40)))
    assert sorted(keys, key=lambda key: int(key[4:])) == [f"REP-{number}" for number in range(1, 41)]


_SERVE = """
import sys
from pathlib import Path
from bridge.sandbox.server import serve
serve(Path(sys.argv[1]), 0, ready=lambda url: print(url, flush=True))
"""


def test_a_killed_server_loses_no_answered_write(tmp_path: Path, http: requests.Session, bug: dict[str, Any]) -> None:
    state = tmp_path / "sandbox.sqlite"
    environment = {**os.environ, "BRIDGE_TRACKER_TOKEN": "another", "BRIDGE_TICKETS_TOKEN": "another"}
    with subprocess.Popen([sys.executable, "-c", _SERVE, str(state)], stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        address = f"{url}/jira/rest/api/2/issue"
        assert is_running(url)
        assert http.post(address, json={"fields": bug}, timeout=10).status_code == 401
        assert requests.post(address, json={"fields": bug}, auth=("agent@example.test", "another"), timeout=10).status_code == 201
        process.send_signal(signal.SIGKILL)
    assert not is_running(url)
    with start(state) as again:
        assert http.get(f"{again.jira_url}/rest/api/2/issue/REP-1", timeout=10).status_code == 200


def test_it_listens_on_loopback_only(cloud: RunningSandbox) -> None:
    assert cloud._server.server_address[0] == "127.0.0.1"


def test_a_taken_port_and_a_foreign_file_are_told(tmp_path: Path, cloud: RunningSandbox) -> None:
    with pytest.raises(InputError, match=f"127.0.0.1:{cloud.port}"):
        start(tmp_path / "other.sqlite", port=cloud.port)
    foreign = tmp_path / "notes.txt"
    foreign.write_text("these are my notes, not a database, and they stay as they are" * 10)
    with pytest.raises(InputError, match="not a sandbox state"):
        start(foreign)
    assert foreign.read_text().startswith("these are my notes")


def test_times_need_a_zone(tmp_path: Path) -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    naive = SeedTicket(id=1001, subject="x", description="x", requester_id=1, created_at=at.replace(tzinfo=None), updated_at=at)
    with pytest.raises(ValueError, match="without a zone"):
        start(tmp_path / "sandbox.sqlite", seed=SandboxSeed(tickets=(naive,)))
