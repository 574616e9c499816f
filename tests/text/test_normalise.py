from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.text.normalise import plain, spellings, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Größe", {"groesse", "grosse"}),
        ("für", {"fuer", "fur"}),
        ("export", {"export"}),
        ("naïve", {"naive"}),
        ("Straße", {"strasse"}),
    ],
)
def test_spellings(text: str, expected: set[str]) -> None:
    (word,) = words(text)
    assert set(spellings(word)) == expected


def test_words_ignore_case_width_and_invisible_characters() -> None:
    assert words("Empty\u200b EXPORT, \uff45\uff4dp\u00adty; zwei-mal") == ["empty", "export", "empty", "zwei", "mal"]


def test_a_composed_and_a_decomposed_umlaut_are_the_same_word() -> None:
    assert words(unicodedata.normalize("NFD", "Übergröße")) == words("Übergröße")


def test_a_pasted_log_is_cut() -> None:
    assert len(plain("x" * 1_000_000)) == 100_000


@given(st.text())
def test_plain_is_idempotent_and_words_never_fail(text: str) -> None:
    assert plain(plain(text)) == plain(text)
    for word in words(text):
        assert spellings(word)
