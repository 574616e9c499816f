"""/_control: what a test orders and reads. JSON only, so that no page in a browser can order anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from bridge.errors import InputError
from bridge.sandbox import faults as fault_list
from bridge.sandbox import journal
from bridge.sandbox.calls import answer
from bridge.sandbox.jira import records
from bridge.sandbox.limits import Limits
from bridge.sandbox.product.product import set_fixed
from bridge.sandbox.state import State

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response


def answer_control(request: Request, *, state: State, faults: fault_list.FaultList, limits: Limits) -> Response:
    """Answer a request under /_control; 400 says what is wrong with it."""
    name = request.path.removeprefix("/_control/").strip("/")
    handlers: dict[str, Callable[[], Any]] = {
        "faults": lambda: _faults(request, faults),
        "limits": lambda: _limits(request, limits),
        "lag": lambda: _lag(request, state),
        "journal": lambda: _journal(request, state),
        "issues": lambda: _issues(request, state),
        "project": lambda: _project(request, state),
        "product": lambda: _product(request, state),
    }
    handler = handlers.get(name)
    if handler is None:
        return answer({"error": f"no /_control/{name}", "known": sorted(handlers)}, 404)
    try:
        return answer(handler())
    except InputError as error:
        return answer({"error": error.message, "hint": error.hint}, 400)


def _body(request: Request) -> Any:
    if request.mimetype != "application/json":
        raise InputError("send application/json", hint="curl -H 'Content-Type: application/json'")
    try:
        return json.loads(request.get_data())
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}") from error


def _faults(request: Request, faults: fault_list.FaultList) -> Any:
    """GET lists the pending ones, POST adds one or an array, DELETE forgets all."""
    if request.method == "DELETE":
        faults.clear()
    elif request.method == "POST":
        body = _body(request)
        faults.add(*fault_list.from_json(body if isinstance(body, list) else [body]))
    return {"faults": msgspec.to_builtins(faults.pending())}


def _limits(request: Request, limits: Limits) -> Any:
    """GET, or POST {"issue_writes": n, "desk_writes": n, "seconds": s}: how many writes pass before a 429; 0: no limit."""
    if request.method == "POST":
        body = _body(request)
        given = body if isinstance(body, dict) else {}
        if set(given) - {"issue_writes", "desk_writes", "seconds"} or not all(isinstance(item, int | float) for item in given.values()):
            raise InputError("send numbers: issue_writes, desk_writes, seconds")
        limits.order(
            issue_writes=int(given.get("issue_writes", 0)),
            desk_writes=int(given.get("desk_writes", 0)),
            seconds=float(given.get("seconds", 1)),
        )
    return {"issue_writes": limits.issue_writes, "desk_writes": limits.desk_writes, "seconds": limits.seconds}


def _lag(request: Request, state: State) -> Any:
    """GET, or POST {"seconds": n}: how far the search indexes of both products are behind."""
    with state.transaction():
        if request.method == "POST":
            body = _body(request)
            seconds = body.get("seconds") if isinstance(body, dict) else None
            if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
                raise InputError(f"seconds must be a number of at least 0, not {seconds!r}")
            state.put("lag", float(seconds))
        return {"seconds": state.get("lag")}


def _journal(request: Request, state: State) -> Any:
    """GET ?all=1&since=seq, or DELETE."""
    if request.method == "DELETE":
        journal.clear(state)
    since = request.args.get("since", "0")
    found = journal.entries(state, everything="all" in request.args, since=int(since) if since.isdigit() else 0)
    return {"count": len(found), "entries": msgspec.to_builtins(found)}


def _issues(request: Request, state: State) -> Any:
    """POST {"key": K, "hidden": bool} or {"key": K, "move_to": "OPS"}: what happens to issues behind our back."""
    body = _body(request)
    key = str(body.get("key")) if isinstance(body, dict) else ""
    with state.transaction():
        row = state.one("SELECT * FROM issues WHERE key = ?", key)
        if row is None:
            raise InputError(f"no issue '{key}'")
        if "hidden" in body:
            state.run("UPDATE issues SET hidden = ? WHERE id = ?", int(bool(body["hidden"])), row["id"])
        moved = key
        if body.get("move_to"):
            target = str(body["move_to"])
            number = state.next_number(f"number:{target}")
            moved = f"{target}-{number}"
            state.run("INSERT INTO old_keys VALUES (?, ?)", key, row["id"])
            records.save(state, records.Issue(id=row["id"], key=moved, document=json.loads(row["document"])))
        return {"id": str(row["id"]), "key": moved}


def _product(request: Request, state: State) -> Any:
    """GET, or POST {"fixed": bool}: take the planted defect out of the small product, or plant it again."""
    with state.transaction():
        if request.method == "POST":
            body = _body(request)
            if not isinstance(body, dict) or not isinstance(body.get("fixed"), bool):
                raise InputError('send {"fixed": true}')
            return set_fixed(state, fixed=body["fixed"])
        return {"fixed": bool((state.get("product") or {}).get("fixed"))}


def _project(request: Request, state: State) -> Any:
    """GET, or POST with keys of SeedProject: change screens (`off_screen`), permissions (`denied`), required fields."""
    from bridge.sandbox import seed as seeds

    with state.transaction():
        if request.method == "POST":
            body = _body(request)
            if not isinstance(body, dict):
                raise InputError("send an object with keys of the project")
            try:
                state.project = seeds.project_from_json({**state.get("project"), **body})
            except msgspec.ValidationError as error:
                raise InputError(f"not a project: {error}", hint="see docs/sandbox.md") from error
            state.put("project", seeds.plain(state.project))
        return state.get("project")
