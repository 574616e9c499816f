"""JQL, its pages and its lag."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from bridge.sandbox.seed import AGENT_MAIL, DEFAULT_TOKEN
from bridge.sandbox.server import RunningSandbox, start

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = json.loads((Path(__file__).parents[1] / "cases" / "sandbox" / "jql.json").read_text())
AUTH = (AGENT_MAIL, DEFAULT_TOKEN)


def _post(api: str, path: str, body: Any) -> requests.Response:
    answer = requests.post(f"{api}/{path}", json=body, auth=AUTH, timeout=10)
    assert answer.ok, answer.text
    return answer


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with start(tmp_path_factory.mktemp("jql") / "sandbox.sqlite", personality="cloud") as running:
        api = f"{running.jira_url}/rest/api/2"
        common = {"project": {"key": "REP"}}
        bug = {**common, "issuetype": {"name": "Bug"}}
        one = {
            "summary": "Scheduled exports come out empty",
            "labels": ["a"],
            "priority": {"name": "High"},
            "components": [{"name": "exports"}],
        }
        _post(api, "issue", {"fields": {**bug, **one, "customfield_10105": {"value": "S1"}, "customfield_10101": 38}})
        two = {"summary": "Cache is cold", "components": [{"name": "cache"}], "customfield_10105": {"value": "S3"}, "customfield_10101": 5}
        _post(api, "issue", {"fields": {**bug, **two}})
        _post(api, "issue", {"fields": {**common, "issuetype": {"name": "Task"}, "summary": "Write it up", "labels": ["b", "c"]}})
        _post(api, "issue/REP-2/comment", {"body": "It reads an empty snapshot."})
        _post(api, "issue/REP-2/transitions", {"transition": {"id": "11"}})
        _post(api, "issue/REP-3/transitions", {"transition": {"id": "41"}, "fields": {"resolution": {"name": "Duplicate"}}})
        yield running


def _search(running: RunningSandbox, jql: str, **more: Any) -> requests.Response:
    params = {"jql": jql, "fields": "summary", **more}
    return requests.get(f"{running.jira_url}/rest/api/3/search/jql", params=params, auth=AUTH, timeout=10)


@pytest.mark.parametrize(("jql", "numbers"), CASES["found"], ids=lambda value: str(value)[:60])
def test_a_query_finds(jql: str, numbers: list[int], filled: RunningSandbox) -> None:
    answer = _search(filled, jql)
    assert answer.status_code == 200, answer.text
    assert [issue["key"] for issue in answer.json()["issues"]] == [f"REP-{number}" for number in numbers]


@pytest.mark.parametrize(("jql", "part"), CASES["refused"], ids=lambda value: str(value)[:60])
def test_a_query_is_refused(jql: str, part: str, filled: RunningSandbox) -> None:
    answer = _search(filled, jql)
    assert answer.status_code == 400
    assert part in answer.json()["errorMessages"][0]


def test_pages_go_by_token_and_have_no_total(filled: RunningSandbox) -> None:
    first = _search(filled, "project = REP", maxResults=2).json()
    assert set(first) == {"issues", "isLast", "nextPageToken"}
    second = _search(filled, "project = REP", maxResults=2, nextPageToken=first["nextPageToken"]).json()
    assert [issue["key"] for issue in second["issues"]] == ["REP-1"]
    assert (second["isLast"], "nextPageToken" in second) == (True, False)
    for token, jql in ((first["nextPageToken"], "project = REP AND labels = a"), ("nonsense", "project = REP")):
        assert _search(filled, jql, nextPageToken=token).status_code == 400


def test_without_fields_only_ids_come_back(filled: RunningSandbox) -> None:
    assert _search(filled, "key = REP-1", fields="").json()["issues"] == [{"id": "10001"}]


def test_a_lagging_index_misses_what_is_new_but_direct_reads_do_not(cloud: RunningSandbox, bug: dict[str, Any]) -> None:
    api = f"{cloud.jira_url}/rest/api/2"
    cloud.set_lag(30)
    made = _post(api, "issue", {"fields": bug}).json()
    assert _search(cloud, "project = REP").json()["issues"] == []
    assert requests.get(f"{api}/issue/{made['key']}", auth=AUTH, timeout=10).status_code == 200
    reconciled = _search(cloud, "project = REP", reconcileIssues=made["id"]).json()
    assert [issue["key"] for issue in reconciled["issues"]] == ["REP-1"]
    answer = requests.post(f"{cloud.url}/_control/lag", json={"seconds": 0}, timeout=10)
    assert answer.json() == {"seconds": 0.0}
    requests.put(f"{api}/issue/REP-1", json={"fields": {"summary": "changed"}}, auth=AUTH, timeout=10)
    assert len(_search(cloud, "summary ~ changed").json()["issues"]) == 1
    cloud.set_lag(30)
    assert requests.delete(f"{api}/issue/REP-1", auth=AUTH, timeout=10).status_code == 204
    assert requests.post(f"{cloud.url}/_control/lag", json={"seconds": -1}, timeout=10).status_code == 400
