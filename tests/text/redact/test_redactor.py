"""What is found, what is not, and the laws: twice is once, and texts side by side are redacted as they are alone."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import InputError
from bridge.text.redact import kinds, names
from bridge.text.redact.known import read
from bridge.text.redact.records import answers
from bridge.text.redact.redactor import Redactor, redactor
from bridge.text.redact.streams import redacted

CASES = json.loads((Path(__file__).parents[2] / "cases" / "text" / "redact.json").read_text(encoding="utf-8"))
MARK = re.compile(r"⟦([A-Z_]+):(.*?)⟧", re.DOTALL)
KNOWN = [
    ("Anna Müller", kinds.PERSON),
    ("Bäckerei Krüger GmbH", kinds.ORGANIZATION),
    ("田中", kinds.PERSON),
    ("acme.example", kinds.DOMAIN),
]
PLAIN = redactor()
FULL = redactor(KNOWN, key=b"k" * 32)


def joined(*parts: str) -> str:
    """Tokens of services are put together here, so that no scanner takes the test for a leak."""
    return "".join(parts)


@pytest.mark.parametrize(("name", "marked"), CASES, ids=[case[0] for case in CASES])
def test_what_is_found(name: str, marked: str) -> None:
    text, wanted, at = "", [], 0
    for mark in MARK.finditer(marked):
        text += marked[at : mark.start()]
        wanted.append((len(text), len(text) + len(mark[2]), mark[1]))
        text, at = text + mark[2], mark.end()
    text += marked[at:]
    assert [(span.start, span.end, span.kind) for span in PLAIN.spans(text)] == wanted


@pytest.mark.parametrize(
    "token",
    [
        joined("ghp_", "a1B2" * 9),
        joined("github_pat_", "1A" * 20),
        joined("glpat-", "x1" * 10),
        joined("xoxb-", "12345-" * 3, "ab"),
        joined("AKIA", "Z7" * 8),
        joined("AIza", "b3" * 17, "c"),
        joined("sk_live_", "9z" * 12),
        joined("sk-ant-api03-", "q_" * 20),
        joined("npm_", "a1" * 18),
        joined("eyJhbGciOiJub25lIn0", ".", "eyJzdWIiOiIxIn0", "."),
        joined("lin_api_", "k2" * 20),
    ],
    ids=lambda token: token[:6],
)
def test_tokens_of_services(token: str) -> None:
    text = f"it says ({token}) there"
    assert PLAIN.redact(text) == "it says ([secret]) there"


def test_a_private_key_goes_whole() -> None:
    key = joined("-----BEGIN ", "RSA PRIVATE KEY-----\n", "MIIB\n" * 40, "-----END ", "RSA PRIVATE KEY-----")
    assert PLAIN.redact(f"a\n{key}\nb") == "a\n[private-key]\nb"
    assert PLAIN.redact(f"a\n{key[:60]}") == "a\n[private-key]"


@pytest.mark.parametrize(
    "text",
    [
        "Anna Müller",
        "ANNA  MÜLLER",
        "anna.mueller",
        "Anna\nMu\u0308ller",
        "An\u00adna M\u200büller",
        "Anna Müllers",
        "Müller_Anna Müller",
        "田中さん",
        "x田中",
    ],
)
def test_known_values_in_every_spelling(text: str) -> None:
    assert "person" in FULL.redact(f"by {text} today")


def test_known_values_are_words() -> None:
    values = redactor([("Ann", kinds.PERSON), ("Sun Inc.", kinds.ORGANIZATION), ("x", kinds.PERSON)])
    assert values.redact("Annabelle, Joann, x and Ann; Sun Inc. shines") == "Annabelle, Joann, x and [person]; [organization] shines"


def test_pseudonyms_hold_through_a_case_and_tell_nothing() -> None:
    first = FULL.redact("Anna Müller (030 901820 is her phone: +49 30 901820)")
    assert FULL.redact("ANNA MUELLER wrote from phone: +49 (30) 901820")[:15] == first[:15]
    assert re.findall(r"\[phone-\w{6}\]", first)[-1] in FULL.redact("phone: 0049 30 901820")
    other = redactor(KNOWN, key=b"other")
    assert other.redact("Anna Müller") != FULL.redact("Anna Müller")
    assert FULL.labels.of(kinds.PHONE, "+49 30 901820") == FULL.labels.of(kinds.PHONE, "0049-30-901820")


def test_counts_and_keep() -> None:
    counts: Counter[str] = Counter()
    keeping = redactor(keep=[kinds.IP])
    assert keeping.redact("a@b.example.test from 203.0.113.7", counts) == "[e-mail] from 203.0.113.7"
    assert counts == {kinds.EMAIL: 1}


PIECES = st.sampled_from(
    [re.sub(MARK, r"\2", case[1]) for case in CASES]
    + [
        "anna.müller@acme.example",
        "+49 30 901820",
        "Phone:",
        "[phone]",
        "4111111111111111",
        "-",
        " ",
        "\n",
        "x",
        "=",
        "password=",
        "\0",
        "Anna",
        "Müller",
        "203.0.113.7",
    ]
)
TEXTS = st.lists(PIECES | st.text(alphabet="0123456789 -+().:@abcdefAZ\n[]=é\u00ad", max_size=20), max_size=8).map("".join)


@pytest.mark.parametrize("how", [PLAIN, FULL], ids=["labels", "pseudonyms"])
@given(text=TEXTS | st.text(max_size=80))
def test_twice_is_once(how: Redactor, text: str) -> None:
    once = how.redact(text)
    assert how.redact(once) == once


@given(before=TEXTS, text=TEXTS, after=TEXTS)
def test_a_blank_line_keeps_texts_apart(before: str, text: str, after: str) -> None:
    parts = [part.strip("\n") for part in (before, text, after)]
    assert FULL.redact("\n\n".join(parts)) == "\n\n".join(FULL.redact(part) for part in parts)


@given(text=TEXTS)
def test_spans_are_in_order_and_apart(text: str) -> None:
    at = 0
    for span in FULL.spans(text):
        assert at <= span.start < span.end <= len(text)
        at = span.end


def test_records_answer_every_line_in_order() -> None:
    lines = [
        b'{"id": 1, "text": "a@b.example"}',
        b"\xff",
        b"[]",
        b'{"id": {"x": 1}}',
        b"",
        b"[" * 100_000,
        b'{"id": "z", "text": "\\ud800 203.0.113.7"}',
    ]
    found = [json.loads(answer.line) for answer in answers(lines, PLAIN)]
    assert found[0] == {"id": 1, "spans": [{"start": 0, "end": 11, "type": "EMAIL_ADDRESS"}]}
    assert found[-1] == {"id": "z", "spans": [{"start": 2, "end": 13, "type": "IP_ADDRESS"}]}
    assert found[3]["id"] == {"x": 1}
    assert all("error" in answer for answer in found[1:-1])


def test_streams_give_back_what_is_not_text() -> None:
    data = b"\xff\xfe a@b.example\r\n" * 100_000 + b"end"
    counts: Counter[str] = Counter()
    out = b"".join(redacted(io.BytesIO(data), PLAIN, counts))
    assert out == data.replace(b"a@b.example", b"[e-mail]")
    assert counts[kinds.EMAIL] == 100_000


def test_known_values_from_files() -> None:
    assert read('# people\nAnna Example\n{"value": "Bob", "type": "PERSON"}\n12 Baker Street\na@b.example\nb.example\n', where="k") == [
        ("Anna Example", kinds.KNOWN),
        ("Bob", kinds.PERSON),
        ("12 Baker Street", kinds.ADDRESS),
        ("a@b.example", kinds.EMAIL),
        ("b.example", kinds.DOMAIN),
    ]
    assert read('["A B", {"value": "C D"}]', where="k") == [("A B", kinds.KNOWN), ("C D", kinds.KNOWN)]
    for wrong in ("{", '{"value": 1}', '{"value": "x", "type": "NOPE"}', "[1]", "["):
        with pytest.raises(InputError):
            read(wrong, where="k")


def test_time_grows_with_length_only() -> None:
    for text in (
        "@" * 50_000,
        "1-" * 50_000,
        "a." * 50_000,
        "password=" * 20_000,
        "(" * 100_000,
        "1:" * 50_000,
        "-----BEGIN PRIVATE KEY-----" * 2_000,
        "eyJ" * 30_000,
        "GB00 " * 20_000,
    ):
        PLAIN.spans(text)


def guess(*values: str) -> Redactor:
    """A finder that a test can predict, in the place of a model."""
    found = re.compile("|".join(values))
    return redactor(
        KNOWN, names=lambda text: iter([kinds.Span(start=m.start(), end=m.end(), kind=kinds.PERSON) for m in found.finditer(text)])
    )


def test_guessed_names_join_with_known_values_and_labels() -> None:
    assert guess("Anna").redact("Anna Müller wrote") == "[person] wrote"
    assert guess("Bob Example").redact("[person] and Bob Example, bob@example.test") == "[person] and [person], [e-mail]"
    assert PLAIN.redact("Bob Example") == "Bob Example"


def test_names_need_an_installed_model() -> None:
    with pytest.raises(InputError) as caught:
        names.finder("no_such_model")
    assert "pip install" in caught.value.hint or "spacy download" in caught.value.hint
