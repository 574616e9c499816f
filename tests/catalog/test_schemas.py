"""The JSON Schemas say what the dataclasses say, every field is described, and the documented examples fit both."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from bridge import resources
from bridge.config import validate, workspace, yaml_marks
from bridge.model.case import Case
from bridge.model.evidence import Provenance
from bridge.model.finding import Analysis

DOCS = Path(__file__).parents[2] / "docs"
FILES: dict[str, type[Any]] = {"case": Case, "evidence": Provenance, "findings": Analysis}
NAMES = ("workspace", "investigation", *FILES)
# What the schema adds to the dataclass: words, and the form of times and decimals.
ADDED = {"$schema", "title", "description", "format", "pattern", "default"}


def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(resources.schema(name).read_text(encoding="utf-8"))
    return loaded


def bare(value: Any) -> Any:
    """Leave the words out, and put the order of lists aside."""
    if isinstance(value, dict):
        # Under `properties` and `$defs`, keys are names and not words of the schema.
        return {
            key: {name: bare(part) for name, part in item.items()} if key in {"properties", "$defs"} else bare(item)
            for key, item in value.items()
            if key not in ADDED
        }
    if isinstance(value, list):
        return sorted((bare(item) for item in value), key=json.dumps)
    return value


def from_dataclass(kind: type[Any]) -> dict[str, Any]:
    made = msgspec.json.schema(kind)
    parts = {name: part | {"additionalProperties": False} for name, part in made["$defs"].items()}
    top = parts.pop(kind.__name__)
    return {**top, **({"$defs": parts} if parts else {})}


def examples(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("name", FILES)
def test_schema_is_in_step_with_the_dataclass(name: str) -> None:
    ours, theirs = bare(schema(name)), bare(from_dataclass(FILES[name]))
    ours_parts, their_parts = ours.pop("$defs", {}), theirs.pop("$defs", {})
    assert ours == {"required": []} | theirs, f"bridge/schemas/{name}.schema.json against {FILES[name].__name__}"
    assert sorted(ours_parts) == sorted(their_parts)
    for part, fields in ours_parts.items():
        assert fields == {"required": []} | their_parts[part], f"bridge/schemas/{name}.schema.json against {part}"


@pytest.mark.parametrize("name", NAMES)
def test_every_field_is_described(name: str) -> None:
    whole = schema(name)
    for part in (whole, *whole.get("$defs", {}).values()):
        for key, field in part.get("properties", {}).items():
            assert len(field.get("description", "")) > 5, f"{name}: {key}"
    jsonschema_rs.meta.validate(whole)


@pytest.mark.parametrize(("name", "position"), [("case", 0), ("evidence", 1), ("findings", 2)])
def test_documented_case_files_fit(name: str, position: int) -> None:
    text = examples("case-files.md", "json")[position]
    jsonschema_rs.Draft202012Validator(schema(name), validate_formats=True).validate(json.loads(text))
    decoded = msgspec.json.decode(text, type=FILES[name])
    assert json.loads(msgspec.json.encode(decoded)) == json.loads(text)


def test_documented_workspace_fits(tmp_path: Path) -> None:
    (tmp_path / "bridge.yaml").write_text(examples("workspace.md", "yaml")[0], encoding="utf-8")
    loaded = workspace.load(tmp_path)
    assert loaded.views.database == "app"


def test_documented_investigation_fits() -> None:
    document = yaml_marks.parse(examples("investigations.md", "yaml")[0], "docs/investigations.md")
    assert validate.problems(document, resources.schema("investigation")) == ()


@pytest.mark.parametrize(("name", "page"), [("workspace", "workspace.md"), ("investigation", "investigations.md")])
def test_every_key_is_documented(name: str, page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    for key, field in schema(name)["properties"].items():
        inner = [f"{key}.{part}" for part in field.get("properties", {})] if name == "workspace" else []
        for wanted in inner or [key]:
            assert f"`{wanted}`" in text, f"{page} does not name {wanted}"
