"""Issues as they are stored, found and shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bridge.sandbox.calls import Call, Json
from bridge.sandbox.jira import fields
from bridge.sandbox.jira.answers import api, jira_time, no_issue, user_json
from bridge.sandbox.state import State, stamp

ALL = ("*all",)
NAVIGABLE = ("*navigable",)
_NOT_NAVIGABLE = frozenset({"comment", "attachment"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One issue. `document` holds project, type, values by field id, status, resolution, people, times."""

    id: int
    key: str
    document: Json


def load(call: Call, name: str) -> Issue:
    """Return the issue with this id or key (a former key too, as Jira follows moves); 404 when absent or hidden."""
    found = find(call.state, name)
    if found is None:
        raise no_issue()
    return found


def find(state: State, name: str) -> Issue | None:
    """Return the visible issue with this id, key or former key."""
    row = state.one("SELECT * FROM issues WHERE key = ?", name.upper())
    if row is None and name.isascii() and name.isdigit():
        row = state.one("SELECT * FROM issues WHERE id = ?", int(name))
    if row is None:
        row = state.one("SELECT issues.* FROM issues JOIN old_keys ON issue_id = issues.id WHERE old_keys.key = ?", name.upper())
    if row is None or row["hidden"]:
        return None
    return Issue(id=row["id"], key=row["key"], document=json.loads(row["document"]))


def save(state: State, issue: Issue) -> None:
    """Write the issue back with the present time, and tell the index."""
    issue.document["updated"] = stamp(state.now())
    state.run("UPDATE issues SET document = ?, key = ? WHERE id = ?", json.dumps(issue.document), issue.key, issue.id)
    index(state, issue)


def index(state: State, issue: Issue) -> None:
    """Tell the index about the issue as it is now, with its comments' texts."""
    rows = state.rows("SELECT document FROM comments WHERE issue_id = ? ORDER BY id", issue.id)
    comments = [fields.wiki_of(json.loads(row["document"])["body"]) for row in rows]
    state.remember("issue", issue.id, {**issue.document, "key": issue.key, "comments": comments})


def shown(call: Call, issue: Issue, wanted: Sequence[str] = ALL) -> Json:
    """Return the issue as Jira shows it, with the wanted fields."""
    return {
        "expand": "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations",
        "id": str(issue.id),
        "self": api(call, f"issue/{issue.id}"),
        "key": issue.key,
        "fields": _fields(call, issue, wanted),
    }


def _fields(call: Call, issue: Issue, wanted: Sequence[str]) -> Json:
    dropped = {name[1:] for name in wanted if name.startswith("-")}
    named = {name for name in wanted if name and not name.startswith("-")}
    everything = not named or "*all" in named
    navigable = "*navigable" in named

    def wants(name: str) -> bool:
        return name not in dropped and (everything or name in named or (navigable and name not in _NOT_NAVIGABLE))

    out: Json = {}
    for field in fields.every_field(call.state.project):
        if wants(field.id):
            value = fields.show(call, field, issue.document["values"].get(field.id, [] if field.kind in _LISTS else None))
            out[field.id] = float(value) if field.kind == "number" and value is not None else value
    out.update({name: value for name, value in _system(call, issue).items() if wants(name)})
    if wants("issuelinks"):
        out["issuelinks"] = issue_links(call, issue)
    if wants("comment"):
        rows = call.state.rows("SELECT * FROM comments WHERE issue_id = ? ORDER BY id", issue.id)
        comments = [comment_json(call, issue.id, row["id"], json.loads(row["document"])) for row in rows]
        out["comment"] = {
            "comments": comments,
            "self": api(call, f"issue/{issue.id}/comment"),
            "maxResults": len(comments),
            "total": len(comments),
            "startAt": 0,
        }
    if wants("attachment"):
        rows = call.state.rows("SELECT id, document FROM attachments WHERE issue_id = ? ORDER BY id", issue.id)
        out["attachment"] = [attachment_json(call, row["id"], json.loads(row["document"])) for row in rows]
    return out


_LISTS = frozenset({"labels", "components", "versions"})


def _system(call: Call, issue: Issue) -> Json:
    document = issue.document
    return {
        "project": project_json(call),
        "issuetype": type_json(call, document["type"]),
        "status": fields.status_json(call, document["status"]),
        "resolution": fields.resolution_json(call, document["resolution"]),
        "resolutiondate": jira_time(document["resolutiondate"]),
        "created": jira_time(document["created"]),
        "updated": jira_time(document["updated"]),
        "reporter": user_json(call, document["reporter"]),
        "creator": user_json(call, document["reporter"]),
    }


def project_json(call: Call) -> Json:
    """Return the project in short."""
    project = call.state.project
    return {
        "self": api(call, f"project/{fields.PROJECT_ID}"),
        "id": fields.PROJECT_ID,
        "key": project.key,
        "name": project.name,
        "projectTypeKey": "software",
        "avatarUrls": dict.fromkeys(("16x16", "24x24", "32x32", "48x48"), f"{call.base}/avatar.png"),
    }


def type_json(call: Call, id_: str) -> Json:
    """Return an issue type."""
    name = next((kind.name for kind in call.state.project.issue_types if kind.id == id_), "?")
    return {
        "self": api(call, f"issuetype/{id_}"),
        "id": id_,
        "description": "",
        "iconUrl": f"{call.base}/type.png",
        "name": name,
        "subtask": False,
    }


def comment_json(call: Call, issue_id: int, id_: int, document: Json) -> Json:
    """Return a comment."""
    author = user_json(call, document["author"])
    out: Json = {
        "self": api(call, f"issue/{issue_id}/comment/{id_}"),
        "id": str(id_),
        "author": author,
        "body": fields.show_text(call, document["body"]),
        "updateAuthor": author,
        "created": jira_time(document["created"]),
        "updated": jira_time(document["updated"]),
    }
    if call.cloud:
        internal = any(item.get("key") == "sd.public.comment" and item["value"].get("internal") for item in document["properties"])
        out["jsdPublic"] = not internal
    if document["properties"]:
        out["properties"] = document["properties"]
    return out


def attachment_json(call: Call, id_: int, document: Json) -> Json:
    """Return what is known of an attachment, with the address of its bytes."""
    content = api(call, f"attachment/content/{id_}") if call.cloud else file_address(call.base, id_, document["filename"])
    return {
        "self": api(call, f"attachment/{id_}"),
        "id": str(id_),
        "filename": document["filename"],
        "author": user_json(call, document["author"]),
        "created": jira_time(document["created"]),
        "size": document["size"],
        "mimeType": document["media_type"],
        "content": content,
    }


def file_address(base: str, id_: int, name: str) -> str:
    """Return where a browser (and Data Center's API) reads an attachment."""
    from bridge.sandbox.calls import segment

    return f"{base}/secure/attachment/{id_}/{segment(name)}"


LINK_TYPES: dict[str, tuple[str, str, str]] = {
    "10000": ("Blocks", "is blocked by", "blocks"),
    "10001": ("Cloners", "is cloned by", "clones"),
    "10002": ("Duplicate", "is duplicated by", "duplicates"),
    "10003": ("Relates", "relates to", "relates to"),
}


def link_type_json(call: Call, id_: str) -> Json:
    """Return a kind of issue link with its two directions."""
    name, inward, outward = LINK_TYPES[id_]
    return {"id": id_, "name": name, "inward": inward, "outward": outward, "self": api(call, f"issueLinkType/{id_}")}


def issue_links(call: Call, issue: Issue) -> list[Json]:
    """Return the issue's links, each from its own side."""
    out = []
    for row in call.state.rows("SELECT * FROM issue_links WHERE ? IN (inward, outward) ORDER BY id", issue.id):
        side = "outwardIssue" if row["inward"] == issue.id else "inwardIssue"
        other = find(call.state, str(row["outward"] if side == "outwardIssue" else row["inward"]))
        if other is None:
            continue
        out.append({**link_json(call, row), side: linked_json(call, other)})
    return out


def link_json(call: Call, row: Any) -> Json:
    """Return an issue link without its ends."""
    return {"id": str(row["id"]), "self": api(call, f"issueLink/{row['id']}"), "type": link_type_json(call, row["type"])}


def linked_json(call: Call, issue: Issue) -> Json:
    """Return an issue as the end of a link."""
    priority = issue.document["values"].get("priority")
    shown_fields: Json = {
        "summary": issue.document["values"]["summary"],
        "status": fields.status_json(call, issue.document["status"]),
        "issuetype": type_json(call, issue.document["type"]),
    }
    if priority is not None:
        shown_fields["priority"] = fields.choice_json(call, fields.Field(id="priority", name="Priority", kind="priority"), priority)
    return {"id": str(issue.id), "key": issue.key, "self": api(call, f"issue/{issue.id}"), "fields": shown_fields}
