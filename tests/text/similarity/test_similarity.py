"""Which issue is about the same thing: terms, signals, ranking, and an index that is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import InputError
from bridge.text.similarity.index import build, load, save
from bridge.text.similarity.issue import Issue, issue, read, seconds
from bridge.text.similarity.rank import candidates
from bridge.text.similarity.signals import signals
from bridge.text.similarity.stem import stem
from bridge.text.similarity.terms import terms, tokens, written

FRAMES = "\n".join(f"\tat com.example.reports.Export{letter}.run(Export{letter}.java:{at})" for at, letter in enumerate("ABCDEF", 10))


def made(name: str, title: str, body: str = "", created: float | None = 0.0) -> Issue:
    return Issue(id=name, given=name, created=created, title=title, body=body)


SOME = [
    made("A-1", "Export writes empty file after 02:00", "The scheduled export is empty. SnapshotCache returned 0 rows.", 100.0),
    made("A-2", "Login page is slow", "It takes 20 seconds to sign in with SSO.", 200.0),
    made("A-3", "Upgrade protobuf to 3.7.1", "CVE-2021-22569 in protobuf-java-2.5.0.jar", 300.0),
    made("A-4", "Chart colours are wrong", "Legend and bars differ in dark mode.", 400.0),
    made("A-5", "Crash in worker", f"java.lang.IllegalStateException: no snapshot\n{FRAMES}", 500.0),
]


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("exports", "export"),
        ("exporting", "export"),
        ("relational", "relat"),
        ("hopping", "hop"),
        ("agreed", "agre"),
        ("sky", "sky"),
        ("müller", "müller"),
        ("2.5", "2.5"),
    ],
)
def test_stems(word: str, wanted: str) -> None:
    assert stem(word) == wanted


@pytest.mark.parametrize(
    ("token", "wanted"),
    [
        ("exports", ["export"]),
        ("the", []),
        ("TestArnResource#parse", ["=testarnresource#parse", "test", "arn", "resourc", "pars"]),
        ("protobuf-java-2.5.0.jar", ["=protobuf-java-2.5.0.jar", "protobuf", "java", "jar"]),
        ("snapshot_cache_v2", ["=snapshot_cache_v2", "snapshot", "cach"]),
        ("42", ["42"]),
    ],
)
def test_identifiers_stay_whole_and_in_parts(token: str, wanted: list[str]) -> None:
    assert terms(token) == wanted
    assert len(written(token)) == len(wanted)


@given(st.text(max_size=60))
def test_any_text_has_terms(text: str) -> None:
    for token in tokens(text):
        assert len(terms(token)) == len(written(token))


def test_signals() -> None:
    text = f"java.lang.IllegalStateException: x\n{FRAMES}\nGET /api/reports/8812/export gave 503\nlabel bridge-{'0a' * 10} template `0123456789ab`"
    assert set(signals(text).values()) == {
        "IllegalStateException in com.example.reports.ExportA.run",
        "GET /api/reports/{id}/export 503",
        f"bridge-{'0a' * 10}",
        "0123456789ab",
    }
    moved = text.replace(".java:1", ".java:2").replace("8812", "9")
    assert signals(moved) == signals(text)
    assert signals("at home at work (or not)") == {}


def test_the_same_words_come_first_with_the_reason() -> None:
    index = build(SOME)
    first, *_ = candidates(index, made("Q", "Scheduled exports are empty", "the file has 0 rows", 600.0), 3)
    assert first.id == "A-1"
    assert "exports" in first.why
    assert first.verdict in {"worth a look", "loosely alike"}
    assert candidates(index, made("Q", "protobuf 3.7.1", "", None), 1)[0].id == "A-3"


def test_an_exact_signal_ranks_before_any_text() -> None:
    index = build(SOME)
    query = made("Q", "Export writes empty file after 02:00", f"java.lang.IllegalStateException: something else\n{FRAMES}", 600.0)
    first, second, *_ = candidates(index, query, 3)
    assert (first.id, first.verdict) == ("A-5", "likely the same")
    assert "the same stack frames" in first.why
    assert second.id == "A-1"


def test_a_signal_that_everybody_has_says_nothing() -> None:
    many = [made(f"A-{n}", f"word{n}", f"java.lang.IllegalStateException: x\n{FRAMES}") for n in range(30)]
    assert all(item.verdict != "likely the same" for item in candidates(build(many), many[0], 10))


def test_older_only_and_never_itself() -> None:
    index = build(SOME)
    assert {item.id for item in candidates(index, SOME[1], 10, older_only=True)} <= {"A-1"}
    assert SOME[0].id not in {item.id for item in candidates(index, SOME[0], 10)}
    assert candidates(index, SOME[0], 10, older_only=True) == []
    assert candidates(build([]), SOME[0], 10) == []
    assert candidates(index, made("Q", "", "", None), 10) == []


def test_the_index_is_kept_and_only_what_is_new_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "issues.npz"
    assert load(path) is None
    save(build(SOME[:3]), path)
    old = load(path)
    assert old is not None
    seen: list[str] = []

    def noted(text: str) -> list[str]:
        seen.append(text)
        return tokens(text)

    monkeypatch.setattr("bridge.text.similarity.index.tokens", noted)
    changed = made("A-2", "Login page is very slow", "It takes a minute.", 200.0)
    now = [SOME[0], changed, SOME[3], SOME[4]]
    index = build(now, old)
    assert {title for title in seen if title in {item.title for item in SOME}} == {SOME[3].title, SOME[4].title}
    query = made("Q", "slow login, empty export, wrong chart, crash", "snapshot", 600.0)
    assert candidates(index, query, 9) == candidates(build(now), query, 9)
    path.write_bytes(b"PK not a zip")
    with pytest.raises(InputError):
        load(path)


def test_lines_that_are_no_issues_are_named_all_at_once() -> None:
    lines = [
        b'{"id": "1", "title": "t", "created": "2026-03-11T02:00:00Z"}',
        b"",
        b"x",
        b'{"id": true, "title": ""}',
        b'{"id": 1}',
        b'{"id": 2, "title": "t", "created": "soon"}',
    ]
    with pytest.raises(InputError) as caught:
        read(lines, where="f.jsonl")
    assert [problem.where for problem in caught.value.problems] == ["f.jsonl:3", "f.jsonl:4", "f.jsonl:5", "f.jsonl:6"]
    assert isinstance(issue(json.dumps({"id": 7, "body": "b"}).encode()), Issue)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("2026-03-11T02:00:00Z", 1773194400.0),
        ("2026-03-11 02:00:00+00:00", 1773194400.0),
        ("11/Mar/26 02:00", 1773194400.0),
        ("11/Mar/26 2:00 PM", 1773194400.0 + 43_200),
        ("Wed, 11 Mar 2026 02:00:00 +0000", 1773194400.0),
        (1773194400, 1773194400.0),
        (1773194400000, 1773194400.0),
        ("soon", None),
        (None, None),
        (True, None),
        ("31/Feb/26 02:00", None),
    ],
)
def test_times_as_trackers_write_them(value: object, wanted: float | None) -> None:
    assert seconds(value) == wanted
