"""Users, organizations and ticket fields."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

from bridge.sandbox.calls import Call, Json, Route, answer
from bridge.sandbox.zendesk.answers import ids, integer, not_found, page, zendesk_time

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

STATUS_FIELDS = (
    (360000, "subject", "Subject"),
    (360002, "description", "Description"),
    (360003, "status", "Status"),
    (360004, "priority", "Priority"),
)


def user_json(call: Call, row: sqlite3.Row) -> Json:
    """Return a user."""
    at = zendesk_time(row["created_at"])
    return {
        "id": row["id"],
        "url": f"{call.base}/api/v2/users/{row['id']}.json",
        "name": row["name"],
        "email": row["email"],
        "role": row["role"],
        "organization_id": row["organization_id"],
        "active": True,
        "verified": True,
        "suspended": False,
        "time_zone": "UTC",
        "locale": "en-US",
        "tags": [],
        "created_at": at,
        "updated_at": at,
    }


def organization_json(call: Call, row: sqlite3.Row) -> Json:
    """Return an organization; its external_id is our account."""
    at = zendesk_time(row["created_at"])
    return {
        "id": row["id"],
        "url": f"{call.base}/api/v2/organizations/{row['id']}.json",
        "name": row["name"],
        "external_id": row["external_id"],
        "domain_names": json.loads(row["domain_names"]),
        "details": None,
        "notes": None,
        "group_id": None,
        "shared_tickets": False,
        "shared_comments": False,
        "tags": [],
        "organization_fields": {},
        "created_at": at,
        "updated_at": at,
    }


def _user(call: Call, id_: int) -> sqlite3.Row:
    row = call.state.one("SELECT * FROM users WHERE id = ?", id_)
    if row is None:
        raise not_found()
    return row


def show_user(call: Call) -> Response:
    """GET users/{id}."""
    return answer({"user": user_json(call, _user(call, integer(call.args["id"])))})


def me(call: Call) -> Response:
    """GET users/me."""
    return answer({"user": user_json(call, _user(call, call.caller.id))})


def list_users(call: Call) -> Response:
    """GET users, by role when asked."""
    roles = [role for name in ("role", "role[]") for role in call.request.args.getlist(name)]
    rows = [row for row in call.state.rows("SELECT * FROM users ORDER BY id") if not roles or row["role"] in roles]
    return answer(page(call, "users", rows, lambda row: user_json(call, row)))


def many_users(call: Call) -> Response:
    """GET users/show_many?ids=: the absent ones are left out."""
    wanted = set(ids(call))
    rows = [row for row in call.state.rows("SELECT * FROM users ORDER BY id") if row["id"] in wanted]
    return answer(page(call, "users", rows, lambda row: user_json(call, row)))


def show_organization(call: Call) -> Response:
    """GET organizations/{id}."""
    row = call.state.one("SELECT * FROM organizations WHERE id = ?", integer(call.args["id"]))
    if row is None:
        raise not_found()
    return answer({"organization": organization_json(call, row)})


def list_organizations(call: Call) -> Response:
    """GET organizations."""
    rows = call.state.rows("SELECT * FROM organizations ORDER BY id")
    return answer(page(call, "organizations", rows, lambda row: organization_json(call, row)))


def many_organizations(call: Call) -> Response:
    """GET organizations/show_many, by ids or external_ids."""
    wanted = set(ids(call))
    external = {text for text in call.request.args.get("external_ids", "").split(",") if text}
    rows = [
        row
        for row in call.state.rows("SELECT * FROM organizations ORDER BY id")
        if row["id"] in wanted or (row["external_id"] is not None and row["external_id"] in external)
    ]
    return answer(page(call, "organizations", rows, lambda row: organization_json(call, row)))


def search_organizations(call: Call) -> Response:
    """GET organizations/search, by external_id or exact name."""
    external, name = call.request.args.get("external_id"), call.request.args.get("name")
    rows = [
        row
        for row in call.state.rows("SELECT * FROM organizations ORDER BY id")
        if (external and row["external_id"] == external) or (name and str(row["name"]).lower() == name.lower())
    ]
    return answer(page(call, "organizations", rows, lambda row: organization_json(call, row)))


def field_json(call: Call, id_: int, title: str, kind: str, *, removable: bool) -> Json:
    """Return a ticket field."""
    return {
        "id": id_,
        "url": f"{call.base}/api/v2/ticket_fields/{id_}.json",
        "type": kind,
        "title": title,
        "raw_title": title,
        "description": "",
        "raw_description": "",
        "position": 0,
        "active": True,
        "required": False,
        "required_in_portal": False,
        "visible_in_portal": False,
        "editable_in_portal": False,
        "removable": removable,
    }


def _fields(call: Call) -> list[Json]:
    shown = [field_json(call, id_, title, kind, removable=False) for id_, kind, title in STATUS_FIELDS]
    custom = [field_json(call, item["id"], item["title"], item["kind"], removable=True) for item in call.state.get("ticket_fields")]
    return [*shown, *custom]


def list_fields(call: Call) -> Response:
    """GET ticket_fields."""
    return answer(page(call, "ticket_fields", _fields(call), lambda field: field))


def show_field(call: Call) -> Response:
    """GET ticket_fields/{id}."""
    wanted = integer(call.args["id"])
    for field in _fields(call):
        if field["id"] == wanted:
            return answer({"ticket_field": field})
    raise not_found()


ROUTES = (
    Route(method="GET", path="users", handler=list_users),
    Route(method="GET", path="users/me", handler=me),
    Route(method="GET", path="users/show_many", handler=many_users),
    Route(method="GET", path="users/<id>", handler=show_user),
    Route(method="GET", path="organizations", handler=list_organizations),
    Route(method="GET", path="organizations/show_many", handler=many_organizations),
    Route(method="GET", path="organizations/search", handler=search_organizations),
    Route(method="GET", path="organizations/<id>", handler=show_organization),
    Route(method="GET", path="ticket_fields", handler=list_fields),
    Route(method="GET", path="ticket_fields/<id>", handler=show_field),
)
