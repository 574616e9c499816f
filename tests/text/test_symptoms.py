from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bridge.text.symptoms import matching_phrases

CASES = yaml.safe_load((Path(__file__).parents[1] / "cases/analysis/symptoms.yaml").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[str(case["text"])[:40] or "empty" for case in CASES])
def test_phrases(case: dict[str, Any]) -> None:
    assert matching_phrases(case["text"], case["phrases"]) == tuple(case["finds"])


@given(st.lists(st.sampled_from(["export", "leer", "datei", "heute", "kam"]), max_size=12), st.permutations(["export", "leer"]))
def test_order_of_a_phrase_does_not_matter(tokens: list[str], phrase: list[str]) -> None:
    text = " ".join(tokens)
    assert bool(matching_phrases(text, ["export leer"])) == bool(matching_phrases(text, [" ".join(phrase)]))


@given(st.text(max_size=200), st.text(max_size=30))
def test_any_text_is_taken(text: str, phrase: str) -> None:
    assert matching_phrases(text, [phrase]) in {(), (phrase,)}
