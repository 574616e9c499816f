from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.analysis.analyse import affected_accounts, analyse, read_evidence
from bridge.analysis.inputs import AnalysisInputs
from bridge.errors import InputError
from bridge.model.finding import Analysis, Condition
from tests.analysis.test_compare import lost, request
from tests.analysis.test_compare import world as trace_world_of
from tests.analysis.worlds import START, TIME, Shape, investigation, log_table, log_world, ticket, world

PLANTED = Shape(seed=3, failing=0.001, bursts=1, cause=(("a1", "v0"),))


def trace_world(kinds: list[Any], *, seed: int = 1) -> pa.Table:
    return trace_world_of(seed, kinds)


@pytest.fixture(scope="module")
def planted() -> AnalysisInputs:
    return world(PLANTED)


@pytest.fixture(scope="module")
def found(planted: AnalysisInputs) -> Analysis:
    return analyse(planted)


def test_the_planted_cause_is_found_in_every_respect(found: Analysis) -> None:
    assert [(c.axis, c.start_minute, c.end_minute, c.event) for c in found.concentrations] == [
        ("time of day", 120, 135, None),
        ("after event", 0, 15, "job cache-refresh"),
    ]
    assert found.contrasts[0].conditions == (Condition(attribute="a1", value="v0"),)
    assert found.onset is not None
    assert found.onset.change is not None
    assert (found.onset.change.name, found.onset.change.version) == ("reporting", "4.18.0")
    assert found.onset.failures_before == 0
    assert any("no other change lies as near" in finding.statement for finding in found.findings if finding.kind == "onset")
    levels = {finding.kind: finding.level for finding in found.findings}
    assert {levels[kind] for kind in ("cohort", "impact", "onset", "concentration", "contrast", "severity")} == {"finding"}
    assert found.algorithm


def test_large_tables_and_evidence_that_was_read_before_give_the_same(planted: AnalysisInputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.analysis.events._LARGE", 1_000)  # texts kept as numbers, read in parts
    read = read_evidence(planted)
    assert read is not None
    assert any(str(kind).startswith("dictionary") for kind in read.events.table.schema.types)
    found = analyse(planted)
    assert analyse(planted, read) == found
    monkeypatch.undo()
    assert analyse(planted) == found


def test_every_finding_cites_evidence_and_says_how_to_check_it(found: Analysis) -> None:
    assert [finding.id for finding in found.findings] == [f"F{number}" for number in range(1, len(found.findings) + 1)]
    for finding in found.findings:
        assert finding.statement
        if finding.level == "finding" and finding.kind != "workaround":
            assert set(finding.evidence) <= {"E1", "E2", "E3", "E4", "E5", "E6"}
            assert finding.check.startswith("bridge show BR-0001 --evidence ")
            assert finding.searched


def test_the_impact_adds_up(planted: AnalysisInputs, found: Analysis) -> None:
    assert found.cohort is not None
    assert found.impact is not None
    rows = {row["account_id"]: row for row in planted.tables["population"].to_pylist()}
    ids = [account.account_id for account in found.cohort.affected]
    assert found.impact.arr == sum((rows[key]["arr"] for key in ids), Decimal(0))
    assert found.impact.population_arr == sum((row["arr"] for row in rows.values()), Decimal(0))
    assert sum(group.affected for group in found.impact.plans) == len(ids) == found.impact.accounts
    assert sum(group.population for group in found.impact.regions) == 300
    assert len(found.impact.days) == 14
    assert list(found.cohort.affected) == sorted(found.cohort.affected, key=lambda account: (-account.arr, account.account_id))
    assert affected_accounts(planted) == tuple(sorted(ids))


def test_the_same_inputs_give_the_same_analysis(planted: AnalysisInputs, found: Analysis) -> None:
    assert analyse(planted) == found


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_does_not_matter(planted: AnalysisInputs, found: Analysis, seed: int) -> None:
    inputs = planted
    shuffled = np.random.default_rng(seed)
    tables = {name: table.take(pa.array(shuffled.permutation(table.num_rows))) for name, table in inputs.tables.items()}
    assert analyse(replace(inputs, tables=tables)) == found


def test_repeated_rows_change_nothing_but_a_note(planted: AnalysisInputs, found: Analysis) -> None:
    tables = {**planted.tables, "events": pa.concat_tables([planted.tables["events"]] * 10)}
    repeated = analyse(replace(planted, tables=tables))
    assert any("repeat another one" in note for note in repeated.notes)
    assert replace(repeated, notes=()) == replace(found, notes=())


def test_null_worlds_stay_silent() -> None:
    tested = {"onset", "concentration", "contrast", "novelty"}
    alarms = 0
    for seed in range(5):
        analysis = analyse(world(Shape(seed=100 + seed, accounts=150, bursts=seed % 4)))
        alarms += any(finding.kind in tested and finding.level == "finding" for finding in analysis.findings)
        for finding in analysis.findings:
            if finding.level == "nothing" and finding.kind in {"concentration", "contrast"}:
                assert "would have been seen" in finding.statement
    assert alarms <= 1


def test_silent_related_and_left_out(planted: AnalysisInputs, found: Analysis) -> None:
    assert found.cohort is not None
    affected = [account.account_id for account in found.cohort.affected]
    outside = [f"ac-{number:04d}" for number in range(300) if f"ac-{number:04d}" not in affected]
    tickets = (
        ticket(1, affected[0], "Hilfe"),
        ticket(2, outside[0], "Our thing fails"),
        ticket(3, None, "who am I"),
        ticket(4, "ac-9999", "x"),
    )
    others = (
        ticket(5, affected[1], "every night the thing silently fails"),
        ticket(6, affected[2], "an invoice question"),
        ticket(7, affected[3], "Das Ding ist kaputt", day=0.1),
        ticket(8, outside[1], "thing fails"),
        ticket(9, affected[4], "Dieses Ding geht nicht, kaputt"),
    )
    analysis = analyse(replace(planted, tickets=tickets, candidate_tickets=others))
    assert [(r.ticket_id, r.why, r.included) for r in analysis.related] == [
        ("T-5", "writes of 'thing fails'", False),
        ("T-9", "writes of 'Ding kaputt'", False),
    ]
    assert analysis.cohort is not None
    written = {account.account_id: account.tickets for account in analysis.cohort.affected if account.tickets}
    assert written == {affected[0]: ("T-1",), affected[1]: ("T-5",), affected[4]: ("T-9",)}
    assert analysis.impact is not None
    assert analysis.impact.silent == len(affected) - 3
    left = {item.account_id: item for item in analysis.cohort.left_out}
    assert left["ac-9999"].why == "no events in the window"
    assert left[outside[0]].tickets == ("T-2",)
    assert any("T-3" in note for note in analysis.notes)


def test_reasons_for_leaving_out() -> None:
    events = pa.table(
        {
            "account_id": ["a", "a", "b", "b", "c"],
            "at": pa.array([START + timedelta(hours=n) for n in range(5)], TIME),
            "key": list("12345"),
            "failed": [True, True, True, False, False],
        }
    )
    inputs = replace(world(PLANTED), tables={"events": events}, tickets=(ticket(1, "c", "thing fails"),))
    analysis = analyse(inputs)
    assert analysis.cohort is not None
    assert (
        "Of the tickets' accounts these are not affected: c (T-1): none of its 1 events failed by the rule."
        in analysis.findings[0].statement
    )
    assert [(item.account_id, item.why) for item in analysis.cohort.left_out] == [
        ("b", "1 failing of 2 events, the rule asks for 2"),
        ("c", "none of its 1 events failed by the rule"),
    ]
    statements = " ".join(finding.statement for finding in analysis.findings)
    assert "Too few to tell whether failures pile up" in statements
    assert "Too few to tell what affected accounts share" in statements


@pytest.mark.parametrize("rows", [0, 100])
def test_nobody_affected(rows: int) -> None:
    events = pa.table(
        {
            "account_id": pa.array([f"a{n % 7}" for n in range(rows)], pa.string()),
            "at": pa.array([START + timedelta(hours=n) for n in range(rows)], TIME),
            "key": pa.array([str(n) for n in range(rows)], pa.string()),
            "failed": pa.array([False] * rows, pa.bool_()),
        }
    )
    analysis = analyse(replace(world(PLANTED), tables={"events": events}))
    assert analysis.cohort is not None
    assert (analysis.cohort.affected, analysis.impact, analysis.onset, analysis.severity) == ((), None, None, None)
    (cohort,) = [finding for finding in analysis.findings if finding.kind == "cohort"]
    assert cohort.level == "nothing"
    assert ("100 events of 7 accounts were looked at" if rows else "no events in the window at all") in cohort.statement


def test_an_investigation_of_logs_alone() -> None:
    now, before = log_world(4, planted=0.06, traces=200, templates=30)
    inputs = replace(
        world(PLANTED), investigation=investigation(cohort=None, findings=("novelty",)), tables={"logs": now, "quiet_logs": before}
    )
    analysis = analyse(inputs)
    assert analysis.cohort is None
    assert analysis.novelties[0].template == "snapshot was not finished"
    assert analysis.findings[0].evidence == ("E5", "E6")
    empty = analyse(replace(inputs, tables={"logs": log_table([]), "quiet_logs": log_table([])}))
    assert [finding.level for finding in empty.findings] == ["nothing"]


def test_the_workaround_counts_each_try_once(planted: AnalysisInputs) -> None:
    reruns = pa.table(
        {
            "account_id": ["a", "a", "b", "b"],
            "at": pa.array([START, START, START, START + timedelta(hours=1)], TIME),
            "key": ["1", "1", "2", "3"],
            "worked": [True, True, False, True],
        }
    )
    analysis = analyse(replace(planted, tables={**planted.tables, "reruns": reruns}))
    assert analysis.workaround is not None
    assert (analysis.workaround.worked, analysis.workaround.tried, analysis.workaround.evidence) == (2, 3, "E4")


def test_a_wrong_parameter_is_an_input_error(planted: AnalysisInputs) -> None:
    with pytest.raises(InputError, match="minimum"):
        analyse(replace(planted, parameters={"minimum": "two"}))


def test_a_step_that_is_missing_is_a_finding_of_a_case() -> None:
    before = trace_world([request] * 60)
    after = trace_world([lost if number % 2 else request for number in range(40)], seed=2)
    case = replace(
        world(PLANTED),
        investigation=investigation(cohort=None, findings=("novelty", "sequence")),
        tables={"logs": after, "quiet_logs": before},
    )
    analysis = analyse(case)
    first = analysis.sequences[0]
    assert (first.service, first.missing, first.traces, first.traces_total) == ("contacts", "contact <*> found", 20, 40)
    said = [finding for finding in analysis.findings if finding.kind == "sequence"]
    assert said[0].level == "finding"
    assert "'contact <*> found' is missing after 'find contact <*>' of contacts in 20 of 40 traces, before in 0 of 60" in said[0].statement
    assert (said[0].evidence, said[0].check) == (("E5", "E6"), "bridge show BR-0001 --evidence logs")
    assert said[0].q_value is not None
    assert said[0].q_value == pytest.approx(2 * first.q_value)


@pytest.mark.parametrize("seed", range(3))
def test_no_step_is_missing_where_none_is(seed: int) -> None:
    logs = {"logs": trace_world([request] * 40, seed=10 + seed), "quiet_logs": trace_world([request] * 60)}
    case = replace(world(PLANTED), investigation=investigation(cohort=None, findings=("sequence",)), tables=logs)
    analysis = analyse(case)
    assert analysis.sequences == ()
    assert [finding.level for finding in analysis.findings] == ["nothing"]
    assert "never broke before would have been seen" in analysis.findings[0].statement
    few = analyse(replace(case, tables={name: table.slice(0, 2) for name, table in logs.items()}))
    assert few.findings[0].statement.startswith("Too few to tell whether steps are missing")


def test_users_are_counted_where_the_events_name_them(planted: AnalysisInputs, found: Analysis) -> None:
    assert found.impact is not None
    assert found.impact.users is None
    events = planted.tables["events"]
    names = [f"{account}-u{number % 2}" for number, account in enumerate(events["account_id"].to_pylist())]
    named = analyse(replace(planted, tables={**planted.tables, "events": events.append_column("user_id", pa.array(names))}))
    assert named.impact is not None
    assert found.cohort is not None
    affected = {account.account_id for account in found.cohort.affected}
    rows = zip(names, events["account_id"].to_pylist(), events["failed"].to_pylist(), strict=True)
    assert named.impact.users == len({user for user, account, failed in rows if failed and account in affected})


def renamed(table: pa.Table, to: dict[str, str]) -> pa.Table:
    place = table.column_names.index("account_id")
    return table.set_column(place, "account_id", pa.array([to[key] for key in table["account_id"].to_pylist()]))


def test_the_names_of_accounts_do_not_matter(planted: AnalysisInputs, found: Analysis) -> None:
    """Names choose which event stands for an account, so single figures may move by it; what is found may not."""
    ids = planted.tables["population"]["account_id"].to_pylist()
    order = np.random.default_rng(8).permutation(len(ids))
    to = {key: f"zz-{order[number]:05d}" for number, key in enumerate(ids)}
    tables = {**planted.tables, **{name: renamed(planted.tables[name], to) for name in ("events", "population")}}
    again = analyse(replace(planted, tables=tables))
    assert again.cohort is not None
    assert found.cohort is not None
    assert {account.account_id for account in again.cohort.affected} == {to[account.account_id] for account in found.cohort.affected}
    assert again.contrasts[0].conditions == found.contrasts[0].conditions
    assert [(c.start_minute, c.end_minute, c.event) for c in again.concentrations] == [
        (c.start_minute, c.end_minute, c.event) for c in found.concentrations
    ]
    assert (again.onset, again.impact) == (found.onset, found.impact)
    assert [finding.kind for finding in again.findings] == [finding.kind for finding in found.findings]


@pytest.mark.parametrize("value", ["same", None])
def test_an_attribute_that_all_share_changes_nothing(planted: AnalysisInputs, found: Analysis, value: str | None) -> None:
    population = planted.tables["population"]
    tables = {**planted.tables, "population": population.append_column("constant", pa.array([value] * population.num_rows, pa.string()))}
    assert analyse(replace(planted, tables=tables)) == found


def test_corrected_values_are_no_smaller_than_uncorrected_ones(found: Analysis) -> None:
    for finding in found.findings:
        if finding.p_value is not None and finding.q_value is not None:
            assert finding.q_value >= finding.p_value
        assert finding.level != "finding" or finding.q_value is None or finding.q_value <= 0.05
