"""`bridge schema NAME`: the JSON Schema of a file format, for editors."""

from __future__ import annotations

import argparse

from bridge import resources
from bridge.errors import ExitCode


def run(args: argparse.Namespace) -> int:
    """Print the schema as it is shipped."""
    print(resources.schema(args.name).read_text(encoding="utf-8"), end="")
    return ExitCode.DONE
