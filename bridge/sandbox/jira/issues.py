"""Creating, reading, changing and deleting issues."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bridge.sandbox.calls import Call, Json, Route, answer
from bridge.sandbox.jira import fields, records
from bridge.sandbox.jira.answers import allowed, api, json_body, refuse, too_long
from bridge.sandbox.jira.comments import add_comment
from bridge.sandbox.jira.properties import check_property, set_property
from bridge.sandbox.state import stamp

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

BULK = 100
"""Issues in one bulkfetch."""


def _wanted(call: Call) -> list[str]:
    given = [name.strip() for part in call.request.args.getlist("fields") for name in part.split(",")]
    return [name for name in given if name] or list(records.ALL)


def get_issue(call: Call) -> Response:
    """GET issue/{key}."""
    issue = records.load(call, call.args["issue"])
    body = records.shown(call, issue, _wanted(call))
    properties = [name for part in call.request.args.getlist("properties") for name in part.split(",") if name]
    if properties:
        rows = call.state.rows("SELECT key, value FROM properties WHERE issue_id = ?", issue.id)
        body["properties"] = {row["key"]: json.loads(row["value"]) for row in rows if "*all" in properties or row["key"] in properties}
    return answer(body)


def create_issue(call: Call) -> Response:
    """POST issue: 201 with id and key, or 400 with every fault at once; a refused one has used up its number."""
    body = json_body(call)
    given = body.get("fields")
    project = call.state.project
    if not isinstance(given, dict):
        raise refuse(400, errors={"fields": "'fields' must be an object"})
    if not fields.is_project(project, given.get("project")):
        raise refuse(400, errors={"project": "Specify a valid project ID or key"})
    if "CREATE_ISSUES" in project.denied:
        raise refuse(400, errors={"project": "You do not have permission to create issues in this project."})
    number = call.state.next_number(f"number:{project.key}")
    kind = fields.type_of(project, given.get("issuetype"))
    if kind is None:
        known = ", ".join(f"{kind.name} ({kind.id})" for kind in project.issue_types)
        raise refuse(400, errors={"issuetype": f"Specify a valid issue type. Known: {known}"})
    properties = _properties(body.get("properties"))
    on_screen = fields.screen(project)
    values, errors = _store(call, {name: value for name, value in given.items() if name not in {"project", "issuetype"}}, on_screen)
    screen = fields.screen(project)
    for name in ("summary", *kind.required):
        if values.get(name) is None and name not in errors and name in screen:
            errors[name] = "You must specify a summary of the issue." if name == "summary" else f"{screen[name].name} is required."
    if errors:
        raise refuse(400, errors=errors)
    values.setdefault("priority", "3")
    now = stamp(call.now)
    document = {
        "type": kind.id,
        "values": values,
        "status": "10000",
        "resolution": None,
        "resolutiondate": None,
        "created": now,
        "updated": now,
        "reporter": call.caller.id,
    }
    key = f"{project.key}-{number}"
    id_ = call.state.run("INSERT INTO issues (key, document) VALUES (?, ?)", key, json.dumps(document))
    for name, value in properties.items():
        set_property(call, id_, name, value)
    records.index(call.state, records.Issue(id=id_, key=key, document=document))
    return answer({"id": str(id_), "key": key, "self": api(call, f"issue/{id_}")}, 201)


def _properties(given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, list) or not all(isinstance(item, dict) and {"key", "value"} <= set(item) for item in given):
        raise refuse(400, errors={"properties": "'properties' must be an array of {key, value}"})
    for item in given:
        check_property(item["key"], json.dumps(item["value"]))
    return {item["key"]: item["value"] for item in given}


def _store(call: Call, given: Json, screen: dict[str, fields.Field]) -> tuple[Json, dict[str, str]]:
    """Return stored values and Jira's complaints by field id."""
    values: Json = {}
    errors: dict[str, str] = {}
    for name, value in given.items():
        field = screen.get(name)
        if field is None:
            errors[name] = f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown."
            continue
        try:
            values[name] = fields.store(call, field, value)
        except fields.ContentLimitError as error:
            raise too_long(name) from error
        except fields.FieldError as error:
            errors[name] = str(error)
    return values, errors


def update_issue(call: Call) -> Response:
    """PUT issue/{key}: `fields` replaces, `update` adds, removes and sets; 204."""
    issue = records.load(call, call.args["issue"])
    allowed(call, "EDIT_ISSUES")
    if call.request.args.get("notifyUsers") == "false" and "ADMINISTER_PROJECTS" in call.state.project.denied:
        raise refuse(403, "To discard the user notification either admin or project admin permissions are required.")
    body = json_body(call)
    given, changes = body.get("fields") or {}, body.get("update") or {}
    if not isinstance(given, dict) or not isinstance(changes, dict):
        raise refuse(400, "'fields' and 'update' must be objects")
    both = sorted(set(given) & set(changes))
    if both:
        raise refuse(400, errors={name: f"Field '{name}' cannot appear in both 'fields' and 'update'" for name in both})
    apply(call, issue, given, changes)
    for name, value in _properties(body.get("properties")).items():
        set_property(call, issue.id, name, value)
    return answer(None, 204)


def apply(call: Call, issue: records.Issue, given: Json, changes: Json) -> None:
    """Change an issue's fields and save it, or refuse with every fault; comments in `update` are added."""
    comments = changes.pop("comment", [])
    values, errors = _store(call, given, fields.edit_screen(call.state.project))
    for name, operations in changes.items():
        try:
            values[name] = _operate(call, issue, name, operations)
        except fields.ContentLimitError as error:
            raise too_long(name) from error
        except fields.FieldError as error:
            errors[name] = str(error)
    if errors:
        raise refuse(400, errors=errors)
    kind = next(kind for kind in call.state.project.issue_types if kind.id == issue.document["type"])
    emptied = [name for name in ("summary", *kind.required) if name in values and values[name] is None]
    if emptied:
        raise refuse(400, errors={name: f"{fields.screen(call.state.project)[name].name} is required." for name in emptied})
    for operation in comments:
        add_comment(call, issue, operation.get("add", {}))
    issue.document["values"].update(values)
    records.save(call.state, issue)


def _operate(call: Call, issue: records.Issue, name: str, operations: Any) -> Any:
    field = fields.edit_screen(call.state.project).get(name)
    if field is None:
        raise fields.FieldError(f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown.")
    if not isinstance(operations, list) or not all(isinstance(item, dict) and len(item) == 1 for item in operations):
        raise fields.FieldError("data was not an array of operations")
    current = issue.document["values"].get(name)
    for operation in operations:
        ((verb, value),) = operation.items()
        if verb == "set":
            current = fields.store(call, field, value)
        elif verb in {"add", "remove"} and field.kind in {"labels", "components", "versions"}:
            one: Sequence[Any] = fields.store(call, field, [value])
            kept = [item for item in current or [] if item not in one]
            current = [*kept, *one] if verb == "add" else kept
        else:
            raise fields.FieldError(f"Field '{name}' does not support operation '{verb}'")
    return current


def delete_issue(call: Call) -> Response:
    """DELETE issue/{key}: 204; its key is never given again."""
    issue = records.load(call, call.args["issue"])
    allowed(call, "DELETE_ISSUES")
    for table in ("comments", "attachments", "remote_links", "properties"):
        call.state.run(f"DELETE FROM {table} WHERE issue_id = ?", issue.id)  # noqa: S608  names from the line above
    call.state.run("DELETE FROM issue_links WHERE ? IN (inward, outward)", issue.id)
    call.state.run("DELETE FROM issues WHERE id = ?", issue.id)
    call.state.remember("issue", issue.id, None)
    return answer(None, 204)


def bulk_fetch(call: Call) -> Response:
    """POST issue/bulkfetch (Cloud): up to 100 issues by id or key; the absent ones in issueErrors."""
    if not call.cloud:
        raise refuse(404, "null for uri: issue/bulkfetch")
    body = json_body(call)
    names = body.get("issueIdsOrKeys")
    if not isinstance(names, list) or not names or len(names) > BULK or not all(isinstance(name, str) for name in names):
        raise refuse(400, f"issueIdsOrKeys must hold 1 to {BULK} strings")
    unknown = sorted(set(body) - {"issueIdsOrKeys", "fields", "expand", "properties", "fieldsByKeys"})
    if unknown:
        raise refuse(400, f"Unrecognized field '{unknown[0]}'")
    wanted = body.get("fields") or list(records.NAVIGABLE)
    found: dict[int, records.Issue] = {}
    errors = []
    for name in names:
        issue = records.find(call.state, name)
        if issue is None:
            errors.append({"id": name, "errorMessage": "Issue does not exist or you do not have permission to see it."})
        else:
            found[issue.id] = issue
    shown = [records.shown(call, issue, wanted) for _, issue in sorted(found.items())]
    return answer({"issues": shown, "issueErrors": errors})


ROUTES = (
    Route(method="POST", path="issue", handler=create_issue),
    Route(method="POST", path="issue/bulkfetch", handler=bulk_fetch, reads=True),
    Route(method="GET", path="issue/<issue>", handler=get_issue),
    Route(method="PUT", path="issue/<issue>", handler=update_issue),
    Route(method="DELETE", path="issue/<issue>", handler=delete_issue),
)
