"""ClickHouse's HTTP interface in front of chdb: the real client and the real engine, with these lines between them.

No ClickHouse server can be had from the package registries. What a server adds (users and their rights) is answered from
the name of the user: `reader` may read, everybody else has what chdb's own user has.
"""

from __future__ import annotations

import re
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bridge.adapters.databases.clickhouse import _ONE, settings
from bridge.ports import Limits

READER = "GRANT SELECT, SHOW ON app.* TO reader"
_FORMAT = re.compile(r"\bFORMAT (\w+)\s*$")
_KNOWN = frozenset(settings(Limits(rows=1, seconds=1)))


def answered(folder: Path, text: str, arguments: dict[str, str]) -> bytes:
    """Ask the engine as a server would: the request's settings hold for this query only. RuntimeError as chdb raises it."""
    from chdb.session import Session

    match = _FORMAT.search(text)
    form, text = (match[1], text[: match.start()]) if match else ("TabSeparated", text)
    params = {name.removeprefix("param_"): value for name, value in arguments.items() if name.startswith("param_")}
    chosen = {name: value for name, value in arguments.items() if name in _KNOWN}
    with _ONE:
        session: Any = Session(str(folder))  # type: ignore[no-untyped-call] # chdb's classes are untyped
        try:
            session.query(f"USE `{arguments.get('database', 'default')}`")
            if chosen:
                session.query("SET " + ", ".join(f"{name} = '{value}'" for name, value in chosen.items()))
            return bytes(session.query(text, form, params=params).bytes())
        finally:
            session.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        arguments = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        text = (arguments.pop("query", "") + "\n" + body.decode()).strip()
        if text.startswith("SHOW GRANTS FINAL") and self.user() == "reader":
            text = text.replace("SHOW GRANTS FINAL", f"SELECT '{READER}' AS v")
        try:
            self.send(200, answered(self.folder, text, arguments))
        except RuntimeError as error:
            code = re.search(r"Code: (\d+)", str(error))
            self.send(500, str(error).encode(), code[1] if code else "1")

    def user(self) -> str:
        scheme, _, secret = self.headers.get("Authorization", "").partition(" ")
        return b64decode(secret).decode().partition(":")[0] if scheme == "Basic" else ""

    def send(self, status: int, data: bytes, code: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        if code:
            self.send_header("X-ClickHouse-Exception-Code", code)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the base class gives
        """Say nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    """Serve a chdb folder on loopback; yields the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"folder": folder}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
