"""Issue properties: a witness that no search sees."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bridge.sandbox.calls import Call, Route, answer
from bridge.sandbox.jira import records
from bridge.sandbox.jira.answers import api, refuse

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

KEY_LIMIT = 255
VALUE_LIMIT = 32_768


def check_property(key: Any, value: str) -> None:
    """Refuse keys and values beyond Jira's limits."""
    if not isinstance(key, str) or not key or len(key) > KEY_LIMIT:
        raise refuse(400, f"The property key must have 1 to {KEY_LIMIT} characters.")
    if len(value) > VALUE_LIMIT:
        raise refuse(400, f"The property value must not be longer than {VALUE_LIMIT} characters.")


def set_property(call: Call, issue_id: int, key: str, value: Any) -> bool:
    """Store a property; return True when it is new."""
    known = call.state.one("SELECT 1 FROM properties WHERE issue_id = ? AND key = ?", issue_id, key)
    call.state.run("INSERT OR REPLACE INTO properties VALUES (?, ?, ?)", issue_id, key, json.dumps(value))
    return known is None


def list_properties(call: Call) -> Response:
    """GET the keys."""
    issue = records.load(call, call.args["issue"])
    rows = call.state.rows("SELECT key FROM properties WHERE issue_id = ? ORDER BY key", issue.id)
    keys = [{"self": api(call, f"issue/{issue.id}/properties/{row['key']}"), "key": row["key"]} for row in rows]
    return answer({"keys": keys})


def get_property(call: Call) -> Response:
    """GET one property."""
    issue = records.load(call, call.args["issue"])
    row = call.state.one("SELECT value FROM properties WHERE issue_id = ? AND key = ?", issue.id, call.args["key"])
    if row is None:
        raise refuse(404, f"The property {call.args['key']} does not exist.")
    return answer({"key": call.args["key"], "value": json.loads(row["value"])})


def put_property(call: Call) -> Response:
    """PUT any JSON value: 201 new, 200 replaced."""
    issue = records.load(call, call.args["issue"])
    text = call.request.get_data(as_text=True)
    check_property(call.args["key"], text)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise refuse(400, "The property value must be valid, non-empty JSON.") from error
    created = set_property(call, issue.id, call.args["key"], value)
    return answer({"self": api(call, f"issue/{issue.id}/properties/{call.args['key']}")}, 201 if created else 200)


def delete_property(call: Call) -> Response:
    """DELETE one property: 204."""
    issue = records.load(call, call.args["issue"])
    if not call.state.run("DELETE FROM properties WHERE issue_id = ? AND key = ?", issue.id, call.args["key"]):
        raise refuse(404, f"The property {call.args['key']} does not exist.")
    return answer(None, 204)


ROUTES = (
    Route(method="GET", path="issue/<issue>/properties", handler=list_properties),
    Route(method="GET", path="issue/<issue>/properties/<key>", handler=get_property),
    Route(method="PUT", path="issue/<issue>/properties/<key>", handler=put_property),
    Route(method="DELETE", path="issue/<issue>/properties/<key>", handler=delete_property),
)
