"""Rendering a template that is not ours: in a child process with a deadline and a memory bound.

Jinja's sandbox keeps a template from reaching what it must not, but not from looping: one expression can take a
gigabyte and no signal stops it. A killed child does. Our own templates are rendered in place: they are tested.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bridge import resources
from bridge.errors import InputError
from bridge.reporting import child, context, template
from bridge.reporting.charts import Chart
from bridge.reporting.facts import ReportFacts

_GRACE = 5.0
"""Seconds for starting the child, over those of the template."""


def render(path: Path, facts: ReportFacts, charts: Mapping[str, Chart]) -> str:
    """Return the template's Markdown; InputError names the line, or the bound that it met."""
    if path.parent == resources.folder("templates"):
        return template.render(path, context.values(facts), context.functions(facts, charts))
    return _answer(path, pickle.dumps((str(path), facts, dict(charts))))


def _answer(path: Path, data: bytes) -> str:
    try:
        done = subprocess.run(  # our own interpreter and module
            [sys.executable, "-I", "-m", child.__name__],
            input=data,
            capture_output=True,
            timeout=template.SECONDS + _GRACE,
            check=False,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        )
    except subprocess.TimeoutExpired as error:
        raise _too_long(path) from error
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        if done.returncode < 0:
            raise _too_long(path) from error
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["no answer"]
        if "MemoryError" in reason[0]:
            raise InputError(f"the template needed more than {child.MEGABYTES:,} MB", where=str(path), hint="print less") from error
        raise InputError(f"the template could not be rendered: {reason[0]}", where=str(path), hint="bridge templates check") from error
    if "text" in answer:
        return str(answer["text"])
    raise InputError(str(answer["message"]), where=str(answer["where"]), hint=str(answer["hint"]))


def _too_long(path: Path) -> InputError:
    return InputError(f"the template took longer than {template.SECONDS:g} s", where=str(path), hint="look for a loop in a loop")
