from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.analysis.severity import GITLAB_2026_11, severity
from bridge.model.finding import AffectedAccount, Cohort, Effect, Impact, Workaround
from tests.analysis.worlds import START, investigation

CASES = yaml.safe_load((Path(__file__).parents[1] / "cases/analysis/severity.yaml").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_policy(case: dict[str, Any]) -> None:
    affected = tuple(_account(number, enterprise=number < case.get("enterprise", 0)) for number in range(case["affected"]))
    cohort = Cohort(rule="", affected=affected, left_out=(), population=case["population"], exposed=0, control=0)
    worked = case.get("worked")
    around = None if worked is None else Workaround(statement="again", worked=worked[0], tried=worked[1], evidence=None)
    result = severity(replace(investigation(), data_loss=case.get("data_loss", False)), cohort, _impact(case), around)
    assert result.level == case["level"]
    assert case["rule"] in result.rule
    assert result.policy == GITLAB_2026_11.id == "gitlab-2026-11"
    assert len(result.criteria) == 3


def _account(number: int, *, enterprise: bool) -> AffectedAccount:
    return AffectedAccount(
        account_id=f"a{number}",
        name="",
        plan="Enterprise" if enterprise else "team",
        region="",
        arr=Decimal(0),
        seats=0,
        failures=2,
        events=2,
        first_failure=START,
        last_failure=START,
    )


def _impact(case: dict[str, Any]) -> Impact:
    nothing = Effect(name="", value=None)
    return Impact(
        accounts=case["affected"],
        population=case["population"],
        share=nothing,
        silent=0,
        arr=Decimal(0),
        arr_silent=Decimal(0),
        population_arr=Decimal(0),
        seats=0,
        plans=(),
        regions=(),
        failures=round(100 * case.get("failing", 0.1)),
        events=100,
        frequency=nothing,
        days=(),
        trend="steady",
    )
