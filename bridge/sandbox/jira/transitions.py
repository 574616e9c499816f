"""The workflow: To Do, In Progress, Done, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.sandbox.calls import Call, Json, Route, answer
from bridge.sandbox.jira import fields, records
from bridge.sandbox.jira.answers import allowed, json_body, refuse
from bridge.sandbox.jira.issues import apply
from bridge.sandbox.state import stamp

if TYPE_CHECKING:
    from werkzeug.wrappers import Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One step of the workflow."""

    id: str
    name: str
    start: str
    to: str


WORKFLOW = (
    Transition(id="11", name="Start work", start="10000", to="3"),
    Transition(id="21", name="Stop work", start="3", to="10000"),
    Transition(id="31", name="Finish", start="3", to="10001"),
    Transition(id="41", name="Close", start="10000", to="10001"),
    Transition(id="51", name="Reopen", start="10001", to="10000"),
)


def _shown(call: Call, step: Transition, *, with_fields: bool) -> Json:
    finishes = fields.STATUSES[step.to][1] == "done"
    body: Json = {
        "id": step.id,
        "name": step.name,
        "to": fields.status_json(call, step.to),
        "hasScreen": finishes,
        "isGlobal": False,
        "isInitial": False,
        "isAvailable": True,
        "isConditional": False,
    }
    if with_fields:
        values: list[Any] = [fields.resolution_json(call, id_) for id_ in fields.RESOLUTIONS]
        resolution = {
            "required": True,
            "schema": {"type": "resolution", "system": "resolution"},
            "name": "Resolution",
            "key": "resolution",
            "hasDefaultValue": True,
            "operations": ["set"],
            "allowedValues": values,
        }
        body["fields"] = {"resolution": resolution} if finishes else {}
    return body


def list_transitions(call: Call) -> Response:
    """GET the steps that are open from the issue's status."""
    issue = records.load(call, call.args["issue"])
    with_fields = "transitions.fields" in call.request.args.get("expand", "")
    steps = [step for step in WORKFLOW if step.start == issue.document["status"]]
    return answer({"expand": "transitions", "transitions": [_shown(call, step, with_fields=with_fields) for step in steps]})


def post_transition(call: Call) -> Response:
    """POST a step by its id, a string: 204. Entering Done sets a resolution, leaving it clears one."""
    issue = records.load(call, call.args["issue"])
    allowed(call, "TRANSITION_ISSUES")
    body = json_body(call)
    given = body.get("transition")
    id_ = given.get("id") if isinstance(given, dict) else None
    if not isinstance(id_, str):
        raise refuse(400, f"The transition id must be a string, not {id_!r}")
    step = next((step for step in WORKFLOW if step.id == id_ and step.start == issue.document["status"]), None)
    if step is None:
        raise refuse(400, f"It seems that you have tried to perform an illegal workflow operation: {id_} is not open from here.")
    values = dict(body.get("fields") or {})
    resolution = _resolution(values.pop("resolution", None), finishes=fields.STATUSES[step.to][1] == "done")
    issue.document["status"] = step.to
    issue.document["resolution"] = resolution
    issue.document["resolutiondate"] = None if resolution is None else stamp(call.now)
    apply(call, issue, values, dict(body.get("update") or {}))
    return answer(None, 204)


def _resolution(given: Any, *, finishes: bool) -> str | None:
    if not finishes:
        if given is not None:
            raise refuse(400, errors={"resolution": "Field 'resolution' cannot be set. It is not on the appropriate screen, or unknown."})
        return None
    if given is None:
        return "10000"
    for id_, name in fields.RESOLUTIONS.items():
        if isinstance(given, dict) and (given.get("id") == id_ or given.get("name") == name):
            return id_
    raise refuse(400, errors={"resolution": f"Resolution is not valid. Known: {', '.join(fields.RESOLUTIONS.values())}"})


ROUTES = (
    Route(method="GET", path="issue/<issue>/transitions", handler=list_transitions),
    Route(method="POST", path="issue/<issue>/transitions", handler=post_transition),
)
