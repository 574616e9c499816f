"""The fields of an issue: which are on the screen, what a value must look like, how it is shown.

Stored values are plain JSON: ids for what has ids, the text itself otherwise. A long text is
{"text": wiki} or {"adf": document}, as it came.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from bridge.sandbox.calls import Call, Json
from bridge.sandbox.jira import adf
from bridge.sandbox.jira.answers import TEXT_LIMIT, account_id, api, user_json
from bridge.sandbox.seed import SeedIssueType, SeedProject

PROJECT_ID = "10000"
SUMMARY_LIMIT = 255
_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}")
RESOLUTIONS = {"10000": "Done", "10001": "Won't Do", "10002": "Duplicate", "10003": "Cannot Reproduce"}
STATUSES: dict[str, tuple[str, str]] = {"10000": ("To Do", "new"), "3": ("In Progress", "indeterminate"), "10001": ("Done", "done")}
CATEGORIES: dict[str, tuple[int, str, str]] = {
    "new": (2, "To Do", "blue-gray"),
    "indeterminate": (4, "In Progress", "yellow"),
    "done": (3, "Done", "green"),
}


class FieldError(Exception):
    """A value that this field does not take; the text is Jira's."""


class ContentLimitError(FieldError):
    """A text longer than the tracker stores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of the screen."""

    id: str
    name: str
    kind: str
    """summary, longtext, labels, priority, components, versions, user, number, datetime, select, text."""
    options: tuple[str, ...] = ()

    @property
    def custom(self) -> bool:
        """Tell whether an administrator made it."""
        return self.id.startswith("customfield_")


_SYSTEM = (
    Field(id="summary", name="Summary", kind="summary"),
    Field(id="description", name="Description", kind="longtext"),
    Field(id="environment", name="Environment", kind="longtext"),
    Field(id="labels", name="Labels", kind="labels"),
    Field(id="priority", name="Priority", kind="priority"),
    Field(id="components", name="Components", kind="components"),
    Field(id="versions", name="Affects versions", kind="versions"),
    Field(id="fixVersions", name="Fix versions", kind="versions"),
    Field(id="assignee", name="Assignee", kind="user"),
)


def screen(project: SeedProject) -> dict[str, Field]:
    """Return the fields that can be set, by id."""
    custom = (Field(id=field.id, name=field.name, kind=field.kind, options=field.options) for field in project.fields)
    return {field.id: field for field in (*_SYSTEM, *custom) if field.id not in project.off_screen}


def edit_screen(project: SeedProject) -> dict[str, Field]:
    """Return the fields that can be changed once the issue is there."""
    return {name: field for name, field in screen(project).items() if name not in project.edit_off_screen}


def every_field(project: SeedProject) -> tuple[Field, ...]:
    """Return all fields that exist, on the screen or not."""
    return (*_SYSTEM, *(Field(id=field.id, name=field.name, kind=field.kind, options=field.options) for field in project.fields))


def type_of(project: SeedProject, given: Any) -> SeedIssueType | None:
    """Find the issue type that {id} or {name} means."""
    if not isinstance(given, dict):
        return None
    for kind in project.issue_types:
        if given.get("id") == kind.id or ("id" not in given and given.get("name") == kind.name):
            return kind
    return None


def is_project(project: SeedProject, given: Any) -> bool:
    """Tell whether {key} or {id} means the project."""
    return isinstance(given, dict) and (given.get("key") == project.key or given.get("id") == PROJECT_ID)


def names(project: SeedProject, field: Field) -> dict[str, str]:
    """Return the values a field allows: id to name."""
    if field.kind == "priority":
        return {str(number): name for number, name in enumerate(project.priorities, 1)}
    if field.kind == "components":
        return {str(10100 + number): name for number, name in enumerate(project.components)}
    if field.kind == "versions":
        return {str(10200 + number): name for number, name in enumerate(project.versions)}
    if field.kind == "select":
        return {f"{int(field.id.rpartition('_')[2]) * 10 + number}": name for number, name in enumerate(field.options)}
    return {}


def store(call: Call, field: Field, value: Any) -> Any:
    """Return the stored form of a value from a request; FieldError in Jira's words."""
    if value is None and field.kind != "summary":
        return [] if field.kind in {"labels", "components", "versions"} else None
    if field.kind in {"priority", "select"}:
        return _choice(call, field, value)
    if field.kind in {"components", "versions"}:
        if not isinstance(value, list):
            raise FieldError("data was not an array")
        return [_choice(call, field, item) for item in value]
    if field.kind == "user":
        return _user(call, value)
    if field.kind == "longtext":
        return long_text(call, value)
    return _plain(field, value)


def _plain(field: Field, value: Any) -> Any:
    if field.kind == "summary":
        return _summary(value)
    if field.kind == "labels":
        return _labels(value)
    if field.kind == "number":
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise FieldError("Operation value must be a number")
        return value
    if not isinstance(value, str):
        raise FieldError("Operation value must be a string")
    if field.kind == "datetime" and not _DATETIME.fullmatch(value):
        raise FieldError(f"Error parsing date string: {value}; the format is yyyy-MM-dd'T'HH:mm:ss.SSSZ, as 2026-03-17T06:00:00.000+0000")
    if len(value) > SUMMARY_LIMIT:
        raise FieldError("The entered text is too long. It exceeds the allowed limit of 255 characters.")
    return value


def _summary(value: Any) -> str:
    if not isinstance(value, str):
        raise FieldError("Operation value must be a string")
    if not value.strip():
        raise FieldError("You must specify a summary of the issue.")
    if "\n" in value or "\r" in value:
        raise FieldError("The summary is invalid because it contains newline characters.")
    if len(value) > SUMMARY_LIMIT:
        raise FieldError("Summary can't exceed 255 characters.")
    return value


def _labels(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise FieldError("data was not an array")
    for label in value:
        if not isinstance(label, str) or not label:
            raise FieldError("string expected at index 0")
        if any(char.isspace() for char in label):
            raise FieldError(f"The label '{label}' contains spaces which is invalid.")
        if len(label) > SUMMARY_LIMIT:
            raise FieldError("The label exceeds the maximum length of 255 characters.")
    return list(dict.fromkeys(value))


def long_text(call: Call, value: Any) -> Json:
    """Return a description or comment as it is stored: a string on v2, an ADF document on v3."""
    if call.args["version"] == "3":
        wrong = adf.fault(value)
        if wrong is not None:
            raise FieldError(f"Operation value must be an Atlassian Document (see the Atlassian Document Format): {wrong}")
        if len(adf.text(value)) > TEXT_LIMIT:
            raise ContentLimitError
        return {"adf": value}
    if not isinstance(value, str):
        raise FieldError("Operation value must be a string")
    if len(value) > TEXT_LIMIT:
        raise ContentLimitError
    return {"text": value}


def show_text(call: Call, stored: Json | None) -> Json | str | None:
    """Return a long text in the form of the API version that asks."""
    if stored is None:
        return None
    if call.args["version"] == "3":
        document: Json = stored["adf"] if "adf" in stored else adf.from_text(stored["text"])
        return document
    return wiki_of(stored)


def wiki_of(stored: Json | None) -> str:
    """Return a long text as wiki markup."""
    if not stored:
        return ""
    return str(stored["text"]) if "text" in stored else adf.to_wiki(stored["adf"])


def _choice(call: Call, field: Field, value: Any) -> str:
    known = names(call.state.project, field)
    word = "value" if field.kind == "select" else "name"
    if not isinstance(value, dict) or not ({"id", word} & set(value)):
        raise FieldError(f"Could not find valid 'id' or '{word}' in the Parent Option object.")
    for id_, name in known.items():
        if value.get("id") == id_ or ("id" not in value and value.get(word) == name):
            return id_
    shown = value.get("id", value.get(word))
    raise FieldError(f"{field.name} {word} '{shown}' is not valid. Allowed: {', '.join(known.values())}")


def _user(call: Call, value: Any) -> int:
    if isinstance(value, dict):
        for row in call.state.rows("SELECT id, email FROM users WHERE role IN ('agent', 'admin')"):
            if call.cloud and value.get("accountId") == account_id(row["id"]):
                return int(row["id"])
            if not call.cloud and value.get("name") in {row["email"], str(row["email"]).partition("@")[0]}:
                return int(row["id"])
    raise FieldError("User does not exist or cannot be assigned issues.")


def show(call: Call, field: Field, value: Any) -> Any:
    """Return a stored value as an issue shows it."""
    if value is None:
        return None
    if field.kind == "user":
        return user_json(call, value)
    if field.kind == "longtext":
        return show_text(call, value)
    if field.kind in {"priority", "select"}:
        return choice_json(call, field, value)
    if field.kind in {"components", "versions"}:
        return [choice_json(call, field, item) for item in value]
    return value


def choice_json(call: Call, field: Field, id_: str) -> Json:
    """Return one of a field's values with its id."""
    name = names(call.state.project, field)[id_]
    if field.kind == "select":
        return {"self": api(call, f"customFieldOption/{id_}"), "value": name, "id": id_}
    kind = {"priority": "priority", "components": "component", "versions": "version"}[field.kind]
    extra: Json = {"iconUrl": f"{call.base}/priority.png"} if kind == "priority" else {}
    if kind == "version":
        extra = {"archived": False, "released": name not in call.state.project.unreleased}
    return {"self": api(call, f"{kind}/{id_}"), "id": id_, "name": name, **extra}


def status_json(call: Call, id_: str) -> Json:
    """Return a status with its category."""
    name, key = STATUSES[id_]
    number, category, colour = CATEGORIES[key]
    return {
        "self": api(call, f"status/{id_}"),
        "description": "",
        "iconUrl": f"{call.base}/status.png",
        "name": name,
        "id": id_,
        "statusCategory": {
            "self": api(call, f"statuscategory/{number}"),
            "id": number,
            "key": key,
            "colorName": colour,
            "name": category,
        },
    }


def resolution_json(call: Call, id_: str | None) -> Json | None:
    """Return a resolution, None while there is none."""
    if id_ is None:
        return None
    return {"self": api(call, f"resolution/{id_}"), "id": id_, "name": RESOLUTIONS[id_], "description": ""}
