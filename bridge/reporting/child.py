"""The process that a foreign template is rendered in: bounded memory and time, no files written, one answer on stdout."""

from __future__ import annotations

import json
import pickle
import resource
import sys
from pathlib import Path

from bridge.errors import InputError
from bridge.reporting import context, template

MEGABYTES = 1024
"""Address space of the child, its libraries included."""


def main() -> int:
    """Read what `sandbox.render` pickled from stdin; write `{"text"}` or `{"message", "where", "hint"}` as JSON."""
    path, facts, charts = pickle.load(sys.stdin.buffer)  # noqa: S301  # our own parent wrote it
    _bound()
    try:
        answer = {"text": template.render(Path(path), context.values(facts), context.functions(facts, charts))}
    except InputError as error:
        answer = {"message": error.message, "where": error.where, "hint": error.hint}
    except MemoryError:
        answer = {
            "message": f"the template needed more than {MEGABYTES:,} MB",
            "where": str(path),
            "hint": "look for a list or a text that is multiplied",
        }
    sys.stdout.write(json.dumps(answer))
    return 0


def _bound() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    seconds = int(template.SECONDS) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    if sys.platform == "linux":  # elsewhere the system does not hold an address space to a limit
        size = MEGABYTES << 20
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


if __name__ == "__main__":
    sys.exit(main())
