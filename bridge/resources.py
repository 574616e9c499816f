"""Where the built-in templates, investigations and schemas lie: inside the wheel, or in the source tree."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """Return the folder of built-in `templates` or `investigations`; FileNotFoundError says where it looked."""
    packaged = _PACKAGE / "_data" / name
    source = _PACKAGE.parent / name
    for candidate in (packaged, source):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"built-in {name} not found in {packaged} or {source}")


def schema(name: str) -> Path:
    """Return the path of a JSON Schema: workspace, investigation, case, evidence, findings."""
    return _PACKAGE / "schemas" / f"{name}.schema.json"
