from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.yaml_marks import MAX_BYTES, Document, parse, read
from bridge.errors import InputError, NotFoundError

# U+0085, U+2028 and U+2029 are line breaks to YAML 1.1, surrogates and most controls are no text at all.
TEXT = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
KEYS = TEXT.filter(lambda key: key != "<<")  # the merge key, which is refused
DATA = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12)


def value_at(document: Document, path: tuple[str | int, ...]) -> Any:
    value = document.value
    for step in path:
        value = value[step]
    return value


@given(DATA)
def test_json_is_read_as_what_it_says(data: Any) -> None:
    assert parse(json.dumps(data, ensure_ascii=False), "x.yaml").value == data


@given(DATA)
def test_every_value_has_a_mark_inside_the_file(data: Any) -> None:
    text = json.dumps(data, ensure_ascii=False, indent=1)
    document = parse(text, "x.yaml")
    lines = text.splitlines()
    for path, mark in document.marks.items():
        rest = lines[mark.line - 1][mark.column - 1 :]
        value = value_at(document, path)
        assert rest.startswith(
            "{" if isinstance(value, dict) else "[" if isinstance(value, list) else json.dumps(value, ensure_ascii=False)
        )


def refusal(text: str | bytes) -> InputError | None:
    try:
        parse(text, "x.yaml")
    except InputError as error:
        return error
    return None


@given(st.text(max_size=60) | st.text("-:[]{}#&*!|>'\"%@`,? \n\tab1", max_size=40) | st.binary(max_size=60))
def test_anything_is_read_or_refused_with_its_place(text: str | bytes) -> None:
    error = refusal(text)
    assert error is None or (error.message and error.where.startswith("x.yaml"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("010", 10),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        ("1e999", "1e999"),
        (".nan", ".nan"),
        ("2026-03-17", "2026-03-17"),
        ("2026-03-17T06:00:00Z", "2026-03-17T06:00:00Z"),
        ("~", None),
        ("''", ""),
        ("'1'", "1"),
        ("|\n  1\n", "1\n"),
        ("True", True),
        ("=", "="),
    ],
)
def test_plain_scalars_mean_what_they_look_like(text: str, value: object) -> None:
    read_value = parse(f"a: {text}", "x.yaml").value["a"]
    assert (read_value, type(read_value)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 40, "nested deeper than 30"),
        ("[" * 400_000, "nested deeper than 30"),
        ("a: " + "- " * 100, "is not YAML"),
        ("\n".join(f"k{number}: 1" for number in range(60_000)), "more than 50,000 values"),
        ("x" * (MAX_BYTES + 1), "is larger than"),
        ("a: &a [*a]", "has 2 problems"),
        ("a: \ud800", "is not UTF-8"),
    ],
)
def test_what_could_hurt_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse(text, "x.yaml")


def test_a_byte_order_mark_is_no_text() -> None:
    assert parse(b"\xef\xbb\xbfa: 1", "x.yaml").value == {"a": 1}


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no file"):
        read(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="cannot read"):
        read(tmp_path)
    (tmp_path / "a.yaml").write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(InputError, match="not UTF-8: byte 0xff") as caught:
        read(tmp_path / "a.yaml", shown="a.yaml")
    assert caught.value.where == "a.yaml:2"
