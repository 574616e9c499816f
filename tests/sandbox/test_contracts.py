"""The sandbox against the published specifications: every answer it gives, and what we send, must fit them.

The files are read where they lie and repaired in memory; each repair says why, so that a newer file shows which
are no longer needed. A sandbox that lies would make every test that uses it worthless.
"""

from __future__ import annotations

import io
import json
import os
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from bridge.sandbox.server import RunningSandbox

_ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = Path(os.environ.get("BRIDGE_CORPORA", _ROOT / ".." / "shared" / "corpora")).resolve().parent / "contracts"
pytestmark = [
    pytest.mark.corpora,
    pytest.mark.skipif(not CONTRACTS.is_dir(), reason=f"no published specifications in {CONTRACTS}"),
]
METHODS = {"get", "put", "post", "delete"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    method: str
    path: str
    sent: Any
    status: int
    answer: Any


@dataclass(slots=True)
class Recorder:
    """Notes every exchange of a session."""

    prefix: str
    exchanges: list[Exchange] = field(default_factory=list)

    def __call__(self, response: requests.Response, *_args: Any, **_options: Any) -> None:
        request = response.request
        address, body = str(request.url), request.body
        path = "/" + address.split("/", 3)[3].partition("?")[0]
        json_sent = "json" in str(request.headers.get("Content-Type", ""))
        sent = json.loads(body) if body and json_sent and isinstance(body, str | bytes) else None
        answer = response.json() if "json" in response.headers.get("Content-Type", "") and response.content else None
        self.exchanges.append(
            Exchange(
                method=str(request.method).lower(),
                path=path.removeprefix(self.prefix),
                sent=sent,
                status=response.status_code,
                answer=answer,
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    document: dict[str, Any]
    paths: tuple[tuple[re.Pattern[str], str], ...]

    def operation(self, exchange: Exchange) -> dict[str, Any]:
        for pattern, path in self.paths:
            if pattern.fullmatch(exchange.path) and exchange.method in self.document["paths"][path]:
                found: dict[str, Any] = self.document["paths"][path][exchange.method]
                return found
        raise AssertionError(f"the specification has no {exchange.method} {exchange.path}")

    def faults(self, exchange: Exchange) -> list[str]:
        """Say what the specification does not allow in an exchange."""
        operation = self.operation(exchange)
        if str(exchange.status) not in operation["responses"]:
            known = ", ".join(operation["responses"])
            return [f"{exchange.method} {exchange.path}: status {exchange.status} is not among {known}"]
        response = _resolve(self.document, operation["responses"][str(exchange.status)])
        parts = [("answer", exchange.answer, response)]
        if exchange.sent is not None and exchange.status < 300:
            parts.append(("request", exchange.sent, _resolve(self.document, operation.get("requestBody", {}))))
        found = []
        for name, value, holder in parts:
            schema = holder.get("content", {}).get("application/json", {}).get("schema")
            if schema is not None and value is not None:
                found += [f"{exchange.method} {exchange.path} {name}: {fault}" for fault in _violations(self, schema, value)]
        return found


def _resolve(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in value:
        node: Any = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            node = node[part]
        value = node
    return value


def _violations(contract: Contract, schema: dict[str, Any], value: Any) -> Iterator[str]:
    import jsonschema_rs

    whole = {**schema, "components": {"schemas": contract.document["components"]["schemas"]}}
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=False)
    for error in validator.iter_errors(value):
        yield f"{'/'.join(str(part) for part in error.instance_path)}: {error.message[:200]}"


def _as_json_schema(node: Any, *, nullable: bool) -> Any:
    """Turn OpenAPI 3.0 schemas into JSON Schema: `nullable`; with `nullable=True` every property may be null."""
    if isinstance(node, list):
        return [_as_json_schema(item, nullable=nullable) for item in node]
    if not isinstance(node, dict):
        return node
    out = {key: _as_json_schema(value, nullable=nullable) for key, value in node.items() if key not in {"example", "examples", "nullable"}}
    # OpenAPI 3.0 knows these two as booleans, and uses the keywords only beside a limit.
    for key in ("exclusiveMinimum", "exclusiveMaximum"):
        if isinstance(out.get(key), bool):
            del out[key]
    properties = out.get("properties")
    # A property may itself be called "properties": then it is a schema, not a mapping of them.
    if nullable and isinstance(properties, dict) and all(isinstance(value, dict) for value in properties.values()):
        out["properties"] = {key: _or_null(value) for key, value in properties.items()}
    if node.get("nullable") is True:
        return _or_null(out)
    return out


def _or_null(schema: Any) -> Any:
    return {"anyOf": [schema, {"type": "null"}]}


def _contract(document: dict[str, Any], *, nullable: bool) -> Contract:
    """Compile what is asked: paths with fewer variables first, schemas as JSON Schema."""
    schemas = _as_json_schema(document["components"]["schemas"], nullable=nullable)
    prepared = {**document, "components": {**document["components"], "schemas": schemas}}
    for operations in prepared["paths"].values():
        for method in METHODS & set(operations):
            operation = operations[method]
            for holder in (operation.get("requestBody", {}), *operation["responses"].values()):
                content = holder.get("content", {}).get("application/json", {})
                if "schema" in content:
                    content["schema"] = _as_json_schema(content["schema"], nullable=nullable)
    paths = sorted(document["paths"], key=lambda path: (path.count("{"), path))
    return Contract(document=prepared, paths=tuple((re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), path) for path in paths))


def _mended_jira(document: dict[str, Any], version: str) -> Contract:
    api = f"/rest/api/{version}"
    paths = document["paths"]
    # GET remotelink is declared as one object; its example and the API give an array.
    content = paths[f"{api}/issue/{{issueIdOrKey}}/remotelink"]["get"]["responses"]["200"]["content"]["application/json"]
    content["schema"] = {"oneOf": [{"type": "array", "items": content["schema"]}, content["schema"]]}
    # Search by GET on the removed path is no longer described beyond its 410.
    for operations in paths.values():
        for method in METHODS & set(operations):
            # 429 and 503 are documented on few operations, and come on all.
            operations[method]["responses"].setdefault("429", {"description": "too many"})
            operations[method]["responses"].setdefault("503", {"description": "busy"})
    return _contract(document, nullable=False)


@cache
def jira_v3() -> Contract:
    return _mended_jira(json.loads((CONTRACTS / "jira-cloud-v3.json").read_text()), "3")


@cache
def jira_v2() -> Contract:
    import yaml

    text = (CONTRACTS / "jira-cloud-v2.yaml").read_text()
    return _mended_jira(yaml.load(text, Loader=yaml.CSafeLoader), "2")  # noqa: TID251  not our file: no line numbers needed


@cache
def zendesk() -> Contract:
    import yaml

    class Loader(yaml.CSafeLoader):
        """A bare `=` is a value in this file: without the resolver for it, it is a string."""

    Loader.yaml_implicit_resolvers = {
        key: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:value"]
        for key, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }
    text = (CONTRACTS / "zendesk-support.yaml").read_text()
    document = yaml.load(text, Loader=Loader)  # noqa: S506, TID251  a safe loader; not our file: no line numbers needed
    # The update types values of custom fields as field definitions: an object with an id is what the API takes.
    document["components"]["schemas"]["TicketUpdateInput"]["properties"]["custom_fields"]["items"] = {
        "type": "object",
        "properties": {"id": {"type": "integer"}},
        "required": ["id"],
    }
    # Absent values are null in the API and in the file's own examples, and nowhere declared so.
    return _contract(document, nullable=True)


def _check(contract: Contract, exchanges: list[Exchange]) -> None:
    assert exchanges
    faults = [fault for exchange in exchanges for fault in contract.faults(exchange)]
    assert not faults, "\n".join(faults)


def _adf(text: str) -> dict[str, Any]:
    return {"version": 1, "type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}]}


def _walk_jira(running: RunningSandbox, http: requests.Session, fields: dict[str, Any], version: str) -> list[Exchange]:
    """Do everything a filing client does, over plain HTTP."""
    recorder = Recorder(prefix="/jira")
    http.hooks["response"] = [recorder]
    api = f"{running.jira_url}/rest/api/{version}"
    text: Any = _adf("No rows.") if version == "3" else "No rows."

    def call(method: str, path: str, status: int, body: Any = None, **options: Any) -> Any:
        answer = http.request(method, f"{api}/{path}", json=body, timeout=10, **options)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    for path in ("serverInfo", "myself", "project/REP", "priority", "field", "issueLinkType", "issuetype", "project/REP/statuses"):
        call("GET", path, 200)
    call("GET", "project/search", 200)
    call("GET", "mypermissions?permissions=CREATE_ISSUES&projectKey=REP", 200)
    call("GET", "issue/createmeta/REP/issuetypes", 200)
    call("GET", "issue/createmeta/REP/issuetypes/10001", 200)
    call("POST", "issue", 400, {"fields": {"project": {"key": "REP"}, "issuetype": {"id": "10001"}}})
    for _ in range(2):
        made = call("POST", "issue", 201, {"fields": {**fields, "description": text}})
    issue = f"issue/{made['key']}"
    call("GET", issue, 200)
    call("GET", "issue/REP-99", 404)
    call("PUT", f"{issue}?notifyUsers=false", 204, {"fields": {"customfield_10101": 40}, "update": {"labels": [{"add": "more"}]}})
    comment = call("POST", f"{issue}/comment", 201, {"body": text})
    call("PUT", f"{issue}/comment/{comment['id']}", 200, {"body": text})
    call("GET", f"{issue}/comment", 200)
    target = {"url": "https://a.example/1", "title": "ZD-1001", "summary": "Ada", "status": {"resolved": False}}
    for status in (201, 200):
        call("POST", f"{issue}/remotelink", status, {"globalId": "bridge:1", "relationship": "reported by", "object": target})
    call("GET", f"{issue}/remotelink", 200)
    call("GET", f"{issue}/remotelink", 200, params={"globalId": "bridge:1"})
    link = {"type": {"name": "Duplicate"}, "inwardIssue": {"key": "REP-2"}, "outwardIssue": {"key": made["key"]}}
    call("POST", "issueLink", 201, link)
    call("PUT", f"{issue}/properties/bridge.report", 201, {"case": "BR-0001"})
    call("GET", f"{issue}/properties/bridge.report", 200)
    call("GET", f"{issue}/properties", 200)
    http.post(
        f"{api}/{issue}/attachments", files={"file": ("a.csv", io.BytesIO(b"a,b"))}, headers={"X-Atlassian-Token": "no-check"}, timeout=10
    )
    call("GET", "attachment/1", 200)
    call("GET", "attachment/meta", 200)
    call("GET", f"{issue}/transitions?expand=transitions.fields", 200)
    call("POST", f"{issue}/transitions", 204, {"transition": {"id": "11"}})
    call("GET", "search/jql", 200, params={"jql": "project = REP", "fields": "*all", "maxResults": 1})
    call("POST", "search/jql", 200, {"jql": "project = REP", "fields": ["summary"], "maxResults": 50})
    call("POST", "search/approximate-count", 200, {"jql": "project = REP"})
    call("POST", "issue/bulkfetch", 200, {"issueIdsOrKeys": [made["key"], "REP-99"], "fields": ["summary"]})
    call("GET", f"{issue}?fields=*all", 200)
    call("DELETE", f"{issue}/remotelink", 204, params={"globalId": "bridge:1"})
    call("DELETE", issue, 204)
    return recorder.exchanges


def test_cloud_speaks_v3(cloud: RunningSandbox, http: requests.Session, bug: dict[str, Any]) -> None:
    _check(jira_v3(), _walk_jira(cloud, http, bug, "3"))


def test_cloud_speaks_v2(cloud: RunningSandbox, http: requests.Session, bug: dict[str, Any]) -> None:
    _check(jira_v2(), _walk_jira(cloud, http, bug, "2"))


def test_the_help_desk_speaks_zendesk(cloud: RunningSandbox, desk: requests.Session) -> None:
    recorder = Recorder(prefix="/zendesk")
    desk.hooks["response"] = [recorder]
    api = f"{cloud.zendesk_url}/api/v2"

    def call(method: str, path: str, status: int = 200, body: Any = None) -> Any:
        answer = desk.request(method, f"{api}/{path}", json=body, timeout=10)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    for path in (
        *("tickets", "tickets/1001", "tickets/show_many?ids=1001,1002", "tickets/1001/comments", "tickets/1001/tags", "ticket_fields"),
        *("users/me", "users/600", "users/show_many?ids=600", "organizations/500", "organizations/show_many?ids=500", "organizations"),
        *("search?query=type:ticket", "search/count?query=type:ticket", "incremental/tickets/cursor?start_time=0"),
    ):
        call("GET", path)
    note = {"comment": {"body": "Filed as REP-1.", "public": False}, "custom_fields": [{"id": 360001, "value": "REP-1"}], "tags": ["a"]}
    call("PUT", "tickets/1001", 200, {"ticket": note})
    call("PUT", "tickets/1001/tags", 200, {"tags": ["filed"]})
    call("POST", "tickets", 201, {"ticket": {"subject": "New", "comment": {"body": "words"}, "requester_id": 600}})
    call("DELETE", "tickets/1003", 204)
    _check(zendesk(), recorder.exchanges)


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("post", "/rest/api/3/issueLink", {"type": {"name": "Blocks"}, "inwardIssue": {}, "outwardIssue": {}, "comment": None}, 201),
        ("post", "/rest/api/3/issue/REP-1/transitions", {"transition": {"id": 11}}, 204),
        ("post", "/rest/api/3/issue", {"fields": {}}, 200),
    ],
)
def test_the_check_itself_finds_what_is_wrong(method: str, path: str, sent: Any, status: int) -> None:
    assert jira_v3().faults(Exchange(method=method, path=path, sent=sent, status=status, answer=None))


def test_an_unknown_path_is_no_silent_pass() -> None:
    with pytest.raises(AssertionError, match="has no get"):
        jira_v3().faults(Exchange(method="get", path="/rest/api/latest/issue/REP-1", sent=None, status=200, answer=None))
