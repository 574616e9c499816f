"""Shapes that all of the tracker's answers share: errors, times, users, addresses."""

from __future__ import annotations

import base64
import binascii
import hmac
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bridge.sandbox.calls import Call, Json, Personality, RefusalError, User, body_of
from bridge.sandbox.state import State

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

TEXT_LIMIT = 32_767
"""Characters of a description or comment."""
TOO_LONG = "The entered text is too long. It exceeds the allowed limit of 32,767 characters."


def refuse(status: int, *messages: str, errors: dict[str, str] | None = None) -> RefusalError:
    """Return a refusal in Jira's shape."""
    return RefusalError(status, {"errorMessages": list(messages), "errors": errors or {}})


def too_long(field: str) -> RefusalError:
    """Return the refusal of an over-long text."""
    return refuse(400, "CONTENT_LIMIT_EXCEEDED", errors={field: TOO_LONG})


def no_issue() -> RefusalError:
    """Return what Jira says of an issue that does not exist or is hidden."""
    return refuse(404, "Issue does not exist or you do not have permission to see it.")


def missing(status: int, path: str) -> RefusalError:
    """Return the answer for an unknown path or method."""
    if status == 405:  # noqa: PLR2004  an HTTP status
        return refuse(405, "Method Not Allowed")
    return refuse(404, f"No endpoint {path}.")


def unauthorised() -> RefusalError:
    """Return the answer to missing or wrong credentials."""
    body = {"errorMessages": ["Client must be authenticated to access this resource."], "errors": {}}
    return RefusalError(401, body, {"WWW-Authenticate": 'Basic realm="sandbox"', "X-Seraph-LoginReason": "AUTHENTICATED_FAILED"})


def authenticate(request: Request, state: State, personality: Personality, token: str) -> User | None:
    """Check basic mail:token, on Data Center a bearer token too. None without credentials, 401 for wrong ones."""
    header = request.headers.get("Authorization", "")
    if not header:
        return None
    kind, _, value = header.partition(" ")
    if kind.lower() == "bearer" and personality == "datacenter" and _same(value.strip(), token):
        return _user(state, state.agent.email)
    if kind.lower() == "basic":
        mail, _, given = decode_basic(value)
        user = _user(state, mail)
        if user is not None and _same(given, token):
            return user
    raise unauthorised()


def decode_basic(value: str) -> tuple[str, str, str]:
    """Split the value of a basic Authorization header at its colon; three empty strings when it is broken."""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", "", ""


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


def _user(state: State, mail: str) -> User | None:
    row = state.one("SELECT id, name, email FROM users WHERE email = ? AND role IN ('agent', 'admin')", mail)
    return None if row is None else User(id=row["id"], name=row["name"], email=row["email"])


def json_body(call: Call) -> Json:
    """Return the request's JSON object or refuse with 400."""
    return body_of(call, lambda message: refuse(400, message))


def jira_time(text: str | None) -> str | None:
    """Return a stored time as Jira writes it: 2026-03-17T06:00:00.000+0000."""
    if text is None:
        return None
    at = datetime.fromisoformat(text).astimezone(UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}+0000"


def api(call: Call, path: str) -> str:
    """Return the address of something in the API version that was called."""
    version = call.args.get("version", "2")
    return f"{call.base}/rest/api/{version}/{path}"


def account_id(user_id: int) -> str:
    """Return the Cloud account id of a user."""
    return f"sandbox-{user_id:06d}"


def user_json(call: Call, user_id: int | None) -> Json | None:
    """Return a user as Jira shows one, None for nobody."""
    row = None if user_id is None else call.state.one("SELECT * FROM users WHERE id = ?", user_id)
    if row is None:
        return None
    picture = f"{call.base}/avatar.png"
    shown: dict[str, Any] = {
        "displayName": row["name"],
        "emailAddress": row["email"],
        "active": True,
        "timeZone": "Etc/UTC",
        "avatarUrls": dict.fromkeys(("16x16", "24x24", "32x32", "48x48"), picture),
    }
    if call.cloud:
        id_ = account_id(row["id"])
        return {"self": api(call, f"user?accountId={id_}"), "accountId": id_, "accountType": "atlassian", **shown}
    name = str(row["email"]).partition("@")[0]
    return {"self": api(call, f"user?username={name}"), "name": name, "key": f"JIRAUSER{row['id']}", **shown}


def paged(call: Call, *, size: int, most: int) -> tuple[int, int]:
    """Return startAt and the page size that is granted: a bigger maxResults is cut silently, as Jira does."""
    start = call.number("startAt", 0)
    wanted = call.number("maxResults", size)
    if start < 0:
        raise refuse(400, "The value for 'startAt' must not be negative.")
    return start, max(0, min(wanted, most))


def allowed(call: Call, permission: str) -> None:
    """Refuse with 403 when the seed took this permission away."""
    if permission in call.state.project.denied:
        raise refuse(403, f"You do not have the permission {permission}.")
