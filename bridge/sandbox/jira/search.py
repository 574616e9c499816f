"""Search: /search on Data Center, /search/jql on Cloud, both over the index with its lag."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from bridge.sandbox.calls import Call, Json, Route, answer
from bridge.sandbox.jira import jql, records
from bridge.sandbox.jira.answers import json_body, paged, refuse

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

PAGE = 50
MOST = 100
RECONCILE = 50
_GONE = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. "
    "A full migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)


def _found(call: Call, text: str, *, reconcile: list[int]) -> tuple[jql.Query, list[records.Issue]]:
    """Return the query and its issues in order: as the index knows them, the reconciled ones as they are."""

    def issue_id(name: str) -> int | None:
        issue = records.find(call.state, name)
        return None if issue is None else issue.id

    try:
        query = jql.parse(text, jql.World(project=call.state.project, now=call.now, issue_id=issue_id))
    except jql.JqlError as error:
        raise refuse(400, str(error)) from error
    visible = {row["id"] for row in call.state.rows("SELECT id FROM issues WHERE hidden = 0")}
    known = {id_: document for id_, document in call.state.indexed("issue").items() if id_ in visible}
    for id_ in reconcile:
        issue = records.find(call.state, str(id_))
        if issue is not None:
            known[id_] = {**issue.document, "key": issue.key, "comments": []}
    hits = [
        records.Issue(id=id_, key=document["key"], document=document) for id_, document in known.items() if query.matches(id_, document)
    ]
    hits.sort(key=lambda issue: issue.id, reverse=True)
    for name, descending in reversed(query.order):
        hits.sort(key=lambda issue: _sort_key(name, issue), reverse=descending)
    return query, hits


def _sort_key(name: str, issue: records.Issue) -> tuple[bool, Any]:
    document = issue.document
    if name in {"key", "issuekey", "id", "issue"}:
        return True, jql.key_number(issue.key) if "key" in name else issue.id
    value = document.get(
        {"resolved": "resolutiondate", "createddate": "created", "updateddate": "updated", "issuetype": "type"}.get(name, name)
    )
    if value is None:
        value = document["values"].get(name)
    if name == "priority" and value is not None:
        value = -int(value)
    return value is not None, value if value is not None else 0


def _names(value: Any) -> list[str]:
    if value is None:
        return []
    parts = value if isinstance(value, list) else [value]
    return [name.strip() for part in parts for name in str(part).split(",") if name.strip()]


def old_search(call: Call) -> Response:
    """GET or POST search: 410 on Cloud."""
    if call.cloud:
        raise refuse(410, _GONE)
    if call.request.method == "POST":
        body = json_body(call)
        unknown = sorted(set(body) - {"jql", "startAt", "maxResults", "validateQuery", "fields", "expand"})
        if unknown:
            raise refuse(400, f'Unrecognized field "{unknown[0]}"')
        text, wanted = str(body.get("jql") or ""), _names(body.get("fields"))
        start, size = int(body.get("startAt") or 0), min(MOST, int(body.get("maxResults", PAGE)))
    else:
        text, wanted = call.request.args.get("jql", ""), _names(call.request.args.getlist("fields"))
        start, size = paged(call, size=PAGE, most=MOST)
    _, hits = _found(call, text, reconcile=[])
    page = [records.shown(call, issue, wanted or list(records.NAVIGABLE)) for issue in hits[start : start + size]]
    return answer({"expand": "schema,names", "startAt": start, "maxResults": size, "total": len(hits), "issues": page})


_POST_KEYS = frozenset({"jql", "nextPageToken", "maxResults", "fields", "expand", "properties", "fieldsByKeys", "reconcileIssues"})


def new_search(call: Call) -> Response:
    """GET or POST search/jql, Cloud only: pages by nextPageToken, no total, only ids unless fields are named."""
    if not call.cloud:
        raise refuse(404, "null for uri: search/jql")
    text, wanted, token, size, reconcile = _asked(call)
    if len(reconcile) > RECONCILE:
        raise refuse(400, f"reconcileIssues takes at most {RECONCILE} ids.")
    query, hits = _found(call, text, reconcile=reconcile)
    if not query.bounded:
        raise refuse(400, "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.")
    start = _start_of(token, text)
    page = hits[start : start + size]
    more = start + size < len(hits)
    body: Json = {"issues": [_hit(call, issue, wanted) for issue in page], "isLast": not more}
    if more:
        body["nextPageToken"] = _token(start + size, text)
    return answer(body)


def _asked(call: Call) -> tuple[str, list[str], str, int, list[int]]:
    if call.request.method == "POST":
        body = json_body(call)
        unknown = sorted(set(body) - _POST_KEYS)
        if unknown:
            raise refuse(400, f'Unrecognized field "{unknown[0]}"')
        size = body.get("maxResults") or PAGE
        reconcile = body.get("reconcileIssues") or []
        if not isinstance(size, int) or not all(isinstance(item, int) for item in reconcile):
            raise refuse(400, "maxResults and reconcileIssues take numbers")
        return str(body.get("jql") or ""), _names(body.get("fields")), str(body.get("nextPageToken") or ""), min(MOST, size), reconcile
    args = call.request.args
    ids = _names(args.getlist("reconcileIssues"))
    if not all(text.isdigit() for text in ids):
        raise refuse(400, "reconcileIssues takes issue ids")
    _, size = paged(call, size=PAGE, most=MOST)
    return args.get("jql", ""), _names(args.getlist("fields")), args.get("nextPageToken", ""), size or PAGE, [int(text) for text in ids]


def _hit(call: Call, issue: records.Issue, wanted: list[str]) -> Json:
    if set(wanted) <= {"id"}:
        return {"id": str(issue.id)}
    return records.shown(call, issue, wanted)


def _token(start: int, text: str) -> str:
    return base64.urlsafe_b64encode(f"{start}:{_mark(text)}".encode()).decode()


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _start_of(token: str, text: str) -> int:
    if not token:
        return 0
    try:
        start, _, mark = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
        found = int(start)
    except ValueError as error:
        raise refuse(400, "The provided next page token is invalid or expired.") from error
    if mark != _mark(text):
        raise refuse(400, "The provided next page token is invalid or expired.")
    return found


def approximate_count(call: Call) -> Response:
    """POST search/approximate-count, Cloud only."""
    if not call.cloud:
        raise refuse(404, "null for uri: search/approximate-count")
    query, hits = _found(call, str(json_body(call).get("jql") or ""), reconcile=[])
    if not query.bounded:
        raise refuse(400, "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.")
    return answer({"count": len(hits)})


ROUTES = (
    Route(method="GET", path="search", handler=old_search),
    Route(method="POST", path="search", handler=old_search, reads=True),
    Route(method="GET", path="search/jql", handler=new_search),
    Route(method="POST", path="search/jql", handler=new_search, reads=True),
    Route(method="POST", path="search/approximate-count", handler=approximate_count, reads=True),
)
