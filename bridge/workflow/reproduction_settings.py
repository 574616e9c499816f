"""The part `reproduction` of bridge.yaml: where recordings lie and which systems may be used for reproducing."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.config import secrets
from bridge.config.workspace import Workspace
from bridge.errors import InputError, NotFoundError
from bridge.reproduction.identities import Identity
from bridge.reproduction.safety import Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A request of the target's own for tests."""

    method: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSettings:
    """One system that reproductions run on."""

    name: str
    url: str
    rules: Rules
    identities: tuple[Identity, ...]
    clock: Hook | None = None
    """PUT {"now": ...} sets it, DELETE gives real time back."""
    reset: Hook | None = None
    """Run before each replay, so that earlier ones leave nothing that helps."""
    sandbox: tuple[str, str] | None = None
    """Product and address of a database of the target that may be overwritten."""
    about: str = ""
    """Path of a GET whose JSON answer describes the environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings:
    """Where the rows of a scenario are read."""

    database: str
    accounts: str = ""
    """`accounts.id`; empty: found by its name."""
    engine: str = ""
    personal: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    rows: int = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReproductionSettings:
    """The whole part."""

    recordings: tuple[str, ...]
    """Globs, relative to the workspace."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    data: DataSettings | None = None

    def files(self, root: Path) -> tuple[Path, ...]:
        """Return the recordings there are."""
        return tuple(sorted({path for pattern in self.recordings for path in root.glob(pattern) if path.is_file()}))


def read(workspace: Workspace) -> ReproductionSettings:
    """Return the settings; an absent part is an empty one."""
    values = workspace.reproduction
    data = values.get("data")
    return ReproductionSettings(
        recordings=tuple(values.get("recordings", ())),
        aliases=dict(values.get("aliases", {})),
        data=_data(data) if data else None,
    )


def _data(values: Mapping[str, Any]) -> DataSettings:
    return DataSettings(
        database=values["database"],
        accounts=values.get("accounts", ""),
        engine=values.get("engine", ""),
        personal=tuple(values.get("personal", ())),
        leave_out=tuple(values.get("leave_out", ())),
        rows=int(values.get("rows", 5_000)),
    )


def target(workspace: Workspace, name: str, *, hosts: tuple[str, ...], confirmed: frozenset[str]) -> TargetSettings:
    """Return a target's settings; `hosts` are the recording's, refused with no override. NotFoundError names the nearest target."""
    targets: Mapping[str, Any] = workspace.reproduction.get("targets", {})
    if name not in targets:
        near = difflib.get_close_matches(name, targets, n=1)
        hint = (
            f"did you mean '{near[0]}'?" if near else f"there is: {', '.join(targets) or 'none; set reproduction.targets in bridge.yaml'}"
        )
        raise NotFoundError(f"no target '{name}'", where=workspace.origin("reproduction.targets"), hint=hint)
    values = targets[name]
    where = workspace.origin(f"reproduction.targets.{name}")
    if not values.get("allow"):
        raise InputError(f"target '{name}' allows no host", where=where, hint="allow: [staging.example.test]")
    rules = Rules(
        allow=tuple(values["allow"]),
        refused=(*hosts, *values.get("refuse", ())),
        writes=bool(values.get("writes", False)),
        confirmed=confirmed,
        requests=int(values.get("requests", 5_000)),
        rate=float(values.get("rate", 5.0)),
        seconds=float(values.get("seconds", 3_600)),
    )
    return TargetSettings(
        name=name,
        url=str(values["url"]).rstrip("/"),
        rules=rules,
        identities=tuple(_identity(workspace, name, who) for who in values.get("identities", ())),
        clock=_hook(values.get("clock"), "PUT"),
        reset=_hook(values.get("reset"), "POST"),
        about=str(values.get("about", "")),
        sandbox=_sandbox(workspace, name, values.get("sandbox")),
    )


def _identity(workspace: Workspace, name: str, values: Mapping[str, Any]) -> Identity:
    def secret(key: str) -> str:
        reference = values.get(key)
        return (
            secrets.resolve(str(reference), root=workspace.root, label=f"reproduction.targets.{name}.identities.{key}") if reference else ""
        )

    return Identity(user=str(values.get("user", "")), password=secret("password"), token=secret("token"))


def _sandbox(workspace: Workspace, name: str, values: Mapping[str, str] | None) -> tuple[str, str] | None:
    """Return product and address; a file is relative to the workspace, an address is a reference."""
    for product, given in (values or {}).items():
        if product in {"sqlite", "duckdb"}:
            return product, str((workspace.root / given).resolve())
        return product, secrets.resolve(given, root=workspace.root, label=f"reproduction.targets.{name}.sandbox.{product}")
    return None


def _hook(path: Any, method: str) -> Hook | None:
    return Hook(method=method, path=str(path)) if path else None
