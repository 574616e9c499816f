"""The product's API: sign in, filters, reports, exports, and what a test needs (clock, reset, fix)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from werkzeug.wrappers import Request, Response

from bridge.sandbox.calls import Call, Json, Personality, Product, RefusalError, Route, User, answer, body_of
from bridge.sandbox.product import store
from bridge.sandbox.product.store import Store
from bridge.sandbox.seed import DEFAULT_TOKEN
from bridge.sandbox.state import State

PREFIX = "/product"


def product() -> Product:
    """Return the product with its routes."""
    api = "/api/v1"
    return Product(
        prefix=PREFIX,
        authenticate=_authenticate,
        unauthorised=lambda: RefusalError(401, {"error": "not_signed_in", "message": "send the token of POST /api/v1/sessions"}),
        missing=lambda status, path: RefusalError(status, {"error": "not_found", "message": f"no {path}"}),
        routes=(
            Route(method="POST", path=f"{api}/sessions", handler=_sign_in, anonymous=True),
            Route(method="GET", path=f"{api}/about", handler=_about, anonymous=True),
            Route(method="GET", path=f"{api}/me", handler=_me),
            Route(method="GET", path=f"{api}/flags", handler=_flags),
            Route(method="PUT", path=f"{api}/flags/<flag>", handler=_set_flag),
            *_crud(api, "dashboards", ("name",)),
            *_crud(api, "filters", ("name", "field", "value")),
            *_crud(api, "reports", ("name", "filter_id")),
            Route(method="GET", path=f"{api}/reports/<key>/preview", handler=_preview),
            Route(method="POST", path=f"{api}/reports/<key>/exports", handler=_export),
            Route(method="POST", path=f"{api}/reports/<key>/shares", handler=_share),
            Route(method="GET", path=f"{api}/exports", handler=_list("exports")),
            Route(method="GET", path=f"{api}/exports/<key>", handler=_get("exports")),
            Route(method="PUT", path="/api/testing/clock", handler=_set_clock, anonymous=True),
            Route(method="DELETE", path="/api/testing/clock", handler=_real_clock, anonymous=True),
            Route(method="POST", path="/api/testing/reset", handler=_reset, anonymous=True),
        ),
    )


def set_fixed(state: State, *, fixed: bool) -> dict[str, bool]:
    """Plant the defect or take it out; what `bridge sandbox fix` asks for. Inside a transaction."""
    opened = store.opened(state)
    opened.document["fixed"] = fixed
    opened.save()
    return {"fixed": fixed}


def _crud(api: str, table: str, fields: tuple[str, ...]) -> tuple[Route, ...]:
    return (
        Route(method="GET", path=f"{api}/{table}", handler=_list(table)),
        Route(method="POST", path=f"{api}/{table}", handler=_create(table, fields)),
        Route(method="GET", path=f"{api}/{table}/<key>", handler=_get(table)),
        Route(method="PATCH", path=f"{api}/{table}/<key>", handler=_change(table, fields)),
        Route(method="DELETE", path=f"{api}/{table}/<key>", handler=_delete(table)),
    )


def _authenticate(request: Request, state: State, _: Personality, __: str) -> User | None:
    scheme, _gap, token = request.headers.get("Authorization", "").partition(" ")
    if not token:
        return None
    session = store.opened(state).table("sessions").get(token)
    if scheme != "Bearer" or session is None:
        raise RefusalError(401, {"error": "not_signed_in", "message": "this token is not known"})
    return User(id=0, name=session["account_id"], email=session["user"])


def _refuse(status: int, error: str, message: str) -> RefusalError:
    return RefusalError(status, {"error": error, "message": message})


def _body(call: Call) -> Json:
    return body_of(call, lambda words: _refuse(400, "invalid", words))


def _sign_in(call: Call) -> Response:
    """Any user may sign in with the sandbox's word; the account is told from the mail address's domain."""
    asked = _body(call)
    user = str(asked.get("user", ""))
    if "@" not in user or asked.get("password") != DEFAULT_TOKEN:
        raise _refuse(401, "wrong_credentials", "user and password don't match")
    opened = store.opened(call.state)
    token = hashlib.sha256(f"{opened.document['salt']} {opened.new_id('token')}".encode()).hexdigest()[:32]
    account = "acc_" + user.partition("@")[2].partition(".")[0]
    opened.table("sessions")[token] = {"user": user, "account_id": account}
    opened.save()
    return answer({"token": token, "account_id": account, "user": user}, 201)


def _me(call: Call) -> Response:
    return answer({"user": call.caller.email, "account_id": call.caller.name, "version": _version(store.opened(call.state))})


def _about(call: Call) -> Response:
    return answer({"product": "reporting", "version": _version(store.opened(call.state))})


def _version(opened: Store) -> str:
    return "4.18.1" if opened.document["fixed"] else "4.18.0"


def _flags(call: Call) -> Response:
    return answer({"flags": store.opened(call.state).document["flags"].get(call.caller.name, {})})


def _set_flag(call: Call) -> Response:
    opened = store.opened(call.state)
    enabled = bool(_body(call).get("enabled"))
    opened.document["flags"].setdefault(call.caller.name, {})[call.args["flag"]] = enabled
    opened.save()
    return answer({"flag": call.args["flag"], "enabled": enabled})


Handler = Callable[[Call], Response]


def _row(call: Call, opened: Store, table: str, key: str) -> dict[str, Any]:
    row = opened.table(table).get(key)
    if row is None or row["account_id"] != call.caller.name:
        raise _refuse(404, "not_found", f"no {table[:-1]} {key}")
    return row


def _list(table: str) -> Handler:
    def handler(call: Call) -> Response:
        rows = [row for row in store.opened(call.state).table(table).values() if row["account_id"] == call.caller.name]
        report = call.request.args.get("report")
        return answer({"items": [row for row in rows if report is None or row.get("report_id") == report][-20:], "total": len(rows)})

    return handler


def _get(table: str) -> Handler:
    return lambda call: answer(_row(call, store.opened(call.state), table, call.args["key"]))


def _create(table: str, fields: tuple[str, ...]) -> Handler:
    def handler(call: Call) -> Response:
        opened = store.opened(call.state)
        row = {"id": opened.new_id(table[:-1]), "account_id": call.caller.name, **_values(call, opened, fields)}
        opened.table(table)[row["id"]] = row
        opened.save()
        return answer(row, 201)

    return handler


def _change(table: str, fields: tuple[str, ...]) -> Handler:
    def handler(call: Call) -> Response:
        opened = store.opened(call.state)
        row = _row(call, opened, table, call.args["key"])
        row.update(_values(call, opened, fields))
        opened.save()
        return answer(row)

    return handler


def _values(call: Call, opened: Store, fields: tuple[str, ...]) -> Json:
    asked = _body(call)
    if asked.get("filter_id") is not None and "filter_id" in fields:
        _row(call, opened, "filters", str(asked["filter_id"]))
    return {field: asked[field] for field in fields if field in asked}


def _delete(table: str) -> Handler:
    def handler(call: Call) -> Response:
        opened = store.opened(call.state)
        _row(call, opened, table, call.args["key"])
        del opened.table(table)[call.args["key"]]
        opened.save()
        return answer(None, 204)

    return handler


def _condition(opened: Store, report: dict[str, Any]) -> dict[str, Any] | None:
    return opened.table("filters").get(str(report.get("filter_id")))


def _preview(call: Call) -> Response:
    """Show rows from the database; the old layout is gone and says so with an error of its own."""
    opened = store.opened(call.state)
    report = _row(call, opened, "reports", call.args["key"])
    if call.request.args.get("layout") == "legacy":
        return answer({"error": "LegacyLayoutError", "message": f"report {report['id']} has no legacy layout"}, 500)
    return answer({"report_id": report["id"], "rows": len(store.source_rows(_condition(opened, report)))})


def _export(call: Call) -> Response:
    opened = store.opened(call.state)
    report = _row(call, opened, "reports", call.args["key"])
    condition = _condition(opened, report)
    row = {
        "id": opened.new_id("export"),
        "account_id": call.caller.name,
        "report_id": report["id"],
        "format": str(_body(call).get("format", "csv")),
        "status": "success",
        "rows": store.exported_rows(opened, call.caller.name, condition),
        "source_rows": len(store.source_rows(condition)),
        "started_at": opened.now.isoformat(timespec="seconds"),
        "version": _version(opened),
    }
    opened.table("exports")[str(row["id"])] = row
    opened.save()
    return answer({"id": row["id"], "report_id": report["id"], "status": "queued"}, 202)


def _share(call: Call) -> Response:
    opened = store.opened(call.state)
    report = _row(call, opened, "reports", call.args["key"])
    row = {"id": opened.new_id("share"), "account_id": call.caller.name, "report_id": report["id"], "to": str(_body(call).get("to"))}
    opened.table("shares")[str(row["id"])] = row
    opened.save()
    return answer(row, 201)


def _set_clock(call: Call) -> Response:
    opened = store.opened(call.state)
    try:
        at = datetime.fromisoformat(str(json.loads(call.request.get_data())["now"]))
    except (ValueError, KeyError, TypeError) as error:
        raise _refuse(400, "invalid", 'send {"now": "2026-03-12T02:04:00Z"}') from error
    opened.set_clock(at if at.tzinfo else at.replace(tzinfo=UTC))
    opened.save()
    return answer({"now": opened.now.isoformat(timespec="seconds")})


def _real_clock(call: Call) -> Response:
    opened = store.opened(call.state)
    opened.set_clock(None)
    opened.save()
    return answer({"now": opened.now.isoformat(timespec="seconds")})


def _reset(call: Call) -> Response:
    """Forget all data, flags and sessions; the clock goes back to real time, the fix stays."""
    opened = store.opened(call.state)
    call.state.put(store.KEY, store.empty(opened.document["salt"], fixed=opened.document["fixed"]))
    return answer({"reset": True})
