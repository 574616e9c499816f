"""What the site is: server, caller, permissions, project, fields and create metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.sandbox.calls import Call, Json, RefusalError, Route, answer
from bridge.sandbox.jira import fields, records
from bridge.sandbox.jira.answers import api, jira_time, paged, refuse, user_json
from bridge.sandbox.seed import SeedIssueType
from bridge.sandbox.state import stamp

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

META_PAGE = 200
PERMISSIONS = (
    ("ADMINISTER_PROJECTS", "Administer Projects"),
    ("BROWSE_PROJECTS", "Browse Projects"),
    ("CREATE_ISSUES", "Create Issues"),
    ("EDIT_ISSUES", "Edit Issues"),
    ("DELETE_ISSUES", "Delete Issues"),
    ("TRANSITION_ISSUES", "Transition Issues"),
    ("LINK_ISSUES", "Link Issues"),
    ("ASSIGN_ISSUES", "Assign Issues"),
    ("ADD_COMMENTS", "Add Comments"),
    ("EDIT_OWN_COMMENTS", "Edit Own Comments"),
    ("CREATE_ATTACHMENTS", "Create Attachments"),
)


def server_info(call: Call) -> Response:
    """GET serverInfo, without credentials too: which personality this is."""
    version = [1001, 0, 0] if call.cloud else [9, 12, 0]
    return answer(
        {
            "baseUrl": call.base,
            "displayUrl": call.base,
            "version": "1001.0.0-SNAPSHOT" if call.cloud else "9.12.0",
            "versionNumbers": version,
            "deploymentType": "Cloud" if call.cloud else "Server",
            "buildNumber": 100_295 if call.cloud else 912_000,
            "buildDate": "2026-01-01T00:00:00.000+0000",
            "serverTime": jira_time(stamp(call.now)),
            "scmInfo": "sandbox",
            "serverTitle": "Sandbox tracker",
        }
    )


def myself(call: Call) -> Response:
    """GET myself."""
    return answer(user_json(call, call.caller.id))


def my_permissions(call: Call) -> Response:
    """GET mypermissions; Cloud wants the permissions named."""
    asked = [name for name in call.request.args.get("permissions", "").split(",") if name]
    known = dict(PERMISSIONS)
    if call.cloud and not asked:
        raise refuse(400, "The 'permissions' query parameter is required.")
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise refuse(400, f"Unrecognized permission keys: {', '.join(unknown)}")
    for name in ("projectKey", "projectId"):
        given = call.request.args.get(name)
        if given and given not in {call.state.project.key, fields.PROJECT_ID}:
            raise refuse(404, f"No project could be found with key or id '{given}'.")
    issue = call.request.args.get("issueKey") or call.request.args.get("issueId")
    if issue:
        records.load(call, issue)
    denied = call.state.project.denied
    shown = {
        key: {"id": str(number), "key": key, "name": known[key], "type": "PROJECT", "description": "", "havePermission": key not in denied}
        for number, key in enumerate(known, 10)
        if not asked or key in asked
    }
    return answer({"permissions": shown})


def _project(call: Call) -> Json:
    given = call.args["project"]
    if given not in {call.state.project.key, fields.PROJECT_ID}:
        raise refuse(404, f"No project could be found with key '{given}'.")
    return records.project_json(call)


def _type_json(call: Call, kind: SeedIssueType) -> Json:
    return records.type_json(call, kind.id)


def _choices(call: Call, id_: str, kind: str) -> list[Json]:
    field = fields.Field(id=id_, name=id_, kind=kind)
    return [fields.choice_json(call, field, value) for value in fields.names(call.state.project, field)]


def project(call: Call) -> Response:
    """GET project/{key}, with its issue types, components and versions."""
    body = {
        **_project(call),
        "description": "",
        "issueTypes": [_type_json(call, kind) for kind in call.state.project.issue_types],
        "components": _choices(call, "components", "components"),
        "versions": _choices(call, "versions", "versions"),
        "lead": user_json(call, call.state.agent.id),
        "assigneeType": "UNASSIGNED",
        "roles": {},
    }
    return answer(body)


def projects(call: Call) -> Response:
    """GET project: the one."""
    return answer([records.project_json(call)])


def search_projects(call: Call) -> Response:
    """GET project/search (Cloud)."""
    if not call.cloud:
        raise refuse(404, "No project could be found with key 'search'.")
    shown = [records.project_json(call)]
    return answer({"self": api(call, "project/search"), "startAt": 0, "maxResults": 50, "total": 1, "isLast": True, "values": shown})


def components(call: Call) -> Response:
    """GET project/{key}/components."""
    _project(call)
    return answer(_choices(call, "components", "components"))


def versions(call: Call) -> Response:
    """GET project/{key}/versions."""
    _project(call)
    return answer(_choices(call, "versions", "versions"))


def statuses(call: Call) -> Response:
    """GET project/{key}/statuses: the workflow's statuses by issue type."""
    _project(call)
    shown = [fields.status_json(call, id_) for id_ in fields.STATUSES]
    types = [_type_json(call, kind) for kind in call.state.project.issue_types]
    return answer([{**{key: kind[key] for key in ("self", "id", "name", "subtask")}, "statuses": shown} for kind in types])


def all_types(call: Call) -> Response:
    """GET issuetype."""
    return answer([_type_json(call, kind) for kind in call.state.project.issue_types])


def all_statuses(call: Call) -> Response:
    """GET status."""
    return answer([fields.status_json(call, id_) for id_ in fields.STATUSES])


def priorities(call: Call) -> Response:
    """GET priority."""
    return answer([{**value, "description": "", "statusColor": "#cccccc"} for value in _choices(call, "priority", "priority")])


def resolutions(call: Call) -> Response:
    """GET resolution."""
    return answer([fields.resolution_json(call, id_) for id_ in fields.RESOLUTIONS])


_SYSTEM_ONLY = (("project", "Project", "project"), ("issuetype", "Issue Type", "issuetype"), ("status", "Status", "status"))


def all_fields(call: Call) -> Response:
    """GET field."""
    shown = [
        {
            "id": id_,
            "key": id_,
            "name": name,
            "custom": False,
            "orderable": True,
            "navigable": True,
            "searchable": True,
            "clauseNames": [id_],
            "schema": {"type": kind, "system": id_},
        }
        for id_, name, kind in _SYSTEM_ONLY
    ]
    for field in fields.every_field(call.state.project):
        clauses = [f"cf[{field.id.rpartition('_')[2]}]", field.name] if field.custom else [field.id]
        shown.append(
            {
                "id": field.id,
                "key": field.id,
                "name": field.name,
                "custom": field.custom,
                "orderable": True,
                "navigable": True,
                "searchable": True,
                "clauseNames": clauses,
                "schema": _schema(field),
            }
        )
    return answer(shown)


_CUSTOM = {
    "number": ("number", "float"),
    "datetime": ("datetime", "datetime"),
    "select": ("option", "select"),
    "text": ("string", "textfield"),
}
_TYPES: dict[str, Json] = {
    "summary": {"type": "string"},
    "longtext": {"type": "string"},
    "labels": {"type": "array", "items": "string"},
    "priority": {"type": "priority"},
    "components": {"type": "array", "items": "component"},
    "versions": {"type": "array", "items": "version"},
    "user": {"type": "user"},
}


def _schema(field: fields.Field) -> Json:
    if not field.custom:
        return {**_TYPES[field.kind], "system": field.id}
    kind, plugin = _CUSTOM[field.kind]
    number = int(field.id.rpartition("_")[2])
    return {"type": kind, "custom": f"com.atlassian.jira.plugin.system.customfieldtypes:{plugin}", "customId": number}


def meta_types(call: Call) -> Response:
    """GET issue/createmeta/{project}/issuetypes: `issueTypes` on Cloud, `values` on Data Center."""
    _project(call)
    start, size = _meta_page(call)
    shown = [_type_json(call, kind) for kind in call.state.project.issue_types]
    return _meta_answer(call, shown, start, size, "issueTypes")


def meta_fields(call: Call) -> Response:
    """GET issue/createmeta/{project}/issuetypes/{type}: `fields` on Cloud, `values` on Data Center."""
    _project(call)
    kind = next((kind for kind in call.state.project.issue_types if kind.id == call.args["type"]), None)
    if kind is None:
        raise refuse(404, f"Issue type with id '{call.args['type']}' does not exist")
    start, size = _meta_page(call)
    shown = [
        _meta(call, {"id": "project", "name": "Project", "schema": {"type": "project", "system": "project"}}, required=True),
        _meta(call, {"id": "issuetype", "name": "Issue Type", "schema": {"type": "issuetype", "system": "issuetype"}}, required=True),
    ]
    shown[0]["allowedValues"] = [records.project_json(call)]
    shown[1]["allowedValues"] = [_type_json(call, kind)]
    for field in fields.screen(call.state.project).values():
        required = field.id == "summary" or field.id in kind.required
        entry = _meta(call, {"id": field.id, "name": field.name, "schema": _schema(field)}, required=required)
        entry["hasDefaultValue"] = field.kind == "priority"
        values = fields.names(call.state.project, field)
        if values:
            entry["allowedValues"] = [fields.choice_json(call, field, value) for value in values]
        if field.kind in {"labels", "components", "versions"}:
            entry["operations"] = ["add", "set", "remove"]
        shown.append(entry)
    return _meta_answer(call, shown, start, size, "fields")


def _meta(_call: Call, what: Json, *, required: bool) -> Json:
    return {
        "required": required,
        "schema": what["schema"],
        "name": what["name"],
        "key": what["id"],
        "fieldId": what["id"],
        "hasDefaultValue": False,
        "operations": ["set"],
    }


def _meta_page(call: Call) -> tuple[int, int]:
    if call.number("maxResults", 50) > META_PAGE:
        raise refuse(400, f"Parameter 'maxResults' must not exceed the limit '{META_PAGE}'")
    return paged(call, size=50, most=META_PAGE)


def _meta_answer(call: Call, shown: list[Json], start: int, size: int, cloud_name: str) -> Response:
    page = shown[start : start + size]
    body: Json = {"startAt": start, "maxResults": size, "total": len(shown)}
    if call.cloud:
        return answer({**body, cloud_name: page})
    return answer({**body, "isLast": start + size >= len(shown), "values": page})


def old_meta(call: Call) -> Response:
    """GET issue/createmeta: gone from Data Center 9; deprecated, and not played, on Cloud."""
    raise refuse(404, "Issue Does Not Exist" if not call.cloud else "createmeta was removed; use createmeta/{project}/issuetypes")


def edit_meta(call: Call) -> Response:
    """GET issue/{key}/editmeta."""
    issue = records.load(call, call.args["issue"])
    kind = next(kind for kind in call.state.project.issue_types if kind.id == issue.document["type"])
    shown: dict[str, Json] = {}
    for field in fields.edit_screen(call.state.project).values():
        entry = _meta(
            call, {"id": field.id, "name": field.name, "schema": _schema(field)}, required=field.id in {"summary", *kind.required}
        )
        del entry["fieldId"]
        values = fields.names(call.state.project, field)
        if values:
            entry["allowedValues"] = [fields.choice_json(call, field, value) for value in values]
        shown[field.id] = entry
    return answer({"fields": shown})


def application_links(_call: Call) -> Response:
    """GET applinks: administrators only."""
    raise RefusalError(403, {"message": "Client must be authenticated as an administrator to access this resource.", "status-code": 403})


APPLINKS_ROUTE = Route(method="GET", path="/rest/applinks/latest/listApplicationlinks", handler=application_links)
ROUTES = (
    Route(method="GET", path="serverInfo", handler=server_info, anonymous=True),
    Route(method="GET", path="myself", handler=myself),
    Route(method="GET", path="mypermissions", handler=my_permissions),
    Route(method="GET", path="project", handler=projects),
    Route(method="GET", path="project/search", handler=search_projects),
    Route(method="GET", path="project/<project>", handler=project),
    Route(method="GET", path="project/<project>/components", handler=components),
    Route(method="GET", path="project/<project>/versions", handler=versions),
    Route(method="GET", path="project/<project>/statuses", handler=statuses),
    Route(method="GET", path="issuetype", handler=all_types),
    Route(method="GET", path="status", handler=all_statuses),
    Route(method="GET", path="priority", handler=priorities),
    Route(method="GET", path="resolution", handler=resolutions),
    Route(method="GET", path="field", handler=all_fields),
    Route(method="GET", path="issue/createmeta", handler=old_meta),
    Route(method="GET", path="issue/createmeta/<project>/issuetypes", handler=meta_types),
    Route(method="GET", path="issue/createmeta/<project>/issuetypes/<type>", handler=meta_fields),
    Route(method="GET", path="issue/<issue>/editmeta", handler=edit_meta),
)
