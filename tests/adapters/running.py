"""A running sandbox and adapters that speak to it, for tests of both adapters and of filing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bridge.adapters.tickets.zendesk import Zendesk
from bridge.adapters.tickets.zendesk import open_source as open_desk
from bridge.adapters.trackers.jira import Jira, open_tracker
from bridge.plugins import AdapterOptions
from bridge.sandbox import server
from bridge.sandbox.calls import Personality
from bridge.sandbox.seed import AGENT_MAIL, ISSUE_FIELD, SandboxSeed, SeedOrganization, SeedProject, SeedTicket, SeedUser

OPENED = datetime(2026, 3, 12, 8, 30, tzinfo=UTC)


def seed(*, tickets: int = 4, accounts: int = 4, project: SeedProject | None = None) -> SandboxSeed:
    """Make `accounts` organizations with one user each, and tickets of theirs in turn, ZD-1001 and up."""
    return SandboxSeed(
        organizations=tuple(SeedOrganization(id=100 + n, name=f"Account {n}", external_id=f"A-{n}") for n in range(accounts)),
        users=tuple(
            SeedUser(id=1000 + n, name=f"Robin {n}", email=f"robin{n}@example.test", organization_id=100 + n) for n in range(accounts)
        ),
        tickets=tuple(
            SeedTicket(
                id=1001 + n,
                subject=f"Exports are empty {n}",
                description="Our export came out empty.",
                requester_id=1000 + n % accounts,
                created_at=OPENED,
                updated_at=OPENED,
                tags=("billing",),
            )
            for n in range(tickets)
        ),
        project=project or SeedProject(),
    )


def options(name: str, root: Path, **values: Any) -> AdapterOptions:
    """Make an adapter's options; the token is the sandbox's."""
    return AdapterOptions(
        name=name,
        values={"token": "env:ANY", "user": AGENT_MAIL, **values},
        root=root,
        where="bridge.yaml:3",
        secret=lambda _: "sandbox",
        now=lambda: datetime.now(UTC),
    )


@contextmanager
def sandbox(folder: Path, *, personality: Personality = "cloud", start: SandboxSeed | None = None) -> Iterator[server.RunningSandbox]:
    """Run a sandbox with state in the folder."""
    with server.start(
        folder / "sandbox.sqlite", personality=personality, seed=start or seed(), tracker_token="sandbox", desk_token="sandbox"
    ) as running:
        yield running


@contextmanager
def tracker(url: str, folder: Path, **values: Any) -> Iterator[Jira]:
    """Open the tracker adapter; short patience, so that a refusing server is told quickly."""
    made = open_tracker(
        options("tracker", folder, **{"url": url, "project": "REP", "issue_type": "Bug", "patience": 3, "timeout": 1, **values})
    )
    yield made
    made.close()


@contextmanager
def desk(url: str, folder: Path, **values: Any) -> Iterator[Zendesk]:
    """Open the help desk adapter."""
    made = open_desk(options("tickets", folder, **{"url": url, "issue_field": ISSUE_FIELD, "patience": 3, "timeout": 1, **values}))
    yield made
    made.close()
