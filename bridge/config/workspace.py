"""bridge.yaml as typed settings, each with its origin.

Two passes: the shape of the file here, the keys of each product in its adapter, which gets them as `AdapterConfig.values`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from bridge.config import secrets, validate, yaml_marks
from bridge.config.durations import moment
from bridge.config.nearest import FILE
from bridge.config.privacy import PrivacyConfig
from bridge.config.problems import failure
from bridge.errors import InputError, NotFoundError, Problem

if TYPE_CHECKING:
    from bridge.config.yaml_marks import DataPath, Document

# Same folder as bridge.resources.schema gives; that room is a sibling, which this one may not import.
SCHEMA: Final = Path(__file__).resolve().parents[1] / "schemas" / "workspace.schema.json"
DEFAULT_CURRENCY: Final = "EUR"
DEFAULT_PREFIX: Final = "BR"
DEFAULT_ROWS: Final = 10_000_000
DEFAULT_SECONDS: Final = 60.0

AdapterKind = Literal["tickets", "databases", "log_sources", "trackers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterConfig:
    """One connection as bridge.yaml has it; the adapter checks its own keys."""

    kind: AdapterKind
    """The group of entry points that `product` is looked up in."""
    name: str
    """The workspace's name for it: `app`; `tickets` and `tracker` for the two that have none."""
    product: str
    values: Mapping[str, Any]
    """The mapping without `product`; secrets are still references."""
    where: str
    """bridge.yaml:12, for messages."""

    @property
    def label(self) -> str:
        """The setting's name in bridge.yaml: `tickets`, `databases.app`."""
        section = {"databases": "databases", "log_sources": "logs"}.get(self.kind)
        return f"{section}.{self.name}" if section else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewsConfig:
    """Where the standard views' SQL lies and which database answers it."""

    database: str | None
    """None: the workspace has no database."""
    folder: Path
    """Absolute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsConfig:
    """What one query may cost."""

    rows: int
    seconds: float
    bytes: int = 2_147_483_648
    cost: float = 10_000_000.0
    concurrent: int = 2
    """Queries that one database answers at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One line of a listing: a key, its value as text (references stay references), and where it came from."""

    key: str
    value: str
    origin: str
    """bridge.yaml:12 or `default`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A workspace's settings."""

    root: Path
    """The folder of bridge.yaml, absolute."""
    as_of: datetime | None
    """The workspace's now in UTC, for recorded data; None: the clock's."""
    currency: str
    case_prefix: str
    tickets: AdapterConfig | None
    tracker: AdapterConfig | None
    databases: Mapping[str, AdapterConfig]
    logs: Mapping[str, AdapterConfig]
    views: ViewsConfig
    limits: LimitsConfig
    filing: Mapping[str, Any]
    privacy: PrivacyConfig
    reproduction: Mapping[str, Any] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    """bridge.yaml:line by dotted key (`tickets.url`), for every value that the file sets."""

    def origin(self, key: str) -> str:
        """Return where a value came from: bridge.yaml:12, or `default`."""
        return self.origins.get(key, "default")

    def tickets_config(self) -> AdapterConfig:
        """Return the help desk's settings; InputError when there are none."""
        return self._needed(
            self.tickets, "tickets", "a help desk", "tickets: {product: zendesk, url: ..., user: ..., token: env:BRIDGE_TICKETS_TOKEN}"
        )

    def tracker_config(self) -> AdapterConfig:
        """Return the tracker's settings; InputError when there are none."""
        return self._needed(
            self.tracker, "tracker", "an issue tracker", "tracker: {product: jira, url: ..., project: ..., token: env:BRIDGE_TRACKER_TOKEN}"
        )

    def database(self, name: str) -> AdapterConfig:
        """Return a database's settings; NotFoundError names the nearest one. An empty name is the views' database."""
        return _named(self.databases, name or self.views.database or "", "database", "databases")

    def log_source(self, name: str) -> AdapterConfig:
        """Return a log source's settings; NotFoundError names the nearest one."""
        return _named(self.logs, name, "log source", "logs")

    def secret_resolver(self, config: AdapterConfig) -> Callable[[str], str]:
        """Return what resolves the reference stored under a key of `config` (`token`, or dotted: `auth.token`).

        The call raises AccessError when the secret is missing; nothing is read before.
        """

        def secret(key: str) -> str:
            value: Any = config.values
            for step in key.split("."):
                value = value.get(step) if isinstance(value, Mapping) else None
            label = f"{config.label}.{key}"
            if value is None:
                raise InputError(f"{label} is not set", where=config.where, hint=f"{key}: env:NAME, file:path or keyring:service/user")
            return secrets.resolve(str(value), root=self.root, label=label)

        return secret

    def settings(self) -> tuple[Setting, ...]:
        """Return every setting with value and origin, defaults included, sorted by key."""
        listed: dict[str, Any] = {
            "as_of": self.as_of.isoformat().replace("+00:00", "Z") if self.as_of else None,
            "currency": self.currency,
            "case_prefix": self.case_prefix,
            "views.database": self.views.database,
            "views.folder": str(self.views.folder),
            "limits.rows": self.limits.rows,
            "limits.seconds": self.limits.seconds,
            "limits.bytes": self.limits.bytes,
            "limits.cost": self.limits.cost,
            "limits.concurrent": self.limits.concurrent,
        }
        for config in self._adapters():
            listed[f"{config.label}.product"] = config.product
            listed.update(_flat(config.values, config.label))
        listed.update(_flat(self.filing, "filing"))
        listed.update(_flat(self.privacy.values, "privacy"))
        return tuple(
            Setting(key=key, value=validate.show(value, tuple(key.split("."))), origin=self.origin(key))
            for key, value in sorted(listed.items())
        )

    def warnings(self) -> tuple[Problem, ...]:
        """Return what is careless but works: secret files that others can read."""
        found: list[Problem] = []
        for config in self._adapters():
            for key, value in _flat(config.values, config.label).items():
                if secrets.is_secret_key(key.rpartition(".")[2]) and isinstance(value, str):
                    found.extend(secrets.warnings(value, root=self.root, label=key))
        return tuple(found)

    def _adapters(self) -> tuple[AdapterConfig, ...]:
        single = tuple(config for config in (self.tickets, self.tracker) if config is not None)
        return (*single, *self.databases.values(), *self.logs.values())

    def _needed(self, config: AdapterConfig | None, key: str, what: str, example: str) -> AdapterConfig:
        if config is None:
            raise InputError(
                f"this workspace has no {key}: {what} is needed for this", where=str(self.root / FILE), hint=f"add to {FILE}: {example}"
            )
        return config


def load(folder: Path) -> Workspace:
    """Read the workspace in `folder`; one InputError lists everything that is wrong in bridge.yaml, with file:line."""
    root = folder.resolve()
    try:
        document = yaml_marks.read(root / FILE, shown=FILE)
    except NotFoundError as error:
        raise NotFoundError(f"no {FILE} in {root}", where=str(root), hint="make a workspace here: bridge init") from error
    if document.value is None:
        raise InputError(f"{FILE} is empty", where=FILE, hint="write `format: 1`, or make a new workspace: bridge init")
    found = [*validate.problems(document, SCHEMA), *_open_secrets(document)]
    if found:
        raise failure(FILE, found)
    return _workspace(document, root)


def _workspace(document: Document, root: Path) -> Workspace:
    """Build the settings from a document that fits the schema; what a schema can't say is checked here."""
    data: dict[str, Any] = document.value
    found: list[Problem] = []
    databases = {name: _adapter(document, ("databases", name), "databases", name) for name in data.get("databases", {})}
    views = data.get("views", {})
    database = views.get("database", next(iter(databases)) if len(databases) == 1 else None)
    if database is None and "views" in data and databases:
        found.append(
            Problem(
                message="'views' does not say which database",
                where=document.where(("views",), key=True),
                hint=f"database: one of {', '.join(databases)}",
            )
        )
    elif database is not None and database not in databases:
        near = validate.nearest(database, databases)
        message = f"views.database is '{database}', which is not under databases{near}"
        found.append(
            Problem(message=message, where=document.where(("views", "database")), hint=f"there is: {', '.join(databases) or 'none yet'}")
        )
    as_of: datetime | None = None
    if "as_of" in data:
        try:
            as_of = moment(data["as_of"])
        except InputError as error:
            found.append(Problem(message=f"as_of: {error.message}", where=document.where(("as_of",)), hint=error.hint))
    if found:
        raise failure(FILE, found)
    limits = data.get("limits", {})
    return Workspace(
        root=root,
        as_of=as_of,
        currency=data.get("currency", DEFAULT_CURRENCY),
        case_prefix=data.get("case_prefix", DEFAULT_PREFIX),
        tickets=_adapter(document, ("tickets",), "tickets", "tickets") if "tickets" in data else None,
        tracker=_adapter(document, ("tracker",), "trackers", "tracker") if "tracker" in data else None,
        databases=databases,
        logs={name: _adapter(document, ("logs", name), "log_sources", name) for name in data.get("logs", {})},
        views=ViewsConfig(database=database, folder=root / views.get("folder", "views")),
        limits=LimitsConfig(**{"rows": DEFAULT_ROWS, **limits, "seconds": float(limits.get("seconds", DEFAULT_SECONDS))}),
        filing=data.get("filing", {}),
        privacy=PrivacyConfig(values=data.get("privacy", {}), root=root),
        reproduction=data.get("reproduction", {}),
        origins={".".join(map(str, path)): document.line(path) for path in document.marks if path},
    )


def _adapter(document: Document, path: DataPath, kind: AdapterKind, name: str) -> AdapterConfig:
    values: Any = document.value
    for step in path:
        values = values[step]
    rest = {key: value for key, value in values.items() if key != "product"}
    return AdapterConfig(kind=kind, name=name, product=values["product"], values=rest, where=document.line(path))


def _open_secrets(document: Document) -> tuple[Problem, ...]:
    if not isinstance(document.value, dict):
        return ()
    return secrets.problems_of_plain(document.value, {path: document.where(path) for path in document.marks})


def _named(known: Mapping[str, AdapterConfig], name: str, what: str, section: str) -> AdapterConfig:
    if name in known:
        return known[name]
    if not known:
        raise NotFoundError(
            f"no {what} '{name}': this workspace has none" if name else f"this workspace has no {what}",
            where=FILE,
            hint=f"add it under {section}: in {FILE}",
        )
    raise NotFoundError(f"no {what} '{name}'{validate.nearest(name, known)}", where=FILE, hint=f"there is: {', '.join(known)}")


def _flat(values: Any, prefix: str) -> dict[str, Any]:
    """Return scalars by dotted key; a list of scalars stays one value."""
    if isinstance(values, Mapping):
        return {key: value for name, item in values.items() for key, value in _flat(item, f"{prefix}.{name}").items()}
    if isinstance(values, list) and any(isinstance(item, Mapping | list) for item in values):
        return {key: value for index, item in enumerate(values) for key, value in _flat(item, f"{prefix}.{index}").items()}
    return {prefix: values}
