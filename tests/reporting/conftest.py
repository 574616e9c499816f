"""Facts for the report's tests, from JSON under tests/cases/reporting."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.reporting import example
from bridge.reporting.build import Report, build, find_template
from bridge.reporting.facts import ReportFacts

CASES = Path(__file__).parent.parent / "cases" / "reporting"
CORPORA = Path(os.environ.get("BRIDGE_CORPORA", str(Path(__file__).parents[2].parent / "shared" / "corpora")))


@pytest.fixture(scope="session")
def load() -> Callable[[str], ReportFacts]:
    return example.load


@pytest.fixture(scope="session")
def reports(load: Callable[[str], ReportFacts]) -> dict[str, Report]:
    return {name: build(load(name), find_template("bug_report")) for name in ("empty-exports", "new-errors")}


@pytest.fixture(scope="session")
def hostile() -> tuple[str, ...]:
    return tuple(json.loads((CASES / "hostile.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of the shared corpora; the test is skipped without it."""
    if not CORPORA.is_dir():
        pytest.skip(f"needs {CORPORA}: set BRIDGE_CORPORA to the folder of the corpora")
    return CORPORA


@pytest.fixture(scope="session")
def corpus(corpora: Path) -> tuple[str, ...]:
    """Every string of the shared text corpora."""
    folder = corpora / "text"
    found: list[str] = []
    for path in sorted(folder.iterdir()):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".txt":
            found += text.splitlines()
        elif path.suffix == ".json":
            found += [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in json.loads(text)]
    return tuple(found)
