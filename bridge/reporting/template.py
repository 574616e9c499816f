"""Templates: found by name, rendered in a sandbox, with errors that name the template's line."""

from __future__ import annotations

import difflib
import re
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import jinja2
from jinja2.exceptions import SecurityError
from jinja2.runtime import BlockReference, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bridge import resources
from bridge.errors import InputError, NotFoundError
from bridge.model.privacy import DESTINATIONS, PARTS, Destination, Part
from bridge.reporting.safe import Safe, UnprintableError, printed

if TYPE_CHECKING:
    from jinja2.bccache import Bucket

SUFFIX = ".md.j2"
SECONDS = 10.0
"""A template that takes longer is stopped."""
_CHARACTERS = 4_000_000
_SHARED = frozenset({"macros"})
_FILTERS = ("default", "first", "join", "last", "length", "list", "lower", "map", "rejectattr", "reject", "replace", "selectattr", "select", "slice", "batch", "sort", "sum", "title", "truncate", "unique", "upper", "groupby", "capitalize", "trim")  # fmt: skip
_HINT = "docs/templates.md lists the names and functions a template may use"


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateInfo:
    """One template that a report can be built with."""

    name: str
    """bug_report: what an investigation's `report` names."""
    path: Path
    origin: Literal["built-in", "workspace"]
    description: str
    """The first comment of the file."""
    hides: bool = False
    """True when it stands in for a built-in one of the same name."""
    destination: Destination | None = None
    """Whom it is written for, when its first comment says so (`For: customer`); None: the tracker's readers."""
    leaves_out: tuple[Part, ...] = ()
    """Parts that it leaves out for anybody (`Leaves out: log_lines, accounts`)."""


def list_templates(own: Path | None = None) -> tuple[TemplateInfo, ...]:
    """Return the built-in templates and those of the workspace's folder `own`, by name; an own one hides a built-in one."""
    found: dict[str, TemplateInfo] = {}
    for origin, folder in _folders(own):
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            name = path.name.removesuffix(SUFFIX)
            if name not in _SHARED:
                found[name] = info_of(path, origin, hides=name in found)
    return tuple(found[name] for name in sorted(found))


def info_of(path: Path, origin: Literal["built-in", "workspace"], *, hides: bool = False) -> TemplateInfo:
    """Read what a template says about itself in its first comment."""
    text = _description(path)
    named = re.search(r"(?i)\bleaves out: ([\w, ]+)", text)
    left_out = {word.strip() for word in named[1].split(",")} if named else set()
    return TemplateInfo(
        name=path.name.removesuffix(SUFFIX),
        path=path,
        origin=origin,
        description=text,
        hides=hides,
        destination=_destination(text),
        leaves_out=tuple(part for part in PARTS if part in left_out),
    )


def _destination(description: str) -> Destination | None:
    found = re.search(r"(?i)\bfor: (\w+)", description)
    return next((name for name in DESTINATIONS if found and name == found[1].lower()), None)


def find_template(name: str, own: Path | None = None) -> Path:
    """Return the file of a template: `template_info`'s path."""
    return template_info(name, own).path


def template_info(name: str, own: Path | None = None) -> TemplateInfo:
    """Return a template, from the workspace's folder `own` before the built-in ones; an unknown name is a NotFoundError with the nearest one."""
    known = {info.name: info for info in list_templates(own)}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    raise NotFoundError(
        f"no report template '{name}'",
        where=str(own or ""),
        hint=f"did you mean '{near[0]}'?" if near else f"known: {', '.join(sorted(known))}",
    )


def _folders(own: Path | None) -> list[tuple[Literal["built-in", "workspace"], Path]]:
    folders: list[tuple[Literal["built-in", "workspace"], Path]] = [("built-in", resources.folder("templates"))]
    if own is not None and own.is_dir():
        folders.append(("workspace", own))
    return folders


def _description(path: Path) -> str:
    text = path.read_text(encoding="utf-8", errors="replace").lstrip()
    if not text.startswith("{#"):
        return ""
    return " ".join(text[2:].partition("#}")[0].strip("- \n").split())


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's immutable sandbox, where what a macro or a block wrote is Markdown already."""

    def call(self, context: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call `function`; the result of a macro is not escaped a second time."""
        result = super().call(context, function, *args, **kwargs)
        return Safe(result) if isinstance(function, Macro | BlockReference) and isinstance(result, str) else result


class _Compiled(jinja2.BytecodeCache):
    """Compiled templates of this process, by name and text: compiling costs more than rendering."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill the bucket where the same text was compiled before."""
        data = self._known.get((bucket.key, bucket.checksum))
        if data is not None:
            bucket.bytecode_from_string(data)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        self._known[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


def environment(folders: list[Path]) -> jinja2.Environment:
    """Return the environment that renders templates of `folders`, first folder first."""
    env = _Sandbox(
        loader=jinja2.FileSystemLoader([str(folder) for folder in folders]),
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        autoescape=False,  # finalize escapes for Markdown; HTML is made from nodes, later
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        cache_size=0,
        bytecode_cache=_COMPILED,
    )
    env.filters = {name: env.filters[name] for name in _FILTERS}
    env.globals = {"range": env.globals["range"], "namespace": env.globals["namespace"]}
    return env


def _finalize(value: object) -> str:
    if isinstance(value, jinja2.Undefined):
        return str(value)
    return printed(value)


def render(path: Path, context: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> str:
    """Return the template's Markdown; InputError names the line.

    The template's own folder comes first, then the built-in ones, so that a workspace's template can use
    the built-in macros. A deadline and a size are checked between the pieces that the template writes; what
    happens inside one piece is bounded by `bridge.reporting.sandbox`, which renders in a child process.
    """
    env = environment([path.parent, resources.folder("templates")])
    env.globals.update(functions)
    try:
        template = env.get_template(path.name)
        return "".join(_bounded(template.generate(dict(context)), path))
    except jinja2.TemplateNotFound as error:
        raise InputError(
            f"the template '{error.name}' does not exist",
            where=_place(error, path),
            hint=f"looked in {path.parent} and the built-in templates",
        ) from error
    except jinja2.TemplateSyntaxError as error:
        raise InputError(f"template syntax: {error.message}", where=f"{error.filename or path}:{error.lineno}", hint=_HINT) from error
    except SecurityError as error:
        raise InputError(f"the template may not do this: {error}", where=_place(error, path), hint=_HINT) from error
    except jinja2.UndefinedError as error:
        raise InputError(f"template: {error.message}", where=_place(error, path), hint=_near(error, [*context, *functions])) from error
    except (
        UnprintableError,
        jinja2.TemplateError,
        TypeError,
        ValueError,
        ArithmeticError,
        LookupError,
        AttributeError,
        RecursionError,
    ) as error:
        raise InputError(f"template: {error}", where=_place(error, path), hint=_HINT) from error


def _bounded(pieces: Iterator[str], path: Path) -> Iterator[str]:
    end = time.monotonic() + SECONDS
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > _CHARACTERS:
            raise InputError(
                f"the template wrote more than {_CHARACTERS:,} characters",
                where=str(path),
                hint="attach long lists instead of printing them",
            )
        if time.monotonic() > end:
            raise InputError(f"the template took longer than {SECONDS:g} s", where=str(path), hint="look for a loop in a loop")
        yield piece


def _place(error: BaseException, path: Path) -> str:
    """Return file:line of the innermost template frame: Jinja maps its frames back to the template's lines."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(SUFFIX)]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else str(path)


def _near(error: jinja2.UndefinedError, names: list[str]) -> str:
    wanted = str(error.message).split("'")[1:2]
    near = difflib.get_close_matches(wanted[0], names, n=1) if wanted else []
    return f"did you mean '{near[0]}'?" if near else _HINT
