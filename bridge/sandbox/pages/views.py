"""Pages for a browser, from the same rows the APIs serve."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from werkzeug.wrappers import Request, Response

from bridge.sandbox.calls import Json, Personality
from bridge.sandbox.jira import fields, records
from bridge.sandbox.pages import wiki
from bridge.sandbox.seed import ISSUE_FIELD
from bridge.sandbox.state import State
from bridge.sandbox.zendesk import tickets as desk

_FOLDER = Path(__file__).resolve().parent
_POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@cache
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined)


def answer_page(request: Request, *, state: State, personality: Personality) -> Response:
    """Answer a request that is for no API."""
    if request.method not in {"GET", "HEAD"}:
        return Response("only GET", status=405, content_type="text/plain; charset=utf-8")
    if request.path == "/style.css":
        return Response((_FOLDER / "style.css").read_bytes(), content_type="text/css; charset=utf-8")
    with state.transaction():
        found = _page(request.path, state)
        if found is None:
            return _html("missing.html", state, personality, {"path": request.path}, status=404)
        template, values = found
        return _html(template, state, personality, values)


def _page(path: str, state: State) -> tuple[str, Json] | None:
    pages: tuple[tuple[str, Callable[[State, str], tuple[str, Json] | None]], ...] = (
        (r"/()", _index),
        (rf"/jira(?:|/|/projects(?:/({re.escape(state.project.key)}))?/?)", _project),
        (r"/jira/browse/([^/]+)", _issue),
        (r"/zendesk(?:|/|/agent(?:/tickets)?/?)()", _tickets),
        (r"/zendesk/(?:agent/)?tickets/(\d+)", _ticket),
    )
    for pattern, build in pages:
        match = re.fullmatch(pattern, path)
        if match is not None:
            return build(state, match.group(1) or "")
    return None


def _html(template: str, state: State, personality: Personality, values: Json, *, status: int = 200) -> Response:
    text = _environment().get_template(template).render(project=state.project, personality=personality, **values)
    headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
    return Response(text, status=status, headers=headers, content_type="text/html; charset=utf-8")


def _count(state: State, sql: str) -> int:
    row = state.one(sql)
    return 0 if row is None else int(row[0])


def _index(state: State, _name: str) -> tuple[str, Json]:
    issues = _count(state, "SELECT count(*) FROM issues WHERE hidden = 0")
    kept = sum(ticket.document["status"] != "deleted" for ticket in desk.every(state))
    return "index.html", {"issues": issues, "tickets": kept}


def _shown_time(text: str) -> str:
    return text[:16].replace("T", " ")


def _project(state: State, _name: str) -> tuple[str, Json]:
    rows = state.rows("SELECT key, document FROM issues WHERE hidden = 0 ORDER BY id DESC LIMIT 500")
    issues = []
    for row in rows:
        document = json.loads(row["document"])
        status, category = fields.STATUSES[document["status"]]
        issues.append(
            {
                "key": row["key"],
                "summary": document["values"]["summary"],
                "status": status,
                "category": category,
                "labels": document["values"].get("labels", []),
                "updated": _shown_time(document["updated"]),
            }
        )
    return "project.html", {"issues": issues}


def _issue(state: State, name: str) -> tuple[str, Json] | None:
    issue = records.find(state, name)
    if issue is None:
        return None
    files = [
        (row["id"], json.loads(row["document"]))
        for row in state.rows("SELECT id, document FROM attachments WHERE issue_id = ? ORDER BY id", issue.id)
    ]
    pictures = {document["filename"]: records.file_address("/jira", id_, document["filename"]) for id_, document in files}
    shown: Json = {
        "key": issue.key,
        "summary": issue.document["values"]["summary"],
        "facts": _facts(state, issue),
        "description": _text(issue.document["values"].get("description"), pictures),
        "attachments": [
            {
                "name": document["filename"],
                "address": records.file_address("/jira", id_, document["filename"]),
                "size": _size(document["size"]),
            }
            for id_, document in files
        ],
        "comments": [_comment(state, json.loads(row["document"]), pictures) for row in _comments(state, issue.id)],
        "remote_links": [_remote(json.loads(row["document"])) for row in _remote_rows(state, issue.id)],
        "issue_links": _links(state, issue),
    }
    return "issue.html", {"issue": shown}


def _comments(state: State, issue_id: int) -> list[Any]:
    return state.rows("SELECT document FROM comments WHERE issue_id = ? ORDER BY id", issue_id)


def _remote_rows(state: State, issue_id: int) -> list[Any]:
    return state.rows("SELECT document FROM remote_links WHERE issue_id = ? ORDER BY id", issue_id)


def _text(stored: Json | None, pictures: wiki.Pictures) -> Markup:
    text = fields.wiki_of(stored)
    return wiki.render(text, pictures) if text else Markup("<p>None.</p>")


def _size(size: int) -> str:
    return f"{size} bytes" if size < 1024 else f"{size / 1024:.1f} KiB" if size < 1024**2 else f"{size / 1024**2:.1f} MiB"  # noqa: PLR2004  units


def _person(state: State, id_: int | None) -> str:
    row = state.one("SELECT name FROM users WHERE id = ?", id_)
    return "" if row is None else str(row["name"])


def _facts(state: State, issue: records.Issue) -> list[tuple[str, str]]:
    document = issue.document
    kind = next((kind.name for kind in state.project.issue_types if kind.id == document["type"]), "?")
    facts = [("Type", kind), ("Status", fields.STATUSES[document["status"]][0])]
    if document["resolution"]:
        facts.append(("Resolution", fields.RESOLUTIONS[document["resolution"]]))
    for field in fields.every_field(state.project):
        value = document["values"].get(field.id)
        if value in (None, [], "") or field.kind in {"summary", "longtext"}:
            continue
        facts.append((field.name, _plain(state, field, value)))
    return [
        *facts,
        ("Reporter", _person(state, document["reporter"])),
        ("Created (UTC)", _shown_time(document["created"])),
        ("Updated (UTC)", _shown_time(document["updated"])),
    ]


def _plain(state: State, field: fields.Field, value: Any) -> str:
    if field.kind == "user":
        return _person(state, value)
    if field.kind == "number":
        return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
    if field.kind == "datetime":
        return f"{_shown_time(str(value))} {str(value)[-5:].replace('+0000', 'UTC')}"
    known = fields.names(state.project, field)
    items = value if isinstance(value, list) else [value]
    return ", ".join(str(known.get(str(item), item)) for item in items)


def _comment(state: State, document: Json, pictures: wiki.Pictures) -> Json:
    return {
        "author": _person(state, document["author"]),
        "at": _shown_time(document["created"]),
        "body": _text(document["body"], pictures),
    }


def _remote(document: Json) -> Json:
    target = document["object"]
    status = target.get("status") or {}
    return {
        "url": target["url"],
        "safe": wiki.is_web_address(target["url"]),
        "title": target["title"],
        "summary": target.get("summary") or "",
        "relationship": document.get("relationship") or "",
        "resolved": bool(status.get("resolved")),
    }


def _links(state: State, issue: records.Issue) -> list[Json]:
    links = []
    for row in state.rows("SELECT * FROM issue_links WHERE ? IN (inward, outward) ORDER BY id", issue.id):
        outward = row["inward"] == issue.id
        other = records.find(state, str(row["outward"] if outward else row["inward"]))
        _, inward_words, outward_words = records.LINK_TYPES[row["type"]]
        if other is not None:
            words = outward_words if outward else inward_words
            links.append({"words": words, "key": other.key, "summary": other.document["values"]["summary"]})
    return links


def _tickets(state: State, _name: str) -> tuple[str, Json]:
    homes = {row["id"]: row["name"] for row in state.rows("SELECT id, name FROM organizations")}
    kept = [ticket for ticket in desk.every(state) if ticket.document["status"] != "deleted"]
    kept.sort(key=lambda ticket: (ticket.document["created_at"], ticket.id), reverse=True)
    shown = [
        {
            "id": ticket.id,
            "subject": ticket.document["subject"],
            "requester": _person(state, ticket.document["requester_id"]),
            "organization": homes.get(ticket.document["organization_id"], ""),
            "status": ticket.document["status"],
            "priority": ticket.document["priority"],
            "issue": ticket.document["custom_fields"].get(str(ISSUE_FIELD)) or "",
            "created": _shown_time(ticket.document["created_at"]),
        }
        for ticket in kept
    ]
    return "tickets.html", {"tickets": shown}


def _ticket(state: State, name: str) -> tuple[str, Json] | None:
    found = next((ticket for ticket in desk.every(state) if ticket.id == int(name)), None)
    if found is None or found.document["status"] == "deleted":
        return None
    document = found.document
    home = state.one("SELECT name, external_id FROM organizations WHERE id = ?", document["organization_id"])
    titles = {str(field["id"]): field["title"] for field in state.get("ticket_fields")}
    facts = [
        ("Requester", _person(state, document["requester_id"])),
        ("Organization", "" if home is None else f"{home['name']} ({home['external_id']})"),
        ("Status", document["status"]),
        ("Priority", document["priority"] or "none"),
        ("Tags", ", ".join(document["tags"]) or "none"),
        *((titles.get(key, key), str(value)) for key, value in document["custom_fields"].items() if value not in (None, "")),
        ("Created (UTC)", _shown_time(document["created_at"])),
        ("Updated (UTC)", _shown_time(document["updated_at"])),
    ]
    comments = [
        {
            "author": _person(state, row["author_id"]),
            "at": _shown_time(row["created_at"]),
            "public": bool(row["public"]),
            "body": row["body"],
        }
        for row in state.rows("SELECT * FROM ticket_comments WHERE ticket_id = ? ORDER BY id", found.id)
    ]
    links = [
        {"key": row["issue_key"], "known": records.find(state, row["issue_key"]) is not None}
        for row in state.rows("SELECT issue_key FROM jira_links WHERE ticket_id = ? ORDER BY id", found.id)
    ]
    shown = {"id": found.id, "subject": document["subject"], "facts": facts, "comments": comments, "links": links}
    return "ticket.html", {"ticket": shown}
