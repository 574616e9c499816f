"""What an index counts is what we count in the same documents, and what it can't count is read; its script runs as Java."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bridge.adapters.log_sources import opensearch_counts
from bridge.adapters.log_sources.opensearch_counts import BODY, FUNCTION
from bridge.errors import RefusedError
from bridge.logs.collapse import shrunk
from bridge.logs.counting import Counting
from bridge.logs.miner import Miner
from bridge.logs.question import field_of
from bridge.logs.remote import answer_from, counted_from
from tests.adapters.log_sources import contract
from tests.adapters.log_sources.emulations import OpenSearch
from tests.adapters.log_sources.test_http_stores import COLUMNS, searched

WORDS = {**COLUMNS, "message": "message"}
"""The index keeps the words of messages only."""
FIELDS = [("level",), ("template",), ("message",), ("account_id", "service"), ("region", "template"), ("file",), ()]
ASKS: list[dict[str, Any]] = [
    {}, {"levels": ["ERROR"]}, {"accounts": ["acc_1"]}, {"services": ["a"]}, {"where": [["region", "eu"]]}, {"grep": ["order 3"]},
    {"where": [["message", "order 3 done"]]}, {"start": "2026-03-10T02:00:00Z", "end": "2026-03-10T02:00:30Z"},
    {"start": "2026-03-10T02:00:01.000001Z", "end": "2026-03-10T02:00:05.000006Z"},
    {"start": "2026-03-10T02:00:00.000001Z", "end": "2026-03-10T02:00:00.000007Z"},
]  # fmt: skip


def alike(source: Any, ask: dict[str, Any], fields: tuple[str, ...], every: int | None = None) -> Counting:
    """Compare what is counted here of every document with what `count` gives, and return that."""
    asked = contract.question(ask, attributes=True)
    right, found = Counting(fields=fields, every=every), Counting(fields=fields, every=every)
    counted_from(source.events(asked, 1_000_000).events, right, source.name)
    assert source.count(asked, found) == []
    assert found.groups() == right.groups(), (ask, fields, every, source.notes)
    assert found.templates == right.templates
    return found


def document(number: int, **more: Any) -> dict[str, Any]:
    at = f"2026-03-10T02:00:{number % 60:02}.{number % 7:06}Z"
    return {"@timestamp": at, "lvl": "info", "svc": "a", "account": f"acc_{number % 3}", "message": f"order {number} done", **more}


def pages(server: OpenSearch) -> int:
    """Return how many documents could have come back."""
    return sum(body["size"] for _, path, body in server.requests if path.endswith("/_search"))


@pytest.mark.parametrize(("columns", "flags"), [(COLUMNS, "scripts"), (COLUMNS, "elastic"), (WORDS, "elastic scripts"), (WORDS, "")])
def test_made_up_documents(columns: dict[str, str], flags: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opensearch_counts, "_PAGE", 3)
    monkeypatch.setattr(opensearch_counts, "_SCRIPT_PAGE", 4)
    chance = random.Random(7)
    with searched(columns=columns, elastic="elastic" in flags) as (server, source):
        server.scripts = "scripts" in flags
        texts = ["order {} done", "é {}\nCaused by: a.B1Error: x", "one", "x" * 300 + "{}", "0x1fcms {} abcdefabcdefabcdefabcdef9"]
        others: list[dict[str, Any]] = [{}, {"region": "eu"}, {"lvl": "ERR"}, {"svc": "b"}]
        server.documents = [
            document(number, **{"message": chance.choice(texts).format(chance.randrange(99)), **chance.choice(others)})
            for number in range(25)
        ]
        server.documents[3]["message"] = "order 3 done"
        for gone in server.documents[::9]:
            del gone["message"], gone["account"]
        for ask in ASKS:
            for fields in chance.sample(FIELDS, 3):
                alike(source, ask, fields, chance.choice([None, 1_000_000, 900_000_000]))
        miner, right = Miner(), Miner()
        found = source.texts(contract.question({}))
        miner.add_counted(found.collapsed, collapsed=True)
        miner.add_counted(found.whole)
        right.add(answer_from(source, contract.question({})).rows.message)
        assert (miner.finish().ids, miner.finish().lines) == (right.finish().ids, right.finish().lines)
        assert server.points == {}


@pytest.mark.parametrize("columns", [COLUMNS, WORDS])
def test_documents_do_not_come_back(columns: dict[str, str]) -> None:
    with searched(columns=columns) as (server, source):
        server.documents = [document(number) for number in range(3_000)]
        for fields in (("template", "level"), ("account_id",)):
            counting = Counting(fields=fields, every=900_000_000)
            answer = answer_from(source, contract.question({}), counting=counting)
            assert counting.total == 3_000
            assert answer.notes == ["3,000 events counted by opensearch app"]
        assert len(source.texts(contract.question({})).collapsed) == 1
        assert pages(server) <= 200, "a sample for each script"


def test_a_keyword_that_forgot_long_messages() -> None:
    with searched() as (server, source):
        server.scripts = False
        server.documents = [document(number, message="x" * (300 if number == 4 else 5)) for number in range(9)]
        assert alike(source, {}, ("message",)).total == 9
        assert "1 documents whose message is too long for message.keyword were read" in source.notes[0]


def test_why_events_are_read_is_said() -> None:
    more = {**WORDS, "when": "@timestamp", "long": "message"}
    for ask, fields, why, change in (
        ({}, ("template",), "cannot execute [inline] scripts", {"scripts": False}),
        ({}, ("when",), "@timestamp (date) has no exact groups", {}),
        ({}, ("template",), "a message is no text, or a very long one", {"documents": [document(1, message=[1]), document(2)]}),
        (
            {},
            ("account_id",),
            "its groups hold 3 documents, and there are 2",
            {"documents": [document(1, account=["a", "b"]), document(2)]},
        ),
        ({}, ("level",), "kept otherwise than it was written", {"settings": {"lvl": {"normalizer": "lower"}}}),
        ({"start": "2026-03-10T02:00:00.000001Z", "end": "2026-03-10T02:00:00.000002Z"}, ("level",), "within a millisecond", {}),
    ):
        with searched(columns=more) as (server, source):
            server.documents = [document(number) for number in range(9)]
            for name, value in change.items():
                setattr(server, name, value)
            alike(source, ask, fields)
            assert any(why in note for note in source.notes), (why, source.notes)
            assert server.points == {}


def test_a_script_that_does_something_else_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = OpenSearch._scripted
    monkeypatch.setattr(OpenSearch, "_scripted", lambda self, document, script: whole(self, document, script) + "!")
    with searched(columns=WORDS) as (server, source):
        server.documents = [document(number) for number in range(9)]
        alike(source, {}, ("template",))
        assert any("a message is in none of its groups" in note for note in source.notes)


def test_a_time_that_only_the_index_can_read_is_taken_from_it() -> None:
    with searched() as (server, source):
        server.documents = [document(1)]
        found = server.documents[0]
        server._value = lambda document, name: 1_773_108_001_000 if name == "@timestamp" else OpenSearch._value(server, document, name)  # type: ignore[method-assign]
        found["@timestamp"] = "10. März 2026"
        assert answer_from(source, contract.question({})).rows.at == [1_773_108_001_000_000]


@pytest.mark.parametrize("fault", [KeyboardInterrupt, RefusedError])
def test_points_in_time_are_given_back(fault: type[BaseException]) -> None:
    with searched() as (server, source):
        events = source.documents(contract.question({}))
        next(events)
        assert len(server.points) == 1
        with pytest.raises(fault):
            events.throw(fault("now"))
        assert server.points == {}


def test_what_the_server_says_is_told() -> None:
    with searched() as (server, source):
        server.faults = [
            (200, {}, {"pit_id": "x"}),
            (400, {}, {"error": {"type": "parsing_exception", "reason": "unknown query"}, "status": 400}),
        ]
        with pytest.raises(RefusedError, match="unknown query"):
            answer_from(source, contract.question({}))


@pytest.mark.skipif(shutil.which("java") is None, reason="the script for OpenSearch is run as Java, and there is no java")
def test_the_script_shrinks_messages_as_we_do(tmp_path: Path) -> None:
    chance = random.Random(11)
    alphabet = ["0", "7", "42", "a", "f", "abcdefabcdefabcdef", "g", "x", " ", "-", "_", "é", "😀", '"', "\\", ":", "Z"]
    texts = ["".join(chance.choices(alphabet, k=chance.randrange(12))) for _ in range(2_000)] + ["a\nb 5", "", "order 17"]
    sources: list[tuple[dict[str, Any], str]] = [({"message": text}, "message") for text in texts]
    sources += [({"log": {"message": "1 x"}}, "log.message"), ({"log.message": "2 x", "log": {}}, "log.message"), ({}, "message"), ({"message": 5}, "message"), ({"message": None}, "message")]  # fmt: skip
    lines = [f"{_java(source)}, {json.dumps(name)}" for source, name in sources]
    calls = "".join(f"static String f{n}() {{ return run({line}); }}\n" for n, line in enumerate(lines))
    blocks = [f"static void g{n}() {{ {' '.join(f'show(f{m}());' for m in range(n * 500, min(len(lines), n * 500 + 500)))} }}\n" for n in range(len(lines) // 500 + 1)]  # fmt: skip
    program = f"""import java.util.*;
class Script {{
static {FUNCTION.strip()}
static Object script(Map params) {{ {BODY} }}
static String run(Object source, String name) {{
  Map params = new HashMap(); params.put("_source", source); params.put("name", name); params.put("grep", new ArrayList()); params.put("shrink", "yes");
  return (String) script(params);
}}
static void show(String text) {{ StringBuilder b = new StringBuilder(); for (char c : text.toCharArray()) b.append((int) c).append(' '); System.out.println(b); }}
static Map map(Object... pairs) {{ Map m = new HashMap(); for (int i = 0; i < pairs.length; i += 2) m.put(pairs[i], pairs[i + 1]); return m; }}
{calls}{"".join(blocks)}
public static void main(String[] a) {{ {" ".join(f"g{n}();" for n in range(len(blocks)))} }}
}}"""
    (tmp_path / "Script.java").write_text(program, encoding="utf-8")
    ran = subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", str(tmp_path / "Script.java")], capture_output=True, check=True, timeout=60, text=True
    )
    found = [
        bytes(b for unit in map(int, line.split()) for b in unit.to_bytes(2, "big")).decode("utf-16-be") for line in ran.stdout.splitlines()
    ]
    right = []
    for source, name in sources:
        message = field_of(source, name)
        whole = not isinstance(message, str) or "\n" in message
        right.append(
            "w" if message is None else "?" if not isinstance(message, str) else "w" + message if whole else "s" + shrunk([message])[0]
        )
    assert found == right


def _java(value: Any) -> str:
    if isinstance(value, dict):
        return f"map({', '.join(f'{json.dumps(key)}, {_java(item)}' for key, item in value.items())})"
    return "null" if value is None else json.dumps(value)
