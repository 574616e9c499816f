from __future__ import annotations

import json

import pytest

from bridge.errors import InputError
from bridge.model.exchange import Exchange, Request, Response
from bridge.reproduction.atoms import Location
from bridge.reproduction.oracle import Absent, Check, Oracle, of_error, parse_check, propose, signature
from bridge.reproduction.statistics import repeats, sequential, wilson

JSON = (("Content-Type", "application/json"),)


def answered(index: int, body: object, status: int = 200) -> Exchange:
    return Exchange(
        index=index,
        request=Request(method="GET", path="/exports/ex_12"),
        response=Response(status=status, headers=JSON, body=json.dumps(body)),
    )


def export(index: int, rows: int, source: int, **more: object) -> Exchange:
    return answered(index, {"id": f"ex_{index}", "status": "success", "rows": rows, "source_rows": source, **more})


def test_an_empty_export_with_status_success_is_told_from_one_that_is_rightly_empty() -> None:
    failing = [export(1, 0, 412), export(2, 0, 388)]
    healthy = [export(3, 412, 412), export(4, 0, 0), export(5, 17, 17)]
    checks = propose(failing, healthy)
    assert {str(check) for check in checks} == {"rows == 0", "source_rows > 0"}
    oracle = Oracle(anchor=1, route="GET /exports/{export}", status=200, checks=checks)
    for exchange in (*failing, *healthy):
        assert oracle.sees(exchange.request, exchange.response) == (exchange in failing)
    assert oracle.sentence() == "GET /exports/{export} answers 200 with rows == 0 and source_rows > 0"


def test_one_check_where_one_is_enough_and_none_where_nothing_separates() -> None:
    assert [str(check) for check in propose([export(1, 0, 9)], [export(2, 9, 9)])] == ["rows == 0"]
    assert propose([export(1, 5, 5)], [export(2, 5, 5)]) == ()
    assert propose([answered(1, [1])], []) == ()


@pytest.mark.parametrize(
    ("text", "body", "holds"),
    [
        ("rows == 0", {"rows": 0}, True),
        ("rows == 0", {"rows": False}, False),
        ("rows == 0", {}, False),
        ("result.rows >= 2", {"result": {"rows": 2}}, True),
        ("items.0.state != done", {"items": [{"state": "open"}]}, True),
        ('state == "done"', {"state": "done"}, True),
        ("note == null", {"note": None}, True),
        ("ok == true", {"ok": True}, True),
        ("rows < 3", {"rows": "2"}, False),
        ("share > 0.5", {"share": 0.75}, True),
    ],
)
def test_checks(text: str, body: object, holds: bool) -> None:  # noqa: FBT001 - a table
    check = parse_check(text)
    assert check.holds(body) == holds
    assert parse_check(str(check)) == check


def test_what_is_no_check_says_how_one_looks() -> None:
    with pytest.raises(InputError) as caught:
        parse_check("rows is 0")
    assert "rows == 0" in caught.value.hint


def test_the_signature_masks_what_varies_and_keeps_what_tells_bugs_apart() -> None:
    def said(body: object) -> str:
        return signature(Response(status=500, headers=JSON, body=json.dumps(body)))

    assert said({"error": "E", "message": "cart 17"}) == said({"error": "E", "message": "cart 4711"})
    assert said({"error": "RoundingError"}) != said({"error": "LegacyReportError"})
    assert signature(Response(status=500, body="Traceback\nline")) == "Traceback"
    assert signature(Response(status=200, body="fine")) == ""


def test_another_error_at_the_same_place_is_not_this_one() -> None:
    oracle = of_error(answered(0, {"error": "A"}, 500))
    assert oracle.sees(answered(0, {}).request, answered(0, {"error": "A"}, 500).response)
    assert not oracle.sees(answered(0, {}).request, answered(0, {"error": "B"}, 500).response)
    assert not oracle.sees(Request(method="GET", path="/other/1"), answered(0, {"error": "A"}, 500).response)


def test_an_item_that_stands_on_no_page() -> None:
    made = answered(0, {"id": 7}).response
    absent = Absent(producer=0, source=Location(place="json", key="/id"), pages=(1, 2))
    oracle = Oracle(anchor=2, route="GET /exports/{export}", status=200, absent=absent)
    assert oracle.kept == {0, 1, 2}
    page = answered(1, {"data": [{"id": 5}]}).response
    request = answered(2, {}).request
    assert oracle.sees(request, answered(2, {"data": [{"id": 6}]}).response, {0: made, 1: page})
    assert not oracle.sees(request, answered(2, {"data": [{"id": 7}]}).response, {0: made, 1: page})
    assert not oracle.sees(request, answered(2, {"data": []}).response, {0: made})


@pytest.mark.parametrize(
    ("seen", "runs", "low", "high"),
    [
        (1, 1, 21, 100),
        (3, 3, 44, 100),
        (3, 5, 23, 88),
        (10, 10, 72, 100),
        (12, 20, 39, 78),
        (20, 20, 84, 100),
        (0, 10, 0, 28),
        (0, 59, 0, 6),
        (0, 0, 0, 100),
    ],
)
def test_wilson_intervals_of_the_reference(seen: int, runs: int, low: int, high: int) -> None:
    assert tuple(round(100 * value) for value in wilson(seen, runs)) == (low, high)


@pytest.mark.parametrize(("rate", "five", "one"), [(0.6, 4, 6), (0.3, 9, 13), (0.2, 14, 21), (0.1, 29, 44), (0.05, 59, 90), (1.0, 1, 1)])
def test_repeats_of_the_reference(rate: float, five: int, one: int) -> None:
    assert (repeats(rate), repeats(rate, 0.01)) == (five, one)


def test_the_sequential_test_decides_both_ways() -> None:
    assert sequential(0, 1, background=0.05, rate=0.3) == "more"
    assert sequential(4, 4, background=0.05, rate=0.3) == "yes"
    assert sequential(0, 20, background=0.05, rate=0.3) == "no"


def test_a_check_of_a_missing_field_never_holds() -> None:
    assert not Check(field="a", operator="!=", value=1).holds({})
