"""A target over real sockets, and a workspace with a recording that reproduces on it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from bridge.cli.main import main
from bridge.model.exchange import Exchange, Request, Response
from tests.reproduction.shop import Ids, Shop

if TYPE_CHECKING:
    import pytest

START = datetime(2026, 3, 11, 2, 0, tzinfo=UTC)
JSON = (("Content-Type", "application/json"),)
App = Callable[[Request], Response]


def answer(status: int, body: Any, *headers: tuple[str, str]) -> Response:
    return Response(status=status, headers=(*JSON, *headers), body=json.dumps(body))


@dataclass
class Server:
    """Serves an app on 127.0.0.1 and keeps what came in."""

    app: App
    port: int = 0
    seen: list[Request] = field(default_factory=list)
    at: list[datetime] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(app: App) -> Iterator[Server]:
    served = Server(app)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            request = Request(
                method=self.command, path=parts.path, query=tuple(parse_qsl(parts.query)), headers=tuple(self.headers.items()), body=body
            )
            served.seen.append(request)
            served.at.append(datetime.now(tz=UTC))
            try:
                given = served.app(request)
            except (KeyError, ValueError, TypeError) as error:
                given = answer(500, {"error": type(error).__name__})
            data = given.body.encode() if given.status != 204 else b""
            self.send_response(given.status)
            for name, value in given.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    served.port = httpd.server_address[1]
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


def shop_app(ids: Ids = "uuid") -> App:
    """Serve a shop; `POST /reset` opens a new one."""
    shops = [Shop(ids=ids, seed=1000)]

    def app(request: Request) -> Response:
        if request.path == "/reset":
            shops.append(Shop(ids=ids, seed=1000 + len(shops)))
            return answer(200, {})
        return shops[-1].send(request)

    return app


def line(exchange: Exchange, *, account: str = "acc-1", host: str = "shop.example.com") -> str:
    """Write an exchange as a line of a request log."""
    asked, given = exchange.request, exchange.response
    return json.dumps(
        {
            "at": exchange.at.isoformat() if exchange.at else None,
            "method": asked.method,
            "url": f"https://{host}{asked.path}" + (f"?{'&'.join(f'{k}={v}' for k, v in asked.query)}" if asked.query else ""),
            "request_headers": [list(pair) for pair in asked.headers],
            "request_body": asked.body,
            "status": given.status,
            "response_headers": [list(pair) for pair in given.headers],
            "response_body": given.body,
            "account": exchange.account or account,
            "user": exchange.user,
            "trace": exchange.trace,
        }
    )


def timed(exchanges: Sequence[Exchange], seconds: float = 0.1) -> tuple[Exchange, ...]:
    return tuple(replace(each, at=each.at or START + timedelta(seconds=seconds * each.index)) for each in exchanges)


def played(app: App, requests: Sequence[Request]) -> tuple[Exchange, ...]:
    """Record what an app answers to these requests."""
    return timed([Exchange(index=index, request=request, response=app(request)) for index, request in enumerate(requests)])


def workspace(folder: Path, exchanges: Sequence[Exchange], url: str, **target: Any) -> Path:
    """Make a workspace whose only part is the reproduction; it has no case, so the failing request is named."""
    folder.mkdir(exist_ok=True)
    (folder / "recordings").mkdir(exist_ok=True)
    (folder / "recordings" / "session.jsonl").write_text("\n".join(line(each) for each in timed(exchanges)) + "\n")
    settings = {"url": url, "allow": [urlsplit(url).netloc], "writes": True, "rate": 5000, "requests": 50_000, **target}
    # JSON is YAML.
    document = {"format": 1, "reproduction": {"recordings": ["recordings/*.jsonl"], "targets": {"staging": settings}}}
    (folder / "bridge.yaml").write_text(json.dumps(document))
    return folder


def bridge(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> tuple[int, Any]:
    """Run a command; return its exit code and its JSON."""
    capsys.readouterr()
    code = main([*words, "--workspace", str(folder), "--output", "json"])
    return code, json.loads(capsys.readouterr().out)
