"""Attachments: kept whole, two of one name too."""

from __future__ import annotations

import json
import mimetypes
import sqlite3

from werkzeug.wrappers import Response

from bridge.sandbox.calls import Call, RefusalError, Route, answer
from bridge.sandbox.jira import records
from bridge.sandbox.jira.answers import allowed, refuse
from bridge.sandbox.state import stamp

FILES = 60
UPLOAD_LIMIT = 50 * 1024 * 1024
"""Bytes of one file; `attachment/meta` says so."""
_INLINE = frozenset({"image/png", "image/jpeg", "image/gif", "image/svg+xml", "text/plain", "application/json"})


def post_attachments(call: Call) -> Response:
    """POST files as parts named `file`, with `X-Atlassian-Token: no-check`: 200 with an array."""
    if call.request.headers.get("X-Atlassian-Token", "").lower() not in {"no-check", "nocheck"}:
        raise RefusalError(403, "XSRF check failed")
    issue = records.load(call, call.args["issue"])
    allowed(call, "CREATE_ATTACHMENTS")
    files = call.request.files.getlist("file")
    contents = [file.stream.read() for file in files]
    call.request.close()
    if not files:
        raise refuse(400, "No file was sent: the part must be named 'file'.")
    if len(files) > FILES:
        raise refuse(413, f"More than {FILES} files in one request.")
    if any(len(content) > UPLOAD_LIMIT for content in contents):
        raise refuse(413, f"The field file exceeds its maximum permitted size of {UPLOAD_LIMIT} bytes.")
    shown = []
    for file, content in zip(files, contents, strict=True):
        name = (file.filename or "file").replace("\\", "/").rpartition("/")[2] or "file"
        document = {
            "filename": name,
            "media_type": _media_type(name, file.mimetype),
            "size": len(content),
            "author": call.caller.id,
            "created": stamp(call.now),
        }
        id_ = call.state.run(
            "INSERT INTO attachments (issue_id, document, content) VALUES (?, ?, ?)", issue.id, json.dumps(document), content
        )
        shown.append(records.attachment_json(call, id_, document))
    records.save(call.state, issue)
    return answer(shown)


def _media_type(name: str, given: str) -> str:
    if given and given != "application/octet-stream":
        return given
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _row(call: Call) -> sqlite3.Row:
    text = call.args["attachment"]
    row = call.state.one("SELECT * FROM attachments WHERE id = ?", int(text)) if text.isascii() and text.isdigit() else None
    if row is None or records.find(call.state, str(row["issue_id"])) is None:
        raise refuse(404, f"The attachment with id '{text}' does not exist")
    return row


def get_attachment(call: Call) -> Response:
    """GET what is known of a file."""
    row = _row(call)
    shown = records.attachment_json(call, row["id"], json.loads(row["document"]))
    # Cloud's specification: a number here, a string in the issue and after the upload.
    return answer({**shown, "id": row["id"]} if call.cloud else shown)


def get_content(call: Call) -> Response:
    """GET a file's bytes; without redirect=false Cloud sends the reader to the file's own address."""
    if not call.cloud:
        raise refuse(404, "null for uri: attachment/content")
    row = _row(call)
    if call.request.args.get("redirect") != "false":
        address = records.file_address(call.base, row["id"], json.loads(row["document"])["filename"])
        return Response(status=303, headers={"Location": address})
    return file_response(row)


def get_file(call: Call) -> Response:
    """GET a file's bytes as a browser does; nothing in it may run."""
    return file_response(_row(call))


def file_response(row: sqlite3.Row) -> Response:
    """Return the bytes so that neither a script in an SVG nor a page in a text can run."""
    document = json.loads(row["document"])
    kind = document["media_type"] if document["media_type"] in _INLINE else "application/octet-stream"
    response = Response(row["content"], headers={"X-Content-Type-Options": "nosniff"})
    response.headers["Content-Type"] = f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
    response.headers.set("Content-Disposition", "inline" if kind in _INLINE else "attachment", filename=_header_name(document["filename"]))
    return response


def _header_name(name: str) -> str:
    return "".join(char if char.isascii() and char.isprintable() and char not in '"\\' else "_" for char in name)


def delete_attachment(call: Call) -> Response:
    """DELETE a file: 204."""
    row = _row(call)
    call.state.run("DELETE FROM attachments WHERE id = ?", row["id"])
    return answer(None, 204)


def meta(_call: Call) -> Response:
    """GET whether attachments are on, and how big they may be."""
    return answer({"enabled": True, "uploadLimit": UPLOAD_LIMIT})


ROUTES = (
    Route(method="POST", path="issue/<issue>/attachments", handler=post_attachments),
    Route(method="GET", path="attachment/meta", handler=meta),
    Route(method="GET", path="attachment/<attachment>", handler=get_attachment),
    Route(method="GET", path="attachment/content/<attachment>", handler=get_content),
    Route(method="DELETE", path="attachment/<attachment>", handler=delete_attachment),
)
FILE_ROUTE = Route(method="GET", path="/secure/attachment/<attachment>/<name>", handler=get_file, anonymous=True)
