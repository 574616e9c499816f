"""loguru, configured once: silence for people, stderr with --verbose, a file for bugs. Values are never part of the format."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import loguru


def start(*, verbose: bool) -> None:
    """Set the sinks; without --verbose loguru is imported by nobody here (it costs 8 times the interpreter)."""
    # An adapter that logs must not open loguru's own sink on stderr.
    os.environ["LOGURU_AUTOINIT"] = "0"
    if not verbose:
        if "loguru" in sys.modules:  # a program that imported it before: its sinks are not ours to write to
            sys.modules["loguru"].logger.remove()
        return
    from loguru import logger

    from bridge.text.terminal import visible

    logger.remove()

    def inert(record: loguru.Record) -> None:
        """A path or a remote answer in a message must not move the cursor or forge a line."""
        record["message"] = visible(record["message"])

    logger.configure(patcher=inert)
    # diagnose=False: the values of variables (tokens, customers' words) stay out of the log.
    logger.add(sys.stderr, level="DEBUG", diagnose=False, backtrace=False, format="{time:HH:mm:ss!UTC}Z {level: <7} {name}: {message}")


def trouble(error: BaseException) -> str:
    """Write the traceback of a bug to a private file and return its path."""
    import tempfile
    import traceback
    from datetime import UTC, datetime

    text = "".join(traceback.format_exception(error))
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    handle, name = tempfile.mkstemp(prefix=f"bridge-bug-{stamp}-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    return str(Path(name))
