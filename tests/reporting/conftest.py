"""Facts for the report's tests, from JSON under tests/cases/reporting."""

from __future__ import annotations

import json
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
from bridge.reporting.facts import ReportFacts

CASES = Path(__file__).parent.parent / "cases" / "reporting"
Load = Callable[[str], ReportFacts]


def investigation(data: dict[str, Any]) -> Investigation:
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


def read(name: str) -> ReportFacts:
    data = json.loads((CASES / f"{name}.json").read_text(encoding="utf-8"))
    return ReportFacts(
        case=msgspec.convert(data["case"], Case),
        investigation=investigation(data["investigation"]),
        analysis=msgspec.convert(data["analysis"], Analysis),
        evidence=msgspec.convert(data["evidence"], tuple[Provenance, ...]),
        currency=data["currency"],
        created_at=msgspec.convert(data["created_at"], datetime),
        bridge_version=data["bridge_version"],
        failures=tuple(msgspec.convert(at, datetime) for at in data["failures"]),
        changes=msgspec.convert(data["changes"], tuple[Change, ...]),
        attachments=tuple(data["attachments"]),
    )


@pytest.fixture(scope="session")
def load() -> Load:
    return read
