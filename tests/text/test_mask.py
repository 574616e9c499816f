from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.text.mask import mask, template_id

ROWS: list[tuple[str, str]] = json.loads((Path(__file__).parents[1] / "cases" / "text" / "masks.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("text", "expected"), ROWS)
def test_table(text: str, expected: str) -> None:
    assert mask(text) == expected


@pytest.mark.parametrize(("text", "expected"), [row for row in ROWS if row[0]])
@pytest.mark.parametrize(("before", "after"), [("failed: ", ""), ("", " again"), ("(", ")"), ("[", "], next")])
def test_what_stands_around_changes_nothing(text: str, expected: str, before: str, after: str) -> None:
    assert mask(f"{before}{text}{after}") == f"{before}{expected}{after}"


@given(st.text(max_size=80))
def test_masking_twice_is_masking_once(text: str) -> None:
    once = mask(text)
    assert mask(once) == once


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.uuids(), st.uuids())
def test_values_do_not_make_templates(first: int, second: int, one: object, other: object) -> None:
    assert mask(f"export {one} wrote {first} rows, took={second}") == mask(f"export {other} wrote {second} rows, took={first}")


def test_ids_are_the_same_on_every_machine() -> None:
    assert template_id("wrote <*> rows") == "ffa434b9ac37"
