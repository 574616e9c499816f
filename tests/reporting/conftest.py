"""Facts for the report's tests, from JSON under tests/cases/reporting."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.model.case import Case
from bridge.model.change import Change
from bridge.model.evidence import Provenance
from bridge.model.finding import Analysis
from bridge.model.investigation import Expectation, Investigation, WorkaroundCheck
from bridge.reporting.build import Report, build, find_template
from bridge.reporting.facts import ReportFacts

CASES = Path(__file__).parent.parent / "cases" / "reporting"
CORPORA = Path(os.environ.get("BRIDGE_CORPORA", str(Path(__file__).parents[2].parent / "shared" / "corpora")))


def _investigation(data: dict[str, Any]) -> Investigation:
    expected, workaround = data.pop("expected"), data.pop("workaround")
    lists = {name: tuple(value) for name, value in data.items() if isinstance(value, list)}
    return Investigation(
        **(data | lists),
        parameters=(),
        evidence=(),
        cohort=None,
        expected=Expectation(**expected) if expected else None,
        workaround=WorkaroundCheck(**workaround) if workaround else None,
    )


def facts_of(text: str) -> ReportFacts:
    data = json.loads(text)
    return ReportFacts(
        case=msgspec.convert(data["case"], Case),
        investigation=_investigation(data["investigation"]),
        analysis=msgspec.convert(data["analysis"], Analysis),
        evidence=msgspec.convert(data["evidence"], tuple[Provenance, ...]),
        currency=data["currency"],
        created_at=msgspec.convert(data["created_at"], datetime),
        bridge_version=data["bridge_version"],
        failures=msgspec.convert(data["failures"], tuple[datetime, ...]),
        changes=msgspec.convert(data["changes"], tuple[Change, ...]),
        attachments=tuple(data["attachments"]),
    )


@pytest.fixture(scope="session")
def load() -> Callable[[str], ReportFacts]:
    return lambda name: facts_of((CASES / f"{name}.json").read_text(encoding="utf-8"))


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
