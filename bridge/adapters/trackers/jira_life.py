"""The life of an issue once it exists: how it is now, its comments, figures, labels, duplicates and status."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from bridge.adapters.trackers.jira_client import NO_LINK
from bridge.adapters.trackers.jira_text import document, plain
from bridge.errors import ChangedMeanwhileError, NotFoundError, RefusedError
from bridge.model.filing import Category, FixVersion, IssueRef, IssueState, IssueText
from bridge.model.ticket import Comment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.adapters.trackers.jira_client import JiraClient
    from bridge.ports import Leaving

Json = dict[str, Any]
BULK = 100
FIELDS = ("summary", "status", "resolution", "resolutiondate", "fixVersions", "labels", "updated", "duedate", "issuelinks")
TEXTS = ("summary", "description", "labels", "created")
DUPLICATE = "duplicate"
_STEPS = 4
"""How many transitions may lie between an issue and the wanted kind of status."""


def rows(client: JiraClient, names: Sequence[str], fields: Sequence[str]) -> list[Json]:
    """Return the issues that exist and are shown to us; a moved one comes under its present key. Direct reads."""
    if client.is_cloud:
        found: list[Json] = []
        for start in range(0, len(names), BULK):
            body = {"issueIdsOrKeys": list(names[start : start + BULK]), "fields": list(fields)}
            found += client.request("POST", "issue/bulkfetch", "read", body=body).get("issues") or []
        return found
    return list(_singly(client, names, fields).values())


def read(client: JiraClient, names: Sequence[str], fields: Sequence[str]) -> dict[str, Json]:
    """Return issues by the ids or keys that were asked for; the absent and hidden ones are missing."""
    if not client.is_cloud:
        return _singly(client, names, fields)
    found: dict[str, Json] = {}
    moved = False
    for row in rows(client, names, fields):
        known = [name for name in (str(row["id"]), str(row["key"])) if name in names]
        found |= dict.fromkeys(known, row)
        moved = moved or not known
    # Asked for by a former key: only a request of its own says which one it was.
    return found | (_singly(client, [name for name in names if name not in found], fields) if moved else {})


def _singly(client: JiraClient, names: Sequence[str], fields: Sequence[str]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for name in names:
        try:
            found[name] = client.get(f"issue/{name}", {"fields": ",".join(fields)})
        except NotFoundError:
            continue
    return found


def text(client: JiraClient, row: Mapping[str, Any]) -> IssueText:
    """Return an issue's words; tolerant of missing fields."""
    fields = row.get("fields") or {}
    return IssueText(
        ref=client.ref(row),
        title=str(fields.get("summary") or ""),
        body=plain(fields.get("description")),
        labels=tuple(str(label) for label in fields.get("labels") or ()),
        created_at=_moment(fields.get("created")),
    )


def state(client: JiraClient, row: Mapping[str, Any]) -> IssueState:
    """Return an issue as it is; tolerant of missing fields."""
    fields = row.get("fields") or {}
    status = fields.get("status") or {}
    category = str((status.get("statusCategory") or {}).get("key") or "new")
    return IssueState(
        ref=client.ref(row),
        summary=str(fields.get("summary") or ""),
        status=str(status.get("name") or ""),
        category=category if category in {"indeterminate", "done"} else "new",  # type: ignore[arg-type]  # narrowed by the set
        resolution=(fields.get("resolution") or {}).get("name"),
        fix_versions=tuple(
            FixVersion(name=str(item.get("name")), released=item.get("released") is True, due=_day(item.get("releaseDate")))
            for item in fields.get("fixVersions") or ()
        ),
        labels=tuple(str(label) for label in fields.get("labels") or ()),
        duplicate_of=next(
            (
                str(link["outwardIssue"]["id"])
                for link in fields.get("issuelinks") or ()
                if "outwardIssue" in link and _is_duplicate(str((link.get("type") or {}).get("name", "")), client.settings.duplicate_link)
            ),
            None,
        ),
        updated_at=_moment(fields.get("updated")),
        resolved_at=_moment(fields.get("resolutiondate")),
        due=_day(fields.get("duedate")),
    )


def comments(client: JiraClient, issue: IssueRef) -> list[Comment]:
    """Return all comments, oldest first."""
    found: list[Json] = []
    while True:
        body = client.get(f"issue/{issue.id}/comment", {"startAt": len(found), "maxResults": BULK})
        page = body.get("comments") or []
        found += page
        if not page or len(found) >= int(body.get("total") or 0):
            break
    return [
        Comment(
            id=str(row["id"]),
            author=str((row.get("author") or {}).get("displayName") or ""),
            body=_read_body(row.get("body")),
            public=row.get("jsdPublic") is not False,
            created_at=_moment(row.get("created")) or datetime.fromtimestamp(0, UTC),
        )
        for row in found
    ]


def add_comment(client: JiraClient, issue: IssueRef, body: str, leaving: Leaving | None = None) -> str:
    """Add a comment once; in a service project it is an internal one, which customers can't see."""
    sent = {"body": _body(client, body), "properties": [{"key": "sd.public.comment", "value": {"internal": True}}]}
    return str(client.request("POST", f"issue/{issue.id}/comment", "once", body=sent, leaving=leaving).get("id", ""))


def update_comment(client: JiraClient, issue: IssueRef, comment_id: str, body: str) -> None:
    """Replace a comment's text."""
    client.request("PUT", f"issue/{issue.id}/comment/{comment_id}", "repeatable", body={"body": _body(client, body)})


def add_labels(client: JiraClient, issue: IssueRef, labels: Sequence[str]) -> None:
    """Add labels; one that is there stays one."""
    changes = [{"add": label} for label in labels]
    client.request("PUT", f"issue/{issue.id}", "repeatable", body={"update": {"labels": changes}})


def link_duplicate(client: JiraClient, issue: IssueRef, of: IssueRef) -> bool:
    """Link as a duplicate, without a comment: a null one is refused. False: nothing had to be done."""
    wanted = client.settings.duplicate_link
    row = read(client, [issue.id], FIELDS).get(issue.id)
    if wanted == NO_LINK or (row is not None and state(client, row).duplicate_of == of.id):
        return False
    types = client.get("issueLinkType", {}).get("issueLinkTypes") or []
    name = next((str(item["name"]) for item in types if _is_duplicate(str(item.get("name", "")), wanted)), None)
    if name is None:
        known = ", ".join(str(item.get("name")) for item in types) or "none"
        raise RefusedError(
            f"this Jira has no link type {wanted or 'Duplicate'}; there are: {known}", hint="tracker: {duplicate_link: NAME}"
        )
    body = {"type": {"name": name}, "inwardIssue": {"id": issue.id}, "outwardIssue": {"id": of.id}}
    client.request("POST", "issueLink", "repeatable", body=body)  # Jira keeps one link of a kind between two issues
    return True


def _is_duplicate(name: str, wanted: str) -> bool:
    return name.casefold() == wanted.casefold() if wanted else DUPLICATE in name.lower()


def move_to(client: JiraClient, issue: IssueRef, category: Category, resolution: str) -> int:
    """Walk the workflow towards a status of this category and return the steps; names are local to workflow and language, categories are not."""
    seen: set[str] = set()
    steps = 0
    while True:
        row = read(client, [issue.id], FIELDS).get(issue.id)
        if row is None:
            raise NotFoundError(f"{issue.key} does not exist (any more), or is not shown to this user")
        if state(client, row).category == category:
            return steps
        status = str(((row.get("fields") or {}).get("status") or {}).get("id"))
        seen.add(status)
        step = _step(client, issue, category, seen)
        if step is None or len(seen) > _STEPS:
            break
        body: Json = {"transition": {"id": str(step["id"])}}
        offered = ((step.get("fields") or {}).get("resolution") or {}).get("allowedValues") or ()
        if category == "done" and resolution and resolution in {item.get("name") for item in offered}:
            body["fields"] = {"resolution": {"name": resolution}}
        try:
            client.request("POST", f"issue/{issue.id}/transitions", "once", body=body)
        except ChangedMeanwhileError:
            continue  # somebody moved it at the same moment: look again
        steps += 1
    raise RefusedError(f"{issue.key} has no transition to a status of the kind '{category}' for this user", hint="move it by hand")


def _step(client: JiraClient, issue: IssueRef, category: Category, seen: set[str]) -> Json | None:
    steps: list[Json] = client.get(f"issue/{issue.id}/transitions", {"expand": "transitions.fields"}).get("transitions") or []

    def leads(step: Json) -> str:
        return str((step.get("to") or {}).get("statusCategory", {}).get("key"))

    direct = [step for step in steps if leads(step) == category]
    onward = [step for step in steps if str((step.get("to") or {}).get("id")) not in seen]
    return next(iter([*direct, *onward]), None)


def _body(client: JiraClient, text: str) -> str | Json:
    return document(text) if client.settings.api == "3" else wiki(text)


def wiki(text: str) -> str:
    """Return plain text so that wiki markup shows it as it is."""
    return re.sub(r"([{}\[\]|*_^~])", r"\\\1", text)


def _read_body(body: Any) -> str:
    return plain(body) if isinstance(body, dict) else re.sub(r"\\([{}\[\]|*_^~])", r"\1", plain(body))


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC) if text else None
    except ValueError:
        return None


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(str(text)[:10]) if text else None
    except ValueError:
        return None
