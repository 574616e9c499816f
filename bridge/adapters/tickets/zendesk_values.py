"""Zendesk's JSON as our values; tolerant of unknown, missing and null fields, strict about time."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bridge.model.ticket import Comment, Ticket

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.adapters.tickets.zendesk import ZendeskSettings

Json = dict[str, Any]
MERGED_TAG = "closed_by_merge"
_NUMBER = re.compile(r"#(\d+)")
_ISSUE_TAG = re.compile(r"bridge-([a-z][a-z0-9_]*-\d+)")


def moment(text: str) -> datetime:
    """Return a time in UTC; Zendesk always names the zone."""
    return datetime.fromisoformat(text).astimezone(UTC)


def stamp(at: datetime) -> str:
    """Return a time as Zendesk writes it: whole seconds, UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def account_id(organization: Json, account_field: str) -> str | None:
    """Return the account that an organization is."""
    if account_field == "external_id":
        value = organization.get("external_id")
    else:
        value = (organization.get("organization_fields") or {}).get(account_field)
    return str(value) if value not in {None, ""} else None


def ticket(
    row: Json,
    *,
    settings: ZendeskSettings,
    users: Mapping[int, Json],
    organizations: Mapping[int, Json],
    comments: tuple[Comment, ...] = (),
) -> Ticket:
    """Return a ticket; users and organizations by id are what was read beside it."""
    user = users.get(row.get("requester_id") or 0, {})
    organization = organizations.get(row.get("organization_id") or 0, {})
    native = str(row["id"])
    tags = tuple(str(tag) for tag in row.get("tags") or ())
    return Ticket(
        id=f"{settings.prefix}{native}",
        system="zendesk",
        native_id=native,
        url=f"{settings.url}/agent/tickets/{native}",
        subject=str(row.get("subject") or row.get("raw_subject") or ""),
        body=str(row.get("description") or ""),
        requester_name=str(user.get("name") or ""),
        requester_email=str(user.get("email") or ""),
        account_id=account_id(organization, settings.account_field),
        account_name=str(organization["name"]) if organization.get("name") else None,
        status=str(row.get("status") or "open"),
        priority=row.get("priority") or None,
        created_at=moment(row["created_at"]),
        updated_at=moment(row.get("updated_at") or row["created_at"]),
        tags=tags,
        issue_key=issue_key(row, settings.issue_field),
        comments=comments,
    )


def comment(row: Json, users: Mapping[int, Json]) -> Comment:
    """Return a comment; one that does not say whether it is public counts as internal, so it never leaves the help desk."""
    author = users.get(row.get("author_id") or 0, {})
    return Comment(
        id=str(row["id"]),
        author=str(author.get("name") or row.get("author_id") or ""),
        body=str(row.get("plain_body") or row.get("body") or ""),
        public=row.get("public") is True,
        created_at=moment(row["created_at"]),
    )


def merged_into(ticket: Ticket, prefix: str) -> str | None:
    """Return the target of a merge: the number in the last comment that names one, on a ticket that Zendesk tagged as merged."""
    if MERGED_TAG not in ticket.tags:
        return None
    numbers = [found[1] for comment in ticket.comments if (found := _NUMBER.search(comment.body))]
    return f"{prefix}{numbers[-1]}" if numbers else None


def issue_key(row: Json, issue_field: int | None) -> str | None:
    """Return the issue that a ticket carries: its field, else our tag."""
    if issue_field is not None:
        for item in row.get("custom_fields") or ():
            if item.get("id") == issue_field and item.get("value"):
                return str(item["value"])
    for tag in row.get("tags") or ():
        match = _ISSUE_TAG.fullmatch(str(tag))
        if match:
            return match[1].upper()
    return None


def issue_update(row: Json, key: str, issue_field: int | None) -> Json:
    """Return what has to change on a ticket so that it carries the key; empty when it does already."""
    tag = f"bridge-{key.lower()}"
    tags = [str(item) for item in row.get("tags") or ()]
    # A moved issue has a new key: the old tag of ours goes, everybody else's stay.
    wanted = [item for item in tags if not _ISSUE_TAG.fullmatch(item) or item == tag]
    if tag not in wanted:
        wanted.append(tag)
    update: Json = {}
    if sorted(wanted) != sorted(tags):
        update["tags"] = wanted
    if issue_field is not None:
        present = {item.get("id"): item.get("value") for item in row.get("custom_fields") or ()}
        if present.get(issue_field) != key:
            update["custom_fields"] = [{"id": issue_field, "value": key}]
    return update
