"""Texts made alike keep their masks: words that are free, tied, glued, behind underscores, parts of dates, hosts, addresses."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.logs.alike import alike
from bridge.logs.templates import template_of, templates_of
from bridge.text.mask import mask

WORDS = [
    "deadbeef",
    "a1b2c3d4e5",
    "123456",
    "2026",
    "03",
    "10T02",
    "02:00:01",
    "12345a",
    "fab12",
    "fab12345",
    "Mar",
    "acc_",
    "_",
    "x_",
    "1f_",
    "-",
    ":",
    ".",
    "/",
    "@",
    "@example.com",
    ",",
    "(",
    ")",
    "'",
    '"',
    "=",
    "<",
    ">",
    "Z",
    "+",
    "UTC",
    "36f476cb-9f41-9cd2-7e01-9a076a694034",
    "36f476cb-9f41-9cd2-7e01-9a076a69403",
    "host-1.example.net",
    "Error",
    "0x1f",
    "é",
    "%",
    "1.5",
    "::",
    ":8443",
    "[",
    "]",
    "#",
    "dsl-",
    "worker17",
    "worker123456",
    "{",
    "}",
    ";",
    "Mon",
    "2026-03-10T02:00:01.5Z",
    "+02:00",
    "\\",
    "__init__",
    "10.0.0.1:80",
]
PIECES = st.sampled_from([*WORDS, " ", " ", " ", "Feb 10 02:00:01", "2026-03-10 02:00:01", "\t"])
TEXTS = st.lists(st.lists(PIECES, max_size=9).map("".join), max_size=20)


@given(TEXTS)
@settings(max_examples=150, deadline=None)
def test_masks_stay(texts: list[str]) -> None:
    assert [mask(text) for text in alike(texts)] == [mask(text) for text in texts]


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=30), max_size=10))
@settings(max_examples=50, deadline=None)
def test_any_text_keeps_its_template(texts: list[str]) -> None:
    assert templates_of(texts) == [template_of(text) for text in texts]


def test_few_are_left() -> None:
    texts = [
        f"job {number:08x}-{number:04x}-4abc-a{number:03x}-{number:012x} of acc_{number * 7919:010x} took {number} ms"
        for number in range(100, 999)
    ]
    assert len(set(alike(texts))) < 10
    assert len({mask(text) for text in texts}) == 1
