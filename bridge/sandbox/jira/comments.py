"""Comments of issues."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bridge.sandbox.calls import Call, Route, answer
from bridge.sandbox.jira import fields, records
from bridge.sandbox.jira.answers import allowed, json_body, paged, refuse, too_long
from bridge.sandbox.state import stamp

if TYPE_CHECKING:
    from werkzeug.wrappers import Response


def _body(call: Call, value: Any) -> Any:
    try:
        stored = fields.long_text(call, value)
    except fields.ContentLimitError as error:
        raise too_long("comment") from error
    except fields.FieldError as error:
        raise refuse(400, errors={"comment": f"Comment body is not valid! {error}"}) from error
    if not fields.wiki_of(stored).strip():
        raise refuse(400, errors={"comment": "Comment body can not be empty!"})
    return stored


def add_comment(call: Call, issue: records.Issue, given: Any) -> int:
    """Add a comment and return its id; 400 for a body of the wrong kind, empty or too long."""
    allowed(call, "ADD_COMMENTS")
    if not isinstance(given, dict):
        raise refuse(400, errors={"comment": "Comment must be an object"})
    properties = given.get("properties") or []
    if not isinstance(properties, list) or not all(isinstance(item, dict) and "key" in item and "value" in item for item in properties):
        raise refuse(400, errors={"properties": "'properties' must be an array of {key, value}"})
    now = stamp(call.now)
    document = {
        "author": call.caller.id,
        "body": _body(call, given.get("body")),
        "created": now,
        "updated": now,
        "properties": properties,
    }
    return call.state.run("INSERT INTO comments (issue_id, document) VALUES (?, ?)", issue.id, json.dumps(document))


def _one(call: Call) -> tuple[records.Issue, int, Any]:
    issue = records.load(call, call.args["issue"])
    row = call.state.one("SELECT * FROM comments WHERE issue_id = ? AND id = ?", issue.id, _id(call))
    if row is None:
        raise refuse(404, f"Can not find a comment for the id: {call.args['comment']}.")
    return issue, row["id"], json.loads(row["document"])


def _id(call: Call) -> int:
    text = call.args["comment"]
    return int(text) if text.isascii() and text.isdigit() else -1


def list_comments(call: Call) -> Response:
    """GET comments, oldest first unless orderBy=-created."""
    issue = records.load(call, call.args["issue"])
    rows = call.state.rows("SELECT * FROM comments WHERE issue_id = ? ORDER BY id", issue.id)
    if call.request.args.get("orderBy") == "-created":
        rows.reverse()
    start, size = paged(call, size=100 if call.cloud else 1_048_576, most=5000 if call.cloud else 1_048_576)
    shown = [records.comment_json(call, issue.id, row["id"], json.loads(row["document"])) for row in rows[start : start + size]]
    return answer({"startAt": start, "maxResults": size, "total": len(rows), "comments": shown})


def post_comment(call: Call) -> Response:
    """POST a comment: 201."""
    issue = records.load(call, call.args["issue"])
    id_ = add_comment(call, issue, json_body(call))
    records.save(call.state, issue)
    row = call.state.one("SELECT document FROM comments WHERE id = ?", id_)
    return answer(records.comment_json(call, issue.id, id_, json.loads(row["document"]) if row else {}), 201)


def get_comment(call: Call) -> Response:
    """GET one comment."""
    issue, id_, document = _one(call)
    return answer(records.comment_json(call, issue.id, id_, document))


def put_comment(call: Call) -> Response:
    """PUT a comment's new body: 200."""
    issue, id_, document = _one(call)
    body = json_body(call)
    document["body"] = _body(call, body.get("body"))
    document["updated"] = stamp(call.now)
    if isinstance(body.get("properties"), list):
        document["properties"] = body["properties"]
    call.state.run("UPDATE comments SET document = ? WHERE id = ?", json.dumps(document), id_)
    records.save(call.state, issue)
    return answer(records.comment_json(call, issue.id, id_, document))


def delete_comment(call: Call) -> Response:
    """DELETE a comment: 204."""
    issue, id_, _ = _one(call)
    call.state.run("DELETE FROM comments WHERE id = ?", id_)
    records.save(call.state, issue)
    return answer(None, 204)


ROUTES = (
    Route(method="GET", path="issue/<issue>/comment", handler=list_comments),
    Route(method="POST", path="issue/<issue>/comment", handler=post_comment),
    Route(method="GET", path="issue/<issue>/comment/<comment>", handler=get_comment),
    Route(method="PUT", path="issue/<issue>/comment/<comment>", handler=put_comment),
    Route(method="DELETE", path="issue/<issue>/comment/<comment>", handler=delete_comment),
)
