"""Put a run together: find the workspace, load its settings and catalogue, open adapters when they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from bridge.catalog.catalog import Catalog
    from bridge.config.workspace import AdapterConfig, Workspace
    from bridge.ports import Database
    from bridge.workflow.context import Context
    from bridge.workflow.events import Emit


def workspace(args: argparse.Namespace) -> Workspace:
    """Return the settings of the workspace that --workspace or the current folder names."""
    from bridge.config.nearest import find
    from bridge.config.workspace import load

    return load(Path(args.workspace).resolve() if args.workspace else find(Path.cwd()))


def catalog(args: argparse.Namespace) -> Catalog:
    """Return the catalogue: the built-in one, with the workspace's own entries over it where there is a workspace."""
    from bridge import resources
    from bridge.catalog.catalog import Catalog
    from bridge.errors import NotFoundError

    try:
        settings = workspace(args)
    except NotFoundError:
        if args.workspace:
            raise
        return Catalog(builtin=resources.folder("investigations"), workspace=None)
    return _catalog(settings)


def _catalog(settings: Workspace) -> Catalog:
    from bridge import resources
    from bridge.catalog.catalog import Catalog

    return Catalog(
        builtin=resources.folder("investigations"), workspace=settings.root / "investigations", database=settings.views.database or ""
    )


@contextmanager
def context(args: argparse.Namespace, emit: Emit) -> Iterator[Context]:
    """Give a command its context, and close what it opened."""
    from bridge.catalog.views import load as load_views
    from bridge.workflow.case_store import CaseStore
    from bridge.workflow.clock import SystemClock
    from bridge.workflow.context import Connections, Context

    settings = workspace(args)
    clock = SystemClock()
    opened: dict[str, Any] = {}

    def adapter(config: AdapterConfig) -> Any:
        if config.label not in opened:
            opened[config.label] = open_adapter(config, settings, clock.now)
        return opened[config.label]

    try:
        yield Context(
            workspace=settings,
            catalog=_catalog(settings),
            cases=CaseStore(settings.root / "cases", settings.case_prefix),
            views=load_views(settings.views.folder),
            connections=Connections(
                tickets=lambda: adapter(settings.tickets_config()),
                tracker=lambda: adapter(settings.tracker_config()),
                database=lambda name: adapter(settings.database(name)),
                logs=lambda name: adapter(settings.log_source(name)),
            ),
            clock=clock,
            emit=emit,
        )
    finally:
        for port in opened.values():
            close = getattr(port, "close", None)
            if close is not None:
                close()


def open_adapter(config: AdapterConfig, settings: Workspace, now: Callable[[], datetime]) -> Any:
    """Load one product's adapter and hand it its options."""
    from bridge import plugins

    factory = plugins.load(config.kind, config.product)
    return factory(
        plugins.AdapterOptions(
            name=config.name,
            values=config.values,
            root=settings.root,
            where=config.where,
            secret=settings.secret_resolver(config),
            now=now,
        )
    )


@contextmanager
def database(target: str, folder: Path) -> Iterator[Database]:
    """Give a database by its name in the folder's bridge.yaml, by the path of its file, or by a PostgreSQL URL; close it after."""
    from bridge.config.workspace import load
    from bridge.workflow.clock import SystemClock

    now = SystemClock().now
    if target.startswith(("postgres://", "postgresql://")):
        opened = _open_target("postgres", {"url": target}, now)
    elif keys := file_keys(target):
        opened = _open_target(keys.pop("product"), keys, now)
    else:
        settings = load(folder)
        opened = open_adapter(settings.database(target), settings, now)
    try:
        yield opened
    finally:
        opened.close()


def file_keys(target: str) -> dict[str, str]:
    """Return what bridge.yaml says of a database file; nothing when `target` is no file."""
    file = Path(target)
    if not file.is_file():
        return {}
    product = "duckdb" if file.suffix == ".duckdb" else "sqlite"
    return {"product": product, "path": str(file.resolve()), "naive_timestamps": "UTC"}


def _open_target(product: str, values: dict[str, str], now: Callable[[], datetime]) -> Any:
    """Open a database that no bridge.yaml names yet; there are no references to secrets in what was typed."""
    from bridge import plugins

    factory = plugins.load("databases", product)
    return factory(
        plugins.AdapterOptions(name="from", values=values, root=Path.cwd(), where="--from", secret=lambda key: values[key], now=now)
    )
