"""Check a marked document against a JSON Schema; every fault becomes a Problem with file:line:column."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs

from bridge.config.problems import failure
from bridge.config.secrets import is_reference, is_secret_key
from bridge.errors import Problem

if TYPE_CHECKING:
    from bridge.config.yaml_marks import DataPath, Document

_KINDS: Final[dict[str, str]] = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping (key: value)",
    "null": "nothing",
}
_SHOWN_KEYS: Final = 14


def check(document: Document, schema: Path) -> None:
    """Raise one InputError with all problems when the document does not fit the schema."""
    found = problems(document, schema)
    if found:
        raise failure(document.file, found)


def problems(document: Document, schema: Path) -> tuple[Problem, ...]:
    """Return every fault of the document, in the order of the file."""
    tree, validator = _compiled(schema)
    found: list[tuple[tuple[int, int], Problem]] = []
    for error in validator.iter_errors(document.value):
        for path, problem in _explain(error, document, tree):
            mark = document.key_marks.get(path) or document.marks.get(path)
            found.append(((mark.line, mark.column) if mark else (0, 0), problem))
    return tuple(problem for _, problem in sorted(found, key=lambda pair: pair[0]))


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return `, did you mean 'x'?` or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return f", did you mean '{near[0]}'?" if near else ""


def show(value: Any, path: DataPath = ()) -> str:
    """Return a value for a message: short, on one line, control characters escaped, secrets left out."""
    if any(is_secret_key(step) for step in path) and not is_reference(value):
        return "(not shown)"
    text = json.dumps(value, ensure_ascii=False, default=str)
    text = f"'{text[1:-1]}'" if isinstance(value, str) else text
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - what fits beside a message


@cache
def _compiled(schema: Path) -> tuple[dict[str, Any], Any]:
    tree: dict[str, Any] = json.loads(schema.read_text(encoding="utf-8"))
    return tree, jsonschema_rs.Draft202012Validator(tree, validate_formats=True)


def _explain(error: Any, document: Document, tree: dict[str, Any]) -> list[tuple[DataPath, Problem]]:
    """Return (place, problem) for each thing that one schema error says."""
    path: DataPath = tuple(error.instance_path)
    kind = error.kind
    name = f"'{'.'.join(map(str, path))}'" if path else f"the file {document.file}"
    around = _schema_at(tree, list(error.schema_path)[:-1])
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
        return [((*path, key), _unknown_key(key, path, document, around)) for key in kind.unexpected]
    where = document.where(path)
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
        described = around.get("properties", {}).get(kind.property, {})
        inside = f" in {name}" if path else ""
        problem = Problem(message=f"missing key '{kind.property}'{inside}", where=where, hint=described.get("description", ""))
    elif isinstance(kind, jsonschema_rs.ValidationErrorKind.Type):
        wanted = " or ".join(_KINDS.get(kind_name, kind_name) for kind_name in kind.types)
        problem = Problem(message=f"{name} must be {wanted}, not {show(error.instance, path)}", where=where, hint=_example(around))
    elif isinstance(kind, jsonschema_rs.ValidationErrorKind.Enum):
        options = [str(option) for option in kind.options]
        near = nearest(error.instance, options) if isinstance(error.instance, str) else ""
        problem = Problem(message=f"{name} is {show(error.instance, path)}{near}", where=where, hint=f"one of: {', '.join(options)}")
    elif isinstance(kind, jsonschema_rs.ValidationErrorKind.Pattern | jsonschema_rs.ValidationErrorKind.Format):
        message = f"{name} is {show(error.instance, path)}, which is not in the form that is wanted"
        problem = Problem(message=message, where=where, hint=_example(around) or around.get("description", ""))
    elif isinstance(kind, jsonschema_rs.ValidationErrorKind.PropertyNames):
        bad = _bad_name(error)
        message = f"'{bad}' can't be a name in {name}"
        problem = Problem(message=message, where=document.where((*path, bad), key=True), hint=around.get("description", ""))
    else:
        problem = Problem(
            message=f"{name} is {show(error.instance, path)}: {_plain(error, path)}", where=where, hint=around.get("description", "")
        )
    return [(path, problem)]


def _unknown_key(key: str, path: DataPath, document: Document, around: dict[str, Any]) -> Problem:
    known: Sequence[str] = list(around.get("properties", {}))
    inside = f" in '{'.'.join(map(str, path))}'" if path else ""
    shown = ", ".join(known[:_SHOWN_KEYS]) + (", ..." if len(known) > _SHOWN_KEYS else "")
    hint = f"known keys: {shown}" if known else "no keys are known here"
    return Problem(message=f"unknown key '{key}'{inside}{nearest(key, known)}", where=document.where((*path, key), key=True), hint=hint)


def _example(around: dict[str, Any]) -> str:
    examples = around.get("examples", [])
    return f"for example {show(examples[0])}" if examples else ""


def _plain(error: Any, path: DataPath) -> str:
    """Return the library's words without the value, which `show` gave already (or left out)."""
    message = str(error.message)
    value = json.dumps(error.instance, ensure_ascii=False, default=str)
    if any(is_secret_key(step) for step in path):
        return "not allowed here"
    return message.removeprefix(value).strip()[:200]


def _bad_name(error: Any) -> str:
    inner = getattr(error.kind, "error", None)
    value = getattr(inner, "instance", None)
    return str(value) if value is not None else str(next(iter(error.instance), ""))


def _schema_at(tree: dict[str, Any], steps: Sequence[str | int]) -> dict[str, Any]:
    """Walk to the schema that raised an error; `$ref` to `#/$defs/name` is followed."""
    here: Any = tree
    for step in steps:
        if isinstance(here, dict) and step == "$ref":
            here = tree["$defs"][str(here["$ref"]).rpartition("/")[2]]
        elif isinstance(here, dict):
            here = here.get(str(step), {})
        elif isinstance(here, list) and isinstance(step, int):
            here = here[step]
    return here if isinstance(here, dict) else {}
