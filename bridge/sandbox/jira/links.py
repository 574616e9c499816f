"""Remote links (issue to ticket) and issue links (issue to issue)."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

from bridge.sandbox.calls import Call, Json, Route, answer
from bridge.sandbox.jira import records
from bridge.sandbox.jira.answers import allowed, api, json_body, refuse
from bridge.sandbox.jira.comments import add_comment

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

GLOBAL_ID_LIMIT = 255
_KEYS = ("globalId", "application", "relationship", "object")


def _shown(call: Call, issue: records.Issue, row: sqlite3.Row) -> Json:
    document = json.loads(row["document"])
    link: Json = {"id": row["id"], "self": api(call, f"issue/{issue.key}/remotelink/{row['id']}")}
    for key in _KEYS:
        if document.get(key) is not None:
            link[key] = document[key]
    link.setdefault("application", {})
    return link


def list_remote_links(call: Call) -> Response:
    """GET all links as an array, or the one with `globalId` as an object."""
    issue = records.load(call, call.args["issue"])
    wanted = call.request.args.get("globalId")
    if wanted:
        row = call.state.one("SELECT * FROM remote_links WHERE issue_id = ? AND global_id = ?", issue.id, wanted)
        if row is None:
            raise refuse(404, f"No remote issue link with globalId '{wanted}'")
        return answer(_shown(call, issue, row))
    rows = call.state.rows("SELECT * FROM remote_links WHERE issue_id = ? ORDER BY id", issue.id)
    return answer([_shown(call, issue, row) for row in rows])


def _document(body: Json) -> Json:
    """Check a link; what the request leaves out is null afterwards, as the specification says."""
    errors: dict[str, str] = {}
    target = body.get("object")
    if not isinstance(target, dict):
        raise refuse(400, errors={"object": "'object' is required."})
    errors.update({key: f"'{key}' is required." for key in ("url", "title") if not isinstance(target.get(key), str) or not target[key]})
    if "url" not in errors and not target["url"].lower().startswith(("http://", "https://")):
        errors["url"] = "The URL must start with http or https."
    global_id = body.get("globalId")
    if global_id is not None and (not isinstance(global_id, str) or not 1 <= len(global_id) <= GLOBAL_ID_LIMIT):
        errors["globalId"] = f"The globalId must be a string of 1 to {GLOBAL_ID_LIMIT} characters."
    if "title" not in errors and len(target["title"]) > GLOBAL_ID_LIMIT:
        errors["title"] = f"The title must not be longer than {GLOBAL_ID_LIMIT} characters."
    status = target.get("status")
    if status is not None and not isinstance(status, dict):
        errors["status"] = "'status' must be an object"
    if errors:
        raise refuse(400, errors=errors)
    return {key: body.get(key) for key in _KEYS}


def post_remote_link(call: Call) -> Response:
    """POST a link: 201 new, 200 when its globalId was known and the whole link is replaced."""
    issue = records.load(call, call.args["issue"])
    allowed(call, "LINK_ISSUES")
    document = _document(json_body(call))
    known = None
    if document["globalId"] is not None:
        known = call.state.one("SELECT id FROM remote_links WHERE issue_id = ? AND global_id = ?", issue.id, document["globalId"])
    if known is not None:
        call.state.run("UPDATE remote_links SET document = ? WHERE id = ?", json.dumps(document), known["id"])
        id_ = known["id"]
    else:
        id_ = call.state.run(
            "INSERT INTO remote_links (issue_id, global_id, document) VALUES (?, ?, ?)",
            issue.id,
            document["globalId"],
            json.dumps(document),
        )
    return answer({"id": id_, "self": api(call, f"issue/{issue.key}/remotelink/{id_}")}, 201 if known is None else 200)


def _link(call: Call) -> tuple[records.Issue, sqlite3.Row]:
    issue = records.load(call, call.args["issue"])
    text = call.args["link"]
    row = call.state.one("SELECT * FROM remote_links WHERE issue_id = ? AND id = ?", issue.id, int(text)) if text.isdigit() else None
    if row is None:
        raise refuse(404, f"No remote issue link with id '{text}'")
    return issue, row


def get_remote_link(call: Call) -> Response:
    """GET one link by id."""
    return answer(_shown(call, *_link(call)))


def put_remote_link(call: Call) -> Response:
    """PUT one link by id: 204."""
    _, row = _link(call)
    document = _document(json_body(call))
    call.state.run(
        "UPDATE remote_links SET document = ?, global_id = ? WHERE id = ?", json.dumps(document), document["globalId"], row["id"]
    )
    return answer(None, 204)


def delete_remote_link(call: Call) -> Response:
    """DELETE one link by id: 204."""
    _, row = _link(call)
    call.state.run("DELETE FROM remote_links WHERE id = ?", row["id"])
    return answer(None, 204)


def delete_by_global_id(call: Call) -> Response:
    """DELETE the link with `globalId`: 204."""
    issue = records.load(call, call.args["issue"])
    wanted = call.request.args.get("globalId", "")
    if not wanted:
        raise refuse(400, errors={"globalId": "'globalId' is required."})
    if not call.state.run("DELETE FROM remote_links WHERE issue_id = ? AND global_id = ?", issue.id, wanted):
        raise refuse(404, f"No remote issue link with globalId '{wanted}'")
    return answer(None, 204)


def link_types(call: Call) -> Response:
    """GET issueLinkType."""
    return answer(
        {
            "issueLinkTypes": [
                records.link_type_json(call, id_)
                for id_, (name, *_) in records.LINK_TYPES.items()
                if name not in call.state.project.off_link_types
            ]
        }
    )


def _end(call: Call, body: Json, side: str) -> records.Issue:
    given = body.get(side)
    name = (given.get("key") or given.get("id")) if isinstance(given, dict) else None
    if not isinstance(name, str):
        raise refuse(400, errors={side: f"'{side}' needs a key or an id"})
    return records.load(call, name)


def _type(given: Any) -> str:
    for id_, (name, _, _) in records.LINK_TYPES.items():
        if isinstance(given, dict) and (given.get("id") == id_ or given.get("name") == name):
            return id_
    shown = given.get("name", given.get("id")) if isinstance(given, dict) else given
    raise refuse(404, f"No issue link type with name '{shown}' found.")


def post_issue_link(call: Call) -> Response:
    """POST issueLink: 201 without a body; the same link twice stays one."""
    body = json_body(call)
    allowed(call, "LINK_ISSUES")
    if "comment" in body and not isinstance(body["comment"], dict):
        raise refuse(400, errors={"comment": "'comment' must be an object; leave it out when there is none"})
    type_ = _type(body.get("type"))
    inward, outward = _end(call, body, "inwardIssue"), _end(call, body, "outwardIssue")
    if inward.id == outward.id:
        raise refuse(400, "You cannot link an issue to itself.")
    known = call.state.one("SELECT id FROM issue_links WHERE type = ? AND inward = ? AND outward = ?", type_, inward.id, outward.id)
    if known is None:
        call.state.run("INSERT INTO issue_links (type, inward, outward) VALUES (?, ?, ?)", type_, inward.id, outward.id)
    if "comment" in body:
        add_comment(call, inward, body["comment"])
    for issue in (inward, outward):
        records.save(call.state, issue)
    return answer(None, 201)


def _issue_link(call: Call) -> sqlite3.Row:
    text = call.args["link"]
    row = call.state.one("SELECT * FROM issue_links WHERE id = ?", int(text)) if text.isdigit() else None
    if row is None:
        raise refuse(404, f"No issue link with id '{text}' exists.")
    return row


def get_issue_link(call: Call) -> Response:
    """GET issueLink/{id}."""
    row = _issue_link(call)
    ends = {side: records.linked_json(call, records.load(call, str(row[name]))) for side, name in _SIDES.items()}
    return answer({**records.link_json(call, row), **ends})


_SIDES = {"inwardIssue": "inward", "outwardIssue": "outward"}


def delete_issue_link(call: Call) -> Response:
    """DELETE issueLink/{id}: 204."""
    call.state.run("DELETE FROM issue_links WHERE id = ?", _issue_link(call)["id"])
    return answer(None, 204)


ROUTES = (
    Route(method="GET", path="issue/<issue>/remotelink", handler=list_remote_links),
    Route(method="POST", path="issue/<issue>/remotelink", handler=post_remote_link),
    Route(method="DELETE", path="issue/<issue>/remotelink", handler=delete_by_global_id),
    Route(method="GET", path="issue/<issue>/remotelink/<link>", handler=get_remote_link),
    Route(method="PUT", path="issue/<issue>/remotelink/<link>", handler=put_remote_link),
    Route(method="DELETE", path="issue/<issue>/remotelink/<link>", handler=delete_remote_link),
    Route(method="GET", path="issueLinkType", handler=link_types),
    Route(method="POST", path="issueLink", handler=post_issue_link),
    Route(method="GET", path="issueLink/<link>", handler=get_issue_link),
    Route(method="DELETE", path="issueLink/<link>", handler=delete_issue_link),
)
