import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.text.terminal import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\u202egnp", "\\u202egnp"),
        ("a\u2028b\x85c", "a\\u2028b\\x85c"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("\ufffe", "\\ufffe"),
        ("a\u200db", "a\\u200db"),
        ("👩\u200d👧", "👩\u200d👧"),
        ("Gänse „漢字“", "Gänse „漢字“"),
    ],
)
def test_what_acts_becomes_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_nothing_that_acts_is_left_and_it_can_be_encoded(text: str) -> None:
    shown = visible(text)
    shown.encode()
    assert not {unicodedata.category(char) for char in shown if char not in "\u200c\u200d"} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert visible(shown) == shown


@given(st.text())
def test_lines_can_be_kept(text: str) -> None:
    assert visible(text, keep="\n").count("\n") == text.count("\n")
