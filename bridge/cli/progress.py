"""Steps as lines on stderr, with a spinner while one takes long on a terminal."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import Self

from bridge.cli import output
from bridge.workflow.events import Event, StepDone, StepStarted, Warned

_PATIENCE = 1.0
"""Seconds after which a running step shows that it is alive."""


class Progress:
    """Prints each event; used as a context manager so that the spinner always ends."""

    def __init__(self, *, quiet: bool) -> None:
        """`quiet` for machine output: only warnings are told."""
        self._quiet = quiet
        self._live = not quiet and output.colour(sys.stderr)
        self._running: StepStarted | None = None
        self._since = 0.0
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)

    def __enter__(self) -> Self:
        """Start the spinner's thread where one can be seen."""
        if self._live:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop the spinner and clear its line."""
        self._end.set()
        if self._live:
            self._thread.join()
            self._clear()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        with self._lock:
            if isinstance(event, StepStarted):
                self._running, self._since = event, time.monotonic()
                return
            self._running = None
            if isinstance(event, Warned):
                self._line(f"  ! {output.safe(event.message)}")
            elif not self._quiet:
                took = f"{event.seconds:8.1f} s" if event.seconds is not None else ""
                self._line(_step(event) + took)

    def _line(self, text: str) -> None:
        if self._live:
            self._clear()
        output.narrate(text)

    @staticmethod
    def _clear() -> None:
        sys.stderr.write("\r\x1b[2K")
        sys.stderr.flush()

    def _spin(self) -> None:
        frames = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
        count = 0
        while not self._end.wait(0.1):
            with self._lock:
                running = self._running
                took = time.monotonic() - self._since
                if running and took > _PATIENCE:
                    sys.stderr.write(
                        f"\r\x1b[2K  {frames[count % len(frames)]} {output.safe(running.source)}  {output.safe(running.what)}  {took:.0f} s"
                    )
                    sys.stderr.flush()
            count += 1


def _step(event: StepDone) -> str:
    return f"  ✓ {output.safe(event.source):<10} {output.safe(event.what):<26} {output.safe(event.detail):<24}"
