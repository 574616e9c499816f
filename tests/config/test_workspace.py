from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bridge.config import nearest, workspace, yaml_marks
from bridge.errors import AccessError, ExitCode, InputError, NotFoundError
from bridge.filing.settings import FilingSettings

CASES: list[dict[str, Any]] = yaml_marks.read(Path(__file__).parents[1] / "cases" / "config" / "bad_workspaces.yaml").value

GOOD = """\
format: 1
as_of: 2026-03-17T07:00:00+01:00
currency: USD
tickets: {product: zendesk, url: "http://127.0.0.1:8765/zendesk", user: agent@example.test, token: env:BRIDGE_TEST_TOKEN}
databases:
  app: {product: duckdb, path: data/app.duckdb}
logs:
  app:
    product: files
    sources:
      - {paths: [logs/gateway/*], format: nginx, service: gateway}
views: {folder: sql}
limits: {seconds: 5}
"""


def written(folder: Path, text: str) -> Path:
    (folder / "bridge.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_every_problem_is_named_with_its_place(case: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        workspace.load(written(tmp_path, case["text"]))
    error = caught.value
    said = [(p.where, p.message, p.hint) for p in error.problems] or [(error.where, error.message, error.hint)]
    assert len(said) == len(case["problems"]), said
    for (where, message, hint), wanted in zip(said, case["problems"], strict=True):
        assert where == wanted["where"]
        assert wanted["message"] in message
        assert wanted.get("hint", "") in hint
    assert "hunter2" not in repr(said) + str(error)


def test_settings_and_their_origins(tmp_path: Path) -> None:
    loaded = workspace.load(written(tmp_path, GOOD))
    assert loaded.as_of == datetime(2026, 3, 17, 6, tzinfo=UTC)
    assert loaded.currency == "USD"
    assert loaded.case_prefix == "BR"
    assert loaded.views == workspace.ViewsConfig(database="app", folder=tmp_path.resolve() / "sql")
    assert loaded.limits == workspace.LimitsConfig(rows=10_000_000, seconds=5.0)
    assert loaded.database("").name == "app"
    tickets = loaded.tickets_config()
    assert (tickets.product, tickets.where, tickets.kind) == ("zendesk", "bridge.yaml:4", "tickets")
    assert "product" not in tickets.values
    assert loaded.log_source("app").where == "bridge.yaml:8"
    listed = {s.key: (s.value, s.origin) for s in loaded.settings()}
    assert listed["tickets.token"] == ("'env:BRIDGE_TEST_TOKEN'", "bridge.yaml:4")
    assert listed["limits.rows"] == ("10000000", "default")
    assert listed["limits.seconds"] == ("5.0", "bridge.yaml:13")
    assert listed["logs.app.sources.0.format"] == ("'nginx'", "bridge.yaml:11")


def test_the_page_of_settings_names_the_defaults_that_hold(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "workspace.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `([a-z_.]+)` \| .* \| `?([^`|]+?)`? \|$", page, re.MULTILINE))
    held = {s.key: s.value.strip("'").removesuffix(".0") for s in workspace.load(written(tmp_path, "format: 1\n")).settings()}
    filing = FilingSettings(project="REP", issue_type="Bug")
    held |= {f"filing.{name}": f"{getattr(filing, name):g}" for name in ("settle_seconds", "reopen_days")}
    held |= {"filing.stuck_days": ", ".join(f"{level} {days:g}" for level, days in filing.stuck_days.items())}
    compared = {key: value for key, value in held.items() if key not in {"as_of", "views.database", "views.folder"}}
    assert {key: told[key] for key in compared} == compared


def test_what_is_not_configured_says_what_to_write(tmp_path: Path) -> None:
    loaded = workspace.load(written(tmp_path, GOOD))
    with pytest.raises(InputError, match="has no tracker") as caught:
        loaded.tracker_config()
    assert "product: jira" in caught.value.hint
    with pytest.raises(NotFoundError, match="did you mean 'app'") as unknown:
        loaded.database("appp")
    assert unknown.value.hint == "there is: app"
    with pytest.raises(NotFoundError, match="this workspace has none"):
        workspace.load(written(tmp_path, "format: 1\n")).log_source("app")


def test_secrets_are_read_when_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = workspace.load(written(tmp_path, GOOD))
    secret = loaded.secret_resolver(loaded.tickets_config())
    with pytest.raises(AccessError, match=r"tickets\.token needs the environment variable BRIDGE_TEST_TOKEN") as caught:
        secret("token")
    assert caught.value.exit_code is ExitCode.PERMISSION
    monkeypatch.setenv("BRIDGE_TEST_TOKEN", "made-up\n")
    assert secret("token") == "made-up"
    with pytest.raises(InputError, match=r"tickets\.password is not set") as missing:
        secret("password")
    assert missing.value.where == "bridge.yaml:4"


def test_find_walks_up(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    with pytest.raises(NotFoundError) as caught:
        nearest.find(inner)
    assert "bridge init" in caught.value.hint
    written(tmp_path, GOOD)
    assert nearest.find(inner) == tmp_path.resolve()
    with pytest.raises(NotFoundError) as absent:
        workspace.load(inner)
    assert "bridge init" in absent.value.hint


def test_careless_secret_file_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("made-up", encoding="utf-8")
    (tmp_path / "token").chmod(0o644)
    loaded = workspace.load(written(tmp_path, "format: 1\ntracker: {product: jira, token: file:token}\n"))
    assert ["tracker.token: others on this machine" in problem.message for problem in loaded.warnings()] == [True]
    assert loaded.secret_resolver(loaded.tracker_config())("token") == "made-up"
    (tmp_path / "token").chmod(0o600)
    assert loaded.warnings() == ()
