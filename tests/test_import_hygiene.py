"""What a static graph can't see: which heavy packages are really loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "sqlglot",
    "jira",
    "jinja2",
    "duckdb",
    "loguru",
    "pyarrow",
    "numpy",
    "scipy",
    "requests",
    "rich",
    "yaml",
    "werkzeug",
    "msgspec",
    "psycopg",
)

LIGHT = (
    "bridge.cli.main",
    "bridge.cli.parser",
    "bridge.errors",
    "bridge.plugins",
    "bridge.ports",
    "bridge.resources",
    "bridge.model.case",
    "bridge.model.finding",
)


def loaded_after(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint('\\n'.join(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


def test_help_loads_nothing_heavy() -> None:
    code = "from bridge.cli.main import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"
    assert loaded_after(code).isdisjoint(HEAVY)


@pytest.mark.parametrize("module", LIGHT)
def test_light_modules_stay_light(module: str) -> None:
    assert loaded_after(f"import {module}").isdisjoint(HEAVY)


def test_the_check_can_fail() -> None:
    assert "yaml" in loaded_after("import bridge.config.workspace")


@pytest.mark.parametrize(
    "room", ["analysis.analyse", "filing.ledger", "reporting.facts", "sql.prepare", "logs.store", "catalog.catalog", "workflow.investigate"]
)
def test_the_core_loads_no_client_or_driver(room: str) -> None:
    assert loaded_after(f"import bridge.{room}").isdisjoint({"jira", "requests", "urllib3", "psycopg", "werkzeug"})
