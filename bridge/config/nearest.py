"""Where the workspace is: found without reading its settings, which takes longer than many a question."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bridge.errors import NotFoundError

FILE: Final = "bridge.yaml"


def find(start: Path) -> Path:
    """Return the nearest folder from `start` upwards that holds bridge.yaml; NotFoundError when there is none."""
    begin = start.resolve()
    for folder in (begin, *begin.parents):
        if (folder / FILE).is_file():
            return folder
    raise NotFoundError(f"no {FILE} in {begin} or above", where=str(begin), hint="make a workspace here: bridge init")
