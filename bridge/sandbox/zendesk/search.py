"""Search, the incremental export and the links of the tracker's app."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bridge.sandbox.calls import Call, Json, Route, answer
from bridge.sandbox.state import stamp
from bridge.sandbox.zendesk.answers import cursor, integer, invalid, json_body, open_cursor, page, refuse, zendesk_time
from bridge.sandbox.zendesk.tickets import PRIORITIES, STATUSES, Stored, every, shown, sideloads

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

LIMIT = 1000
PAGE = 100
WITHHELD_SECONDS = 60
LINK_PAGE = 1000
_TERM = re.compile(r'(?P<minus>-?)(?:(?P<key>[a-z_]+\w*)(?P<sign>[:<>]=?|[<>]=))?(?P<value>"[^"]*"|\S+)')
_RELATIVE = re.compile(r"(\d+)(hours?|minutes?|days?|weeks?|months?|years?)")
Test = Callable[[Stored], bool]


def search(call: Call) -> Response:
    """GET search: tickets only; 1,000 results at most, page 11 of 100 is refused."""
    query = call.request.args.get("query", "")
    if not query.strip():
        raise refuse(422, "invalid", "Invalid search: query is missing")
    number, size = call.request.args.get("page", "1"), call.request.args.get("per_page", str(PAGE))
    if number.isdigit() and size.isdigit() and int(number) * min(int(size), PAGE) > LIMIT:
        raise refuse(422, "invalid", "Requested response size was greater than Search Response Limits")
    found = _hits(call, query)
    body = page(call, "results", found[:LIMIT], lambda ticket: ticket)
    results = body["results"]
    body.update(results=[{**shown(call, ticket), "result_type": "ticket"} for ticket in results], count=len(found), facets=None)
    return answer({**body, **sideloads(call, results)})


def count(call: Call) -> Response:
    """GET search/count."""
    query = call.request.args.get("query", "")
    if not query.strip():
        raise refuse(422, "invalid", "Invalid search: query is missing")
    return answer({"count": len(_hits(call, query))})


def _hits(call: Call, query: str) -> list[Stored]:
    tests: list[Test] = []
    order, descending = call.request.args.get("sort_by", "relevance"), call.request.args.get("sort_order", "desc") != "asc"
    any_of: dict[str, list[Test]] = {}
    for match in _TERM.finditer(query):
        key, sign, value = match["key"], match["sign"], match["value"].strip('"')
        if key == "order_by":
            order = {"created": "created_at", "updated": "updated_at"}.get(value, value)
        elif key == "sort":
            descending = value != "asc"
        else:
            test = _test(call, key, sign, value)
            if match["minus"]:
                tests.append(_negated(test))
            elif key is not None and sign == ":":
                any_of.setdefault(key, []).append(test)
            else:
                tests.append(test)
    known = [Stored(id=id_, document=document, generated=0.0) for id_, document in call.state.indexed("ticket").items()]
    # The same key twice means either of them, different keys all of them.
    groups = list(any_of.values())
    found = [t for t in known if all(test(t) for test in tests) and all(any(test(t) for test in group) for group in groups)]
    name = order if order in {"created_at", "updated_at", "status", "priority"} else "updated_at"
    return sorted(found, key=lambda ticket: (str(ticket.document[name] or ""), ticket.id), reverse=descending)


def _negated(test: Test) -> Test:
    return lambda ticket: not test(ticket)


def _test(call: Call, key: str | None, sign: str | None, value: str) -> Test:
    if key is None:
        return _words(call, value)
    plain: dict[str, Callable[[Stored], set[str]]] = {
        "tags": lambda ticket: set(ticket.document["tags"]),
        "subject": lambda ticket: set(re.findall(r"\w+", str(ticket.document["subject"]).lower())),
        "description": lambda ticket: set(re.findall(r"\w+", str(ticket.document["description"]).lower())),
        "requester": lambda ticket: _names(call, "users", "email", ticket.document["requester_id"]),
        "organization": lambda ticket: _names(call, "organizations", "name", ticket.document["organization_id"]),
        "organization_id": lambda ticket: {str(ticket.document["organization_id"])},
        "external_id": lambda ticket: {str(ticket.document.get("external_id"))},
    }
    if key == "type":
        return (lambda _: True) if value in {"ticket", "problem"} else (lambda _: False)
    if key in {"status", "priority"}:
        return _ranked(key, sign or ":", value)
    if key in {"created", "updated"}:
        return _timed(call, f"{key}_at", sign or ":", value)
    if key in plain:
        read = plain[key]
        return lambda ticket: value.lower() in read(ticket) or (value == "none" and read(ticket) <= {"None"})
    custom = re.fullmatch(r"custom_field_(\d+)", key) or re.fullmatch(r"fieldvalue", key)
    if custom is not None:
        id_ = custom.group(1) if custom.lastindex else ""
        return lambda ticket: value.lower() in {str(v).lower() for k, v in ticket.document["custom_fields"].items() if id_ in {"", k}}
    raise refuse(422, "invalid", f"Invalid search: '{key}' is no keyword that the sandbox knows")


def _names(call: Call, table: str, column: str, id_: int | None) -> set[str]:
    row = call.state.one(f"SELECT * FROM {table} WHERE id = ?", id_)  # noqa: S608  table names from this module
    return set() if row is None else {str(row["id"]), str(row[column]).lower(), str(row["name"]).lower()}


def _ranked(key: str, sign: str, value: str) -> Test:
    order = STATUSES if key == "status" else (*reversed(PRIORITIES),)
    if value not in order:
        return lambda ticket: value == "none" and ticket.document[key] is None
    rank = order.index(value)

    def test(ticket: Stored) -> bool:
        found = ticket.document[key]
        return found in order and _compare(sign, order.index(found), rank)

    return test


def _compare(sign: str, left: Any, right: Any) -> bool:
    return bool(
        {":": left == right, "<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right}.get(sign, left == right)
    )


def _timed(call: Call, key: str, sign: str, value: str) -> Test:
    start, length = _moment(call, value)

    def test(ticket: Stored) -> bool:
        at = datetime.fromisoformat(ticket.document[key])
        return start <= at < start + length if sign == ":" else _compare(sign, at, start)

    return test


def _moment(call: Call, value: str) -> tuple[datetime, timedelta]:
    relative = _RELATIVE.fullmatch(value)
    if relative is not None:
        days = {"m": 30, "y": 365, "w": 7, "d": 1}
        number, unit = int(relative[1]), relative[2]
        span = timedelta(hours=number) if unit.startswith("hour") else timedelta(days=number * days[unit[0]])
        return call.now - (timedelta(minutes=number) if unit.startswith("minute") else span), timedelta(days=1)
    try:
        at = datetime.fromisoformat(value)
    except ValueError as error:
        raise refuse(422, "invalid", f"Invalid search: '{value}' is no time") from error
    whole_day = len(value) <= len("2026-03-17")
    return at if at.tzinfo else at.replace(tzinfo=UTC), timedelta(days=1) if whole_day else timedelta(seconds=1)


def _words(call: Call, value: str) -> Test:
    wanted = re.findall(r"\w+", value.lower())

    def test(ticket: Stored) -> bool:
        texts = [str(ticket.document["subject"]), str(ticket.document["description"])]
        texts += [row["body"] for row in call.state.rows("SELECT body FROM ticket_comments WHERE ticket_id = ?", ticket.id)]
        found = re.findall(r"\w+", "\n".join(texts).lower())
        return any(found[at : at + len(wanted)] == wanted for at in range(len(found) - len(wanted) + 1))

    return test


def export(call: Call) -> Response:
    """GET incremental/tickets/cursor: by time of any change, the last minute withheld."""
    args = call.request.args
    limit = call.now.timestamp() - WITHHELD_SECONDS
    size = min(1000, int(args["per_page"])) if args.get("per_page", "").isdigit() else 1000
    if args.get("cursor"):
        time_text, _, id_text = open_cursor(args["cursor"]).partition("|")
        after = (float(time_text), int(id_text or 0))
    elif args.get("start_time", "").isdigit():
        if int(args["start_time"]) > limit:
            raise refuse(422, "InvalidValue", "Too recent start_time. Use a start_time older than 60 seconds")
        after = (float(int(args["start_time"])), -1)
    else:
        raise refuse(400, "InvalidValue", "start_time or cursor is required")
    found = sorted(
        (t for t in every(call.state) if after < (t.generated, t.id) and t.generated <= limit), key=lambda t: (t.generated, t.id)
    )
    chunk = found[:size]
    last = (chunk[-1].generated, chunk[-1].id) if chunk else after
    token = cursor(f"{last[0]:.6f}|{max(last[1], 0)}")
    rows = [{**shown(call, ticket), "generated_timestamp": int(ticket.generated)} for ticket in chunk]
    return answer(
        {
            "tickets": rows,
            "after_url": f"{call.base}/api/v2/incremental/tickets/cursor.json?cursor={token}",
            "after_cursor": token,
            "before_url": None,
            "before_cursor": None,
            "end_of_stream": len(found) <= size,
            **sideloads(call, chunk),
        }
    )


def _link_json(call: Call, row: sqlite3.Row) -> Json:
    return {
        "id": row["id"],
        "url": f"{call.base}/api/v2/jira/links/{row['id']}.json",
        "issue_id": row["issue_id"],
        "issue_key": row["issue_key"],
        "ticket_id": str(row["ticket_id"]),
        "created_at": zendesk_time(row["created_at"]),
        "updated_at": zendesk_time(row["updated_at"]),
    }


def list_links(call: Call) -> Response:
    """GET jira/links, of one ticket or issue when asked."""
    args = call.request.args
    rows = call.state.rows("SELECT * FROM jira_links ORDER BY id")
    for name in ("ticket_id", "issue_id"):
        wanted = args.get(f"filter[{name}]", args.get(name))
        if wanted is not None:
            rows = [row for row in rows if str(row[name]) == wanted]
    return answer(page(call, "links", rows, lambda row: _link_json(call, row), most=LINK_PAGE))


def post_link(call: Call) -> Response:
    """POST jira/links {issue_id, issue_key, ticket_id}, bare or under `link`: 200; the same pair again is refused with 422."""
    body = json_body(call)
    given = body["link"] if isinstance(body.get("link"), dict) else body
    faults = {name: f"{name}: is required" for name in ("issue_id", "issue_key", "ticket_id") if not given.get(name)}
    if faults:
        raise invalid(**faults)
    ticket_id = integer(str(given["ticket_id"]))
    row = call.state.one("SELECT document FROM tickets WHERE id = ?", ticket_id)
    if row is None:
        raise invalid(ticket_id=f"Ticket: {ticket_id} does not exist")
    if call.state.one("SELECT 1 FROM jira_links WHERE issue_id = ? AND ticket_id = ?", str(given["issue_id"]), ticket_id):
        raise invalid(issue_id="Issue: has already been taken")
    now = stamp(call.now)
    id_ = call.state.run(
        "INSERT INTO jira_links (issue_id, issue_key, ticket_id, created_at, updated_at) VALUES (?, ?, ?, ?, ?)",
        str(given["issue_id"]),
        str(given["issue_key"]),
        ticket_id,
        now,
        now,
    )
    found = call.state.one("SELECT * FROM jira_links WHERE id = ?", id_)
    return answer({"link": _link_json(call, found)} if found else None)


def _link(call: Call) -> sqlite3.Row:
    row = call.state.one("SELECT * FROM jira_links WHERE id = ?", integer(call.args["id"]))
    if row is None:
        raise refuse(404, "RecordNotFound", "Not found")
    return row


def get_link(call: Call) -> Response:
    """GET jira/links/{id}."""
    return answer({"link": _link_json(call, _link(call))})


def delete_link(call: Call) -> Response:
    """DELETE jira/links/{id}: 204."""
    call.state.run("DELETE FROM jira_links WHERE id = ?", _link(call)["id"])
    return answer(None, 204)


ROUTES = (
    Route(method="GET", path="search", handler=search),
    Route(method="GET", path="search/count", handler=count),
    Route(method="GET", path="incremental/tickets/cursor", handler=export),
    Route(method="GET", path="jira/links", handler=list_links),
    Route(method="POST", path="jira/links", handler=post_link),
    Route(method="GET", path="jira/links/<id>", handler=get_link),
    Route(method="DELETE", path="jira/links/<id>", handler=delete_link),
)
