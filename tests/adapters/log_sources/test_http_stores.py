"""OpenSearch, Elasticsearch and Loki against emulations of their documented interfaces: same answers as from files, and their faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bridge.adapters import transport
from bridge.adapters.log_sources import loki, loki_counts, opensearch
from bridge.errors import AccessError, BridgeError, InputError, RefusedError, RetryLaterError
from bridge.logs.counting import Counting
from bridge.logs.remote import RemoteLogs, answer_from
from bridge.logs.times import micros
from bridge.plugins import AdapterOptions
from tests.adapters.log_sources import contract
from tests.adapters.log_sources.emulated_loki import Loki
from tests.adapters.log_sources.emulations import OpenSearch, served
from tests.adapters.log_sources.test_contract import spans

COLUMNS = {
    "at": "@timestamp", "level": "lvl", "service": "svc.keyword", "account_id": "account", "trace_id": "trace", "message": "message.keyword", "region": "region",
}  # fmt: skip
END = datetime(2026, 3, 20, tzinfo=UTC)


def options(**values: Any) -> AdapterOptions:
    return AdapterOptions(name="app", values=values, root=Path(), where="bridge.yaml:7", secret=lambda key: key, now=lambda: END)


def documents() -> list[dict[str, Any]]:
    names = [COLUMNS[name].removesuffix(".keyword") for name in contract.NAMES]
    return [{key: value for key, value in zip(names, event.values(), strict=True) if value is not None} for event in contract.EVENTS]


@contextmanager
def searched(*, elastic: bool = False, columns: dict[str, str] | None = None, **more: Any) -> Iterator[tuple[OpenSearch, Any]]:
    with served(OpenSearch(documents=documents(), elastic=elastic)) as server:
        assert isinstance(server, OpenSearch)
        open_source = opensearch.open_elasticsearch if elastic else opensearch.open_opensearch
        source = open_source(options(url=server.url, index="logs-1", columns=columns or COLUMNS, patience_seconds=1, **more))
        try:
            yield server, source
        finally:
            source.close()


@contextmanager
def tailed(**more: Any) -> Iterator[tuple[Loki, Any]]:
    entries = []
    for event in contract.EVENTS:
        fields = {key: value for key, value in event.items() if key not in {"at", "service"} and value is not None}
        line = json.dumps(fields, ensure_ascii=False)
        entries.append(({"app": "shop", "svc": event["service"]}, micros(datetime.fromisoformat(event["at"])) * 1000, line))
    entries.append(({"app": "other", "svc": "billing"}, 1_773_108_000_000_000_000, '{"level":"ERROR","message":"of another app"}'))
    with served(Loki(entries=entries)) as server:
        assert isinstance(server, Loki)
        values = {"url": server.url, "selector": '{app="shop"}', "labels": {"service": "svc"}, "earliest": datetime(2026, 3, 1, tzinfo=UTC)}
        source = loki.open_source(options(**{**values, "patience_seconds": 1, **more}))
        try:
            yield server, source
        finally:
            source.close()


def test_opensearch_answers_as_files(tmp_path: Path) -> None:
    with searched() as (server, source):
        contract.check(source, tmp_path)
        spans(source, tmp_path)
        assert server.points == {}
        assert all(check.ok for check in source.check())


def test_elasticsearch_answers_as_files(tmp_path: Path) -> None:
    with searched(elastic=True) as (server, source):
        contract.check(source, tmp_path)
        assert server.points == {}


@pytest.mark.parametrize("probe", [1, 500])
def test_loki_answers_as_files(probe: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loki_counts, "_PROBE", probe)
    with tailed() as (server, source):
        contract.check(source, tmp_path)
        assert server.refused == []
        assert source.notes == []
        spans(source, tmp_path)
        assert all(check.ok for check in source.check())


@pytest.mark.parametrize("make", [searched, tailed])
def test_pages_lose_and_repeat_nothing(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for page in (1, 2, 3, 7):
        monkeypatch.setattr(opensearch, "_PAGE", page)
        monkeypatch.setattr(loki, "_PAGE", max(page, 3))  # three events share a time: less can't be paged
        with make() as (_, source):
            assert len(answer_from(source, contract.question({})).rows.at) == len(contract.EVENTS)
            counting = Counting(fields=("template",), every=900_000_000)
            answer_from(source, contract.question({}), counting=counting)
            assert counting.total == len(contract.EVENTS)


@pytest.mark.parametrize("make", [searched, tailed])
def test_the_first_events_are_all_that_comes_back(make: Any) -> None:
    with make() as (server, source):
        for limit in (1, 2, 5):
            server.requests.clear()
            assert len(answer_from(source, contract.question({}), limit=limit).rows.at) == limit
            asked = [int(params.get("limit") or params.get("size") or 0) for _, _, params in server.requests]
            assert max(asked) == limit + 1
        assert len(answer_from(source, contract.question({"services": ["notifier"]}), limit=1).rows.at) == 1


def test_more_lines_in_a_nanosecond_than_a_page_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loki, "_PAGE", 2)
    with tailed() as (server, source), pytest.raises(RefusedError, match="in one nanosecond"):  # noqa: PT012 - the server is part of it
        server.entries = [({"app": "shop"}, 1_773_108_000_000_000_000, str(number)) for number in range(3)]
        answer_from(source, contract.question({}))


def test_a_message_that_the_keyword_field_forgot_is_counted_all_the_same() -> None:
    with searched() as (server, source):
        server.documents[0]["message"] = "x" * 300
        counting = Counting(fields=("message",))
        assert answer_from(source, contract.question({}), counting=counting).problems() == []
        assert counting.counts[0, ("x" * 300,)] == 1
        assert counting.total == len(contract.EVENTS)


def test_a_filter_by_analysed_words_is_refused() -> None:
    with (
        searched(columns={**COLUMNS, "service": "svc"}) as (_, source),
        pytest.raises(InputError, match=r"svc \(text\) can't be asked") as caught,
    ):
        answer_from(source, contract.question({"services": ["billing"]}))
    assert caught.value.hint == "service: svc.keyword"


def test_a_part_of_the_shards_is_no_answer() -> None:
    body = {"timed_out": False, "_shards": {"total": 5, "failed": 2}, "hits": {"hits": []}}
    with searched() as (server, source), pytest.raises(RetryLaterError, match="2 of 5 shards failed"):  # noqa: PT012 - the server is part of it
        server.faults = [(200, {}, {"pit_id": "point-0"}), (200, {}, body)]
        answer_from(source, contract.question({}))


@pytest.mark.parametrize("make", [searched, tailed])
def test_busy_servers_are_asked_again_and_broken_ones_are_told(make: Any) -> None:
    with make() as (server, source):
        server.faults = [(429, {"Retry-After": "0"}, {}), (503, {"Retry-After": "0"}, {})]
        assert len(answer_from(source, contract.question({})).rows.at) == len(contract.EVENTS)
        server.faults = [(401, {}, {})]
        with pytest.raises(AccessError):
            answer_from(source, contract.question({}))
        server.faults = [(429, {"Retry-After": "60"}, {})]
        with pytest.raises(RetryLaterError) as caught:
            answer_from(source, contract.question({}))
        assert caught.value.after_seconds is not None
    with make() as (server, source), pytest.raises(RetryLaterError):  # noqa: PT012 - the server is part of it
        server.faults = [(200, {}, {"status": "success", "data": {"resultType": "matrix"}, "pit_id": "p"}), (200, {}, {"hits": 1})]
        answer_from(source, contract.question({}))


@pytest.mark.parametrize("value", ['"} |= "x', "a\\", 'x"}) or ({a="', "{{.}}", "`", "\n", "a|b", ".*", "(?i)x", "é😀", "'; DROP TABLE x"])
def test_what_users_write_stays_a_value(value: str) -> None:
    with tailed(labels={"service": "svc", "account_id": "account"}) as (server, source):
        assert answer_from(source, contract.question({"services": [value], "accounts": [value], "grep": [value]})).rows.at == []
        assert server.refused == []
        query = server.requests[-1][2]["query"]
        assert query.startswith('{app="shop", svc=~"')
    with searched() as (documents_, source):
        assert answer_from(source, contract.question({"services": [value], "accounts": [value]})).rows.at == []
        assert documents_.refused == []


def test_caps_are_said() -> None:
    for make in (searched, partial(tailed, format="text")):
        with make() as (_, source):
            small: RemoteLogs = replace(source, caps=(3, 2))
            answer = answer_from(small, contract.question({}))
            assert (len(answer.rows.at), answer.cut) == (3, True)
            assert answer.problems() == ["app: cut at the cap of 3 events"]
            counting = Counting(fields=("template",))
            assert "the counts are too low" in answer_from(small, contract.question({}), counting=counting).problems()[0]


def test_wrong_parts_of_bridge_yaml_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        loki.open_source(options(url="http://logs.example.com", selector='{app="x"} | json', labels={"x": "y"}, earliest="soon"))
    assert len(caught.value.problems) == 4
    with pytest.raises(InputError) as caught:
        opensearch.open_opensearch(options(url="https://x.example", index="../_all", columns={"message": "m"}, indx=1))
    assert len(caught.value.problems) == 3
    with tailed(earliest=None) as (_, source), pytest.raises(InputError, match="stretch of time"):
        answer_from(source, contract.question({}))


@pytest.mark.parametrize("make", [searched, tailed])
def test_answers_too_long_to_take_are_asked_for_in_smaller_pages(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "ANSWER_BYTES", 2_000)
    monkeypatch.setattr(loki, "_PAGE", 16)
    monkeypatch.setattr(opensearch, "_PAGE", 16)
    with make() as (server, source):
        assert len(answer_from(source, contract.question({})).rows.at) == len(contract.EVENTS)
        assert server.sent < 40_000, "not the same again"
        monkeypatch.setattr(transport, "ANSWER_BYTES", 50)
        with pytest.raises(RetryLaterError, match="longer than"):
            answer_from(source, contract.question({}))


SHARDS = {"total": 1, "failed": 0}
NONSENSE: list[dict[str, Any]] = [
    {}, {"fields": 5}, {"fields": {"lvl": 5}}, {"fields": {"lvl": {"keyword": 5}}}, {"hits": []}, {"_shards": 5}, {"pit_id": 5, "id": 5},
    {"pit_id": "p", "id": "p", "_shards": SHARDS, "hits": {"hits": 5}}, {"pit_id": "p", "id": "p", "_shards": SHARDS, "hits": {"hits": [5]}},
    {"pit_id": "p", "id": "p", "_shards": SHARDS, "hits": {"hits": [{"sort": [], "_source": {}}]}},
    {"pit_id": "p", "id": "p", "_shards": SHARDS, "hits": {"hits": [{"sort": [1], "_source": 5}], "total": 5}, "aggregations": 5},
    {"pit_id": "p", "id": "p", "_shards": SHARDS, "hits": {"total": {"value": "x", "relation": "eq"}}, "aggregations": {"groups": {"buckets": [5]}}},
    {"pit_id": "p", "_shards": SHARDS, "hits": {"total": {"value": 1, "relation": "eq"}}, "aggregations": {"groups": {"buckets": [{"key": {"bucket": "x"}, "doc_count": 1}]}}},
    {"logs-1": 5}, {"logs-1": {"mappings": {"lvl": 5}}}, {"logs-1": {"mappings": {"lvl": {"mapping": {"lvl": 5}}}}},
    {"status": "success"}, {"status": "success", "data": 5, "warnings": 5}, {"status": "success", "data": {"resultType": "streams", "result": 5}},
    *({"status": "success", "data": {"resultType": "streams", "result": [stream]}} for stream in (5, {"stream": 5, "values": 5}, {"stream": {}, "values": [[1]]}, {"stream": 5, "values": [["1", "x"]]}, {"stream": {}, "values": [["x", "x"]]})),
    *({"status": "success", "data": {"resultType": "vector", "result": [group]}} for group in (5, {"metric": 5, "value": 5}, {"metric": {}, "value": [1, "NaN"]}, {"metric": {}, "value": [1, "+Inf"]})),
]  # fmt: skip


@pytest.mark.parametrize("make", [searched, tailed])
def test_nonsense_is_told_in_words(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loki_counts, "_PROBE", 1)
    with make() as (server, source):
        for number, nonsense in enumerate(NONSENSE):
            for skipped in (0, 1, 3):  # the first answers are right ones, then only this comes
                left = [skipped]
                whole = type(server).answer

                def answer(*asked: Any, left: list[int] = left, nonsense: Any = nonsense, whole: Any = whole) -> Any:
                    left[0] -= 1
                    return whole(server, *asked) if left[0] >= 0 else nonsense

                server.answer = answer
                with suppress(BridgeError):
                    answer_from(
                        source, contract.question({"levels": ["ERROR"]}), counting=Counting(fields=("template", "level"), every=900_000_000)
                    )
                left[0] = skipped
                with suppress(BridgeError):
                    source.events(contract.question({}), 5)
            left[0] = 0
            assert source.check(), number
