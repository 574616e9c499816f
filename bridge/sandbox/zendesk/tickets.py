"""Tickets, their comments and tags."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.sandbox.calls import Call, Json, Route, answer
from bridge.sandbox.state import State, stamp
from bridge.sandbox.zendesk import people
from bridge.sandbox.zendesk.answers import ids, integer, invalid, json_body, not_found, page, part, refuse, zendesk_time

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

STATUSES = ("new", "open", "pending", "hold", "solved", "closed")
PRIORITIES = ("urgent", "high", "normal", "low")
TYPES = ("problem", "incident", "question", "task")
COMMENT_LIMIT = 65_535
_TAG = re.compile(r"[^\s,\"']+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One ticket as stored."""

    id: int
    document: Json
    generated: float
    """When it last changed in any way, seconds since 1970: what the incremental export goes by."""


def load(state: State, text: str) -> Stored:
    """Return a ticket that is not deleted; 404 otherwise."""
    row = state.one("SELECT * FROM tickets WHERE id = ?", integer(text))
    if row is None:
        raise not_found()
    found = Stored(id=row["id"], document=json.loads(row["document"]), generated=row["generated"])
    if found.document["status"] == "deleted":
        raise not_found()
    return found


def every(state: State) -> list[Stored]:
    """Return all tickets by id, the deleted ones too."""
    rows = state.rows("SELECT * FROM tickets ORDER BY id")
    return [Stored(id=row["id"], document=json.loads(row["document"]), generated=row["generated"]) for row in rows]


def save(state: State, ticket: Stored) -> None:
    """Write a ticket back with the present time, and tell the index."""
    now = state.now()
    ticket.document["updated_at"] = stamp(now)
    state.run("UPDATE tickets SET document = ?, generated = ? WHERE id = ?", json.dumps(ticket.document), now.timestamp(), ticket.id)
    state.remember("ticket", ticket.id, None if ticket.document["status"] == "deleted" else ticket.document)


def shown(call: Call, ticket: Stored) -> Json:
    """Return a ticket as Zendesk shows it."""
    document = ticket.document
    defined = [field["id"] for field in call.state.get("ticket_fields")]
    values = [{"id": id_, "value": document["custom_fields"].get(str(id_))} for id_ in defined]
    return {
        "id": ticket.id,
        "url": f"{call.base}/api/v2/tickets/{ticket.id}.json",
        "external_id": document.get("external_id"),
        "via": {"channel": "web", "source": {"from": {}, "to": {}, "rel": None}},
        "type": document["type"],
        "subject": document["subject"],
        "raw_subject": document["subject"],
        "description": document["description"],
        "priority": document["priority"],
        "status": document["status"],
        "recipient": None,
        "requester_id": document["requester_id"],
        "submitter_id": document["submitter_id"],
        "assignee_id": document["assignee_id"],
        "organization_id": document["organization_id"],
        "group_id": None,
        "collaborator_ids": [],
        "follower_ids": [],
        "email_cc_ids": [],
        "problem_id": None,
        "has_incidents": False,
        "is_public": True,
        "due_at": None,
        "tags": document["tags"],
        "custom_fields": values,
        "fields": values,
        "satisfaction_rating": {"score": "unoffered"},
        "created_at": zendesk_time(document["created_at"]),
        "updated_at": zendesk_time(document["updated_at"]),
    }


def sideloads(call: Call, found: list[Stored]) -> Json:
    """Return the users and organizations that `include` asks for."""
    wanted = set(call.request.args.get("include", "").split(","))
    out: Json = {}
    if "users" in wanted:
        people_ids = {ticket.document[key] for ticket in found for key in ("requester_id", "submitter_id", "assignee_id")}
        out["users"] = [
            people.user_json(call, row) for row in call.state.rows("SELECT * FROM users ORDER BY id") if row["id"] in people_ids
        ]
    if "organizations" in wanted:
        homes = {ticket.document["organization_id"] for ticket in found}
        rows = call.state.rows("SELECT * FROM organizations ORDER BY id")
        out["organizations"] = [people.organization_json(call, row) for row in rows if row["id"] in homes]
    return out


def ticket_page(call: Call, found: list[Stored]) -> Response:
    """Return a page of tickets with what `include` asks for."""
    key = {"created_at": "created_at", "updated_at": "updated_at", "sort": "updated_at"}.get(call.request.args.get("sort_by", ""))
    if key is not None:
        found = sorted(found, key=lambda ticket: (ticket.document[key], ticket.id))
    elif call.request.args.get("sort_by", "id") in {"status", "priority", "subject"}:
        name = call.request.args["sort_by"]
        found = sorted(found, key=lambda ticket: (str(ticket.document[name] or ""), ticket.id))
    if call.request.args.get("sort_order") == "desc":
        found = found[::-1]
    body = page(call, "tickets", found, lambda ticket: ticket)
    stored = body["tickets"]
    return answer({**body, "tickets": [shown(call, ticket) for ticket in stored], **sideloads(call, stored)})


def list_tickets(call: Call) -> Response:
    """GET tickets."""
    return ticket_page(call, [ticket for ticket in every(call.state) if ticket.document["status"] != "deleted"])


def organization_tickets(call: Call) -> Response:
    """GET organizations/{id}/tickets."""
    home = integer(call.args["id"])
    if call.state.one("SELECT 1 FROM organizations WHERE id = ?", home) is None:
        raise not_found()
    kept = [t for t in every(call.state) if t.document["organization_id"] == home and t.document["status"] != "deleted"]
    return ticket_page(call, kept)


def requested_tickets(call: Call) -> Response:
    """GET users/{id}/tickets/requested."""
    person = integer(call.args["id"])
    kept = [t for t in every(call.state) if t.document["requester_id"] == person and t.document["status"] != "deleted"]
    return ticket_page(call, kept)


def many_tickets(call: Call) -> Response:
    """GET tickets/show_many?ids=: the absent ones are left out."""
    wanted = set(ids(call))
    return ticket_page(call, [t for t in every(call.state) if t.id in wanted and t.document["status"] != "deleted"])


def show_ticket(call: Call) -> Response:
    """GET tickets/{id}."""
    ticket = load(call.state, call.args["id"])
    return answer({"ticket": shown(call, ticket), **sideloads(call, [ticket])})


def _choice(given: Json, name: str, known: tuple[str, ...], *, empty: bool) -> dict[str, str]:
    if name not in given or given[name] in known or (empty and given[name] is None):
        return {}
    return {name: f"{name.capitalize()}: {given[name]} is not a valid {name}"}


def _tags(value: Any) -> list[str]:
    items = value.split() if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise invalid(tags="Tags: must be a list of words")
    for item in items:
        if not _TAG.fullmatch(item):
            raise invalid(tags=f"Tags: '{item}' is not a word")
    return sorted({item.lower() for item in items})


def _custom(call: Call, value: Any) -> dict[str, Any]:
    if not isinstance(value, list) or not all(isinstance(item, dict) and isinstance(item.get("id"), int) for item in value):
        raise invalid(custom_fields="Custom fields: must be an array of {id, value}")
    known = {field["id"] for field in call.state.get("ticket_fields")}
    # Zendesk takes values for unknown fields and forgets them.
    return {str(item["id"]): item.get("value") for item in value if item["id"] in known}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comment:
    author_id: int
    body: str
    public: bool


def _comment(call: Call, given: Any, *, author_id: int | None = None) -> _Comment:
    if not isinstance(given, dict):
        raise invalid(comment="Comment: must be an object")
    body = given.get("body", given.get("html_body"))
    if not isinstance(body, str) or not body.strip():
        raise invalid(comment="Comment: body can't be blank")
    if len(body) > COMMENT_LIMIT:
        raise invalid(comment=f"Comment: is too long (maximum is {COMMENT_LIMIT} characters)")
    public = given.get("public", True)
    if not isinstance(public, bool):
        raise invalid(public=f"Public: {json.dumps(public)} is not a boolean")
    author = given.get("author_id", author_id or call.caller.id)
    if not isinstance(author, int) or call.state.one("SELECT 1 FROM users WHERE id = ?", author) is None:
        raise invalid(author_id=f"Author: {author} is invalid")
    return _Comment(author_id=author, body=body, public=public)


def _add_comment(call: Call, ticket_id: int, comment: _Comment) -> None:
    call.state.run(
        "INSERT INTO ticket_comments (ticket_id, author_id, body, public, created_at) VALUES (?, ?, ?, ?, ?)",
        ticket_id,
        comment.author_id,
        comment.body,
        int(comment.public),
        stamp(call.now),
    )


_PLAIN = ("subject", "status", "priority", "type", "assignee_id", "requester_id", "organization_id", "external_id")


def _change(call: Call, document: Json, given: Json) -> None:
    faults = {
        **_choice(given, "status", STATUSES, empty=False),
        **_choice(given, "priority", PRIORITIES, empty=True),
        **_choice(given, "type", TYPES, empty=True),
    }
    for name in ("assignee_id", "requester_id"):
        if given.get(name) is not None and call.state.one("SELECT 1 FROM users WHERE id = ?", given[name]) is None:
            faults[name] = f"{name.removesuffix('_id').capitalize()}: {given[name]} is invalid"
    if faults:
        raise invalid(**faults)
    for name in _PLAIN:
        if name in given:
            document[name] = given[name]
    if "tags" in given:
        document["tags"] = _tags(given["tags"])
    if "custom_fields" in given:
        document["custom_fields"].update(_custom(call, given["custom_fields"]))


def create_ticket(call: Call) -> Response:
    """POST tickets: 201; a ticket without a comment is refused."""
    given = part(json_body(call), "ticket")
    if "comment" not in given:
        raise invalid(comment="Description: cannot be blank")
    requester = given.get("requester_id", call.caller.id)
    row = call.state.one("SELECT organization_id FROM users WHERE id = ?", requester) if isinstance(requester, int) else None
    if row is None:
        raise invalid(requester_id=f"Requester: {requester} is invalid")
    comment = _comment(call, given["comment"], author_id=requester)
    now = stamp(call.now)
    document: Json = {
        "subject": given.get("subject") or comment.body.splitlines()[0][:150],
        "description": comment.body,
        "requester_id": requester,
        "submitter_id": call.caller.id,
        "assignee_id": None,
        "organization_id": row["organization_id"],
        "status": "new",
        "priority": None,
        "type": None,
        "tags": [],
        "custom_fields": {},
        "created_at": now,
        "updated_at": now,
    }
    _change(call, document, given)
    text = json.dumps(document)
    id_ = call.state.run("INSERT INTO tickets (document, generated) VALUES (?, ?)", text, call.now.timestamp())
    call.state.remember("ticket", id_, document)
    _add_comment(call, id_, comment)
    ticket = load(call.state, str(id_))
    return answer(
        {"ticket": shown(call, ticket), "audit": _audit(call, ticket)}, 201, {"Location": f"{call.base}/api/v2/tickets/{id_}.json"}
    )


def _audit(call: Call, ticket: Stored) -> Json:
    row = call.state.one("SELECT max(id) AS last FROM ticket_comments WHERE ticket_id = ?", ticket.id)
    return {
        "id": 1_000_000 + (row["last"] if row else 0),
        "ticket_id": ticket.id,
        "created_at": zendesk_time(ticket.document["updated_at"]),
        "author_id": call.caller.id,
        "metadata": {"system": {}, "custom": {}},
        "events": [],
    }


def _same_as_read(given: Json, ticket: Stored) -> None:
    """Refuse a safe update when the ticket is not as it was read."""
    if str(given.get("safe_update", "")).lower() != "true":
        return
    if given.get("updated_stamp") != zendesk_time(ticket.document["updated_at"]):
        raise refuse(
            409,
            "UpdateConflict",
            "Safe Update prevented the update due to outdated ticket data. Please fetch the latest ticket data and try again.",
        )


def update_ticket(call: Call) -> Response:
    """PUT tickets/{id}: what is not named stays; a comment is public unless it says `public: false`."""
    ticket = load(call.state, call.args["id"])
    given = part(json_body(call), "ticket")
    _same_as_read(given, ticket)
    if ticket.document["status"] == "closed":
        raise invalid(status="Status: closed prevents ticket update")
    comment = _comment(call, given["comment"]) if "comment" in given else None
    _change(call, ticket.document, given)
    if comment is not None:
        _add_comment(call, ticket.id, comment)
    save(call.state, ticket)
    return answer({"ticket": shown(call, ticket), "audit": _audit(call, ticket)})


def merge_tickets(call: Call) -> Response:
    """POST tickets/{id}/merge {ids, source_comment, target_comment}: the named ones are closed into this one; a job's status."""
    target = load(call.state, call.args["id"])
    body = json_body(call)
    given = body.get("ids")
    if not isinstance(given, list) or not given or not all(isinstance(item, int) for item in given):
        raise invalid(ids="Ids: must be a list of ticket numbers")
    for number in given:
        source = load(call.state, str(number))
        if source.id == target.id or source.document["status"] == "closed":
            raise invalid(ids=f"Ids: {number} can't be merged")
        words = body.get("source_comment") or f"This request was closed and merged into request #{target.id}."
        _add_comment(call, source.id, _Comment(author_id=call.caller.id, body=words, public=False))
        source.document["status"] = "closed"
        source.document["tags"] = sorted({*source.document["tags"], "closed_by_merge"})
        save(call.state, source)
        words = body.get("target_comment") or f"Request #{source.id} was closed and merged into this request."
        _add_comment(call, target.id, _Comment(author_id=call.caller.id, body=words, public=False))
    save(call.state, target)
    job = {"id": "merge", "status": "completed", "total": len(given), "progress": len(given), "message": None, "results": []}
    return answer({"job_status": {**job, "url": f"{call.base}/api/v2/job_statuses/merge.json"}})


def delete_ticket(call: Call) -> Response:
    """DELETE tickets/{id}: 204; the export still tells of it, with status deleted."""
    ticket = load(call.state, call.args["id"])
    ticket.document["status"] = "deleted"
    save(call.state, ticket)
    return answer(None, 204)


def list_comments(call: Call) -> Response:
    """GET tickets/{id}/comments, oldest first unless sort_order=desc or sort=-created_at."""
    ticket = load(call.state, call.args["id"])
    rows = call.state.rows("SELECT * FROM ticket_comments WHERE ticket_id = ? ORDER BY id", ticket.id)
    if call.request.args.get("sort_order") == "desc" or call.request.args.get("sort") == "-created_at":
        rows.reverse()
    body = page(call, "comments", rows, _comment_json)
    if "users" in call.request.args.get("include", ""):
        authors = {row["author_id"] for row in rows}
        body["users"] = [people.user_json(call, row) for row in call.state.rows("SELECT * FROM users ORDER BY id") if row["id"] in authors]
    return answer(body)


def _comment_json(row: Any) -> Json:
    return {
        "id": row["id"],
        "type": "Comment",
        "author_id": row["author_id"],
        "body": row["body"],
        "html_body": f"<p>{html.escape(row['body'])}</p>",
        "plain_body": row["body"],
        "public": bool(row["public"]),
        "attachments": [],
        "audit_id": 1_000_000 + row["id"],
        "via": {"channel": "web", "source": {"from": {}, "to": {}, "rel": None}},
        "created_at": zendesk_time(row["created_at"]),
        "metadata": {"system": {}, "custom": {}},
    }


def get_tags(call: Call) -> Response:
    """GET tickets/{id}/tags."""
    return answer({"tags": load(call.state, call.args["id"]).document["tags"]})


def change_tags(call: Call) -> Response:
    """PUT adds tags, POST sets them (201), DELETE removes them; safe with updated_stamp."""
    ticket = load(call.state, call.args["id"])
    body = json_body(call)
    _same_as_read(body, ticket)
    given, before = set(_tags(body.get("tags"))), set(ticket.document["tags"])
    after = {"PUT": before | given, "POST": given, "DELETE": before - given}[call.request.method]
    if after != before:
        ticket.document["tags"] = sorted(after)
        save(call.state, ticket)
    return answer({"tags": sorted(after)}, 201 if call.request.method == "POST" else 200)


ROUTES = (
    Route(method="GET", path="tickets", handler=list_tickets),
    Route(method="POST", path="tickets", handler=create_ticket),
    Route(method="GET", path="tickets/show_many", handler=many_tickets),
    Route(method="GET", path="tickets/<id>", handler=show_ticket),
    Route(method="PUT", path="tickets/<id>", handler=update_ticket),
    Route(method="DELETE", path="tickets/<id>", handler=delete_ticket),
    Route(method="POST", path="tickets/<id>/merge", handler=merge_tickets),
    Route(method="GET", path="tickets/<id>/comments", handler=list_comments),
    Route(method="GET", path="tickets/<id>/tags", handler=get_tags),
    Route(method="PUT", path="tickets/<id>/tags", handler=change_tags),
    Route(method="POST", path="tickets/<id>/tags", handler=change_tags),
    Route(method="DELETE", path="tickets/<id>/tags", handler=change_tags),
    Route(method="GET", path="organizations/<id>/tickets", handler=organization_tickets),
    Route(method="GET", path="users/<id>/tickets/requested", handler=requested_tickets),
)
