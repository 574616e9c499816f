"""Made-up cases that templates are checked and previewed with: everything found, log events only, nothing found."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import msgspec

from bridge import resources
from bridge.model.case import Case
from bridge.model.change import Change
from bridge.model.evidence import Provenance
from bridge.model.finding import Analysis
from bridge.model.investigation import CustomerWords, Expectation, Investigation, WorkaroundCheck
from bridge.model.reproduction import Reproduction, ReproductionStep
from bridge.reporting.facts import Alike, ReportFacts

NAMES: Final = ("empty-exports", "new-errors")
"""Files in templates/examples."""


def load(name: str) -> ReportFacts:
    """Return the facts of one example."""
    data = json.loads((resources.folder("templates") / "examples" / f"{name}.json").read_text(encoding="utf-8"))
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


def full() -> ReportFacts:
    """Return the example where everything was found, reproduced and looked for."""
    facts = load("empty-exports")
    at = facts.created_at
    steps = (
        ReproductionStep(number=1, recorded_as=3, method="POST", route="/api/v1/sessions", words="", uses=(), status=201),
        ReproductionStep(
            number=2,
            recorded_as=41,
            method="POST",
            route="/api/v1/reports/{report}/exports",
            words='format = "csv"',
            uses=(1,),
            status=202,
            clock=at,
        ),
        ReproductionStep(number=3, recorded_as=42, method="GET", route="/api/v1/exports/{export}", words="", uses=(1, 2), status=200),
    )
    made = Reproduction(
        case_id=facts.case.id,
        verdict="reproduced",
        sentence="reproduced, 20 of 20 (84% to 100%)",
        oracle="GET /api/v1/exports/{export} answers 200 with rows == 0 and source_rows > 0",
        seen=20,
        runs=20,
        low=0.84,
        high=1.0,
        target="staging",
        url="https://staging.example.test",
        at=at,
        account="acct_071",
        chosen="the newest failure of the account with the highest revenue",
        recorded=42,
        kept=3,
        links_proven=4,
        links_guessed=0,
        replays=31,
        requests=512,
        steps=steps,
        times="the clock has to show 02:04 UTC at step 2",
        files=("test_reproduction.py", "reproduce.sh"),
    )
    alike = (Alike(id="REP-7", title="Exports without rows", verdict="worth a look", why="words in common: exports, rows", score=9.1),)
    return replace(
        facts,
        reproduction=made,
        attachments=("test_reproduction.py", "reproduce.sh"),
        available=frozenset({"accounts", "changes", "target"}),
        alike=alike,
        searched="14 issue(s) of REP",
        promise="an answer until 2026-03-20 12:00 UTC",
    )


def nothing() -> ReportFacts:
    """Return the example where nothing was found."""
    facts = load("new-errors")
    empty = replace(
        facts.analysis, novelties=(), excerpts=(), findings=(), concentrations=(), contrasts=(), severity=None, workaround=None, notes=()
    )
    return replace(facts, analysis=empty, evidence=(), attachments=())


def _investigation(data: dict[str, Any]) -> Investigation:
    expected, workaround = data.pop("expected"), data.pop("workaround")
    customers = {language: CustomerWords(**words) for language, words in data.pop("customers", {}).items()}
    lists = {name: tuple(value) for name, value in data.items() if isinstance(value, list)}
    return Investigation(
        **(data | lists),
        parameters=(),
        evidence=(),
        cohort=None,
        customers=customers,
        expected=Expectation(**expected) if expected else None,
        workaround=WorkaroundCheck(**workaround) if workaround else None,
    )
