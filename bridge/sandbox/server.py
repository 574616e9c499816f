"""Starting and stopping the sandbox: one process, one port on 127.0.0.1, one state file."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import Request, urlopen

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from bridge.errors import InputError
from bridge.sandbox import journal
from bridge.sandbox.app import App
from bridge.sandbox.calls import Personality
from bridge.sandbox.faults import Fault
from bridge.sandbox.seed import DEFAULT_TOKEN, SandboxSeed
from bridge.sandbox.state import State

HOST = "127.0.0.1"
DEFAULT_PORT = 8765
TRACKER_TOKEN = "BRIDGE_TRACKER_TOKEN"  # noqa: S105  the name of a variable
DESK_TOKEN = "BRIDGE_TICKETS_TOKEN"  # noqa: S105  the name of a variable
_log = logging.getLogger(__name__)


class _Handler(WSGIRequestHandler):
    timeout = 120

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002  the base class names it so
        _log.debug("%s " + message, type, *args)

    def connection_dropped(self, error: BaseException, environ: dict[str, Any] | None = None) -> None:  # noqa: ARG002  the base class's
        """Let a dropped connection be the last word: do not wait for another request on it."""
        self.close_connection = True


class _Server(ThreadedWSGIServer):
    daemon_threads = True

    def shutdown_request(self, request: Any) -> None:
        """Close a connection; one that is to be reset must not be shut down politely first."""
        with suppress(OSError):
            linger = request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
            if linger[:4] != b"\0\0\0\0":
                self.close_request(request)
                return
        super().shutdown_request(request)


def _real_time() -> datetime:
    return datetime.now(UTC)


class RunningSandbox:
    """A sandbox that serves in a thread of this process; a context manager."""

    def __init__(self, app: App, server: _Server) -> None:
        """Start serving."""
        self._app = app
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="sandbox", daemon=True)
        self._thread.start()
        self._stopped = False

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Address without a slash at the end: http://127.0.0.1:8765."""
        return f"http://{HOST}:{self.port}"

    @property
    def jira_url(self) -> str:
        """Address of the tracker."""
        return f"{self.url}/jira"

    @property
    def zendesk_url(self) -> str:
        """Address of the help desk."""
        return f"{self.url}/zendesk"

    def fault(self, *faults: Fault) -> None:
        """Order faults."""
        self._app.faults.add(*faults)

    def clear_faults(self) -> None:
        """Forget the ordered faults."""
        self._app.faults.clear()

    def pending_faults(self) -> list[Fault]:
        """Return the faults that did not hit yet."""
        return self._app.faults.pending()

    def set_lag(self, seconds: float) -> None:
        """Let the search indexes be this far behind."""
        with self._app.state.transaction():
            self._app.state.put("lag", float(seconds))

    def journal(self, *, everything: bool = False, since: int = 0) -> tuple[journal.JournalEntry, ...]:
        """Return the writes (or all requests) so far."""
        return journal.entries(self._app.state, everything=everything, since=since)

    def stop(self) -> None:
        """Stop serving and close the state; calling it again does nothing."""
        if self._stopped:
            return
        self._stopped = True
        self._app.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._app.state.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        raise InputError(
            f"cannot listen on {HOST}:{port}: {getattr(error, 'strerror', None) or error}",
            hint="choose another port, or 0 for any free one",
        ) from error
    return listener


def start(
    state: Path,
    *,
    port: int = 0,
    personality: Personality = "cloud",
    seed: SandboxSeed | None = None,
    tracker_token: str | None = None,
    desk_token: str | None = None,
    now: Callable[[], datetime] = _real_time,
) -> RunningSandbox:
    """Serve in the background and return at once.

    `state` is the SQLite file; a new one is filled from `seed`, an old one keeps what it has. Port 0 takes any
    free one. Tokens default to the variables BRIDGE_TRACKER_TOKEN and BRIDGE_TICKETS_TOKEN, then to "sandbox".
    `now` is for tests of the lag. InputError when the port or the file cannot be used.
    """
    listener = _listen(port)
    try:
        opened = State(state, seed=seed, now=now)
        app = App(
            state=opened,
            personality=personality,
            tracker_token=tracker_token or os.environ.get(TRACKER_TOKEN) or DEFAULT_TOKEN,
            desk_token=desk_token or os.environ.get(DESK_TOKEN) or DEFAULT_TOKEN,
        )
        server = _Server(HOST, listener.getsockname()[1], app, handler=_Handler, fd=listener.fileno())
    finally:
        # The server works on its own copy of the descriptor.
        listener.close()
    return RunningSandbox(app, server)


def serve(
    state: Path,
    port: int = DEFAULT_PORT,
    personality: Personality = "cloud",
    *,
    seed: SandboxSeed | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until interrupted (KeyboardInterrupt is passed on after a clean stop); `ready` is told the address."""
    with start(state, port=port, personality=personality, seed=seed) as running:
        if ready is not None:
            ready(running.url)
        threading.Event().wait()


def is_running(url: str, *, seconds: float = 1.0) -> bool:
    """Tell whether a sandbox answers at this address."""
    request = Request(f"{url}/_control/lag", headers={"Accept": "application/json"})  # noqa: S310  loopback, given by us
    try:
        with urlopen(request, timeout=seconds) as response:  # noqa: S310  the same
            return "seconds" in json.load(response)
    except (OSError, ValueError):
        return False
