from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from bridge.sandbox.calls import Personality
from bridge.sandbox.seed import AGENT_MAIL, DEFAULT_TOKEN, SandboxSeed, SeedComment, SeedOrganization, SeedTicket, SeedUser
from bridge.sandbox.server import RunningSandbox, start

if TYPE_CHECKING:
    import jira

AT = datetime(2026, 3, 11, 8, 30, tzinfo=UTC)
Start = Callable[..., RunningSandbox]
Bug = dict[str, Any]


def small_seed() -> SandboxSeed:
    return SandboxSeed(
        organizations=(
            SeedOrganization(id=500, name="Acme", external_id="acc-1", domain_names=("acme.example",)),
            SeedOrganization(id=501, name="Borealis GmbH", external_id="acc-2"),
        ),
        users=(
            SeedUser(id=600, name="Ada", email="ada@acme.example", organization_id=500),
            SeedUser(id=601, name="Bert", email="bert@borealis.example", organization_id=501),
        ),
        tickets=(
            SeedTicket(
                id=1001,
                subject="Export is empty",
                description="The scheduled export has no rows.",
                requester_id=600,
                created_at=AT,
                updated_at=AT,
                tags=("exports", "escalated"),
                priority="high",
                comments=(SeedComment(author_id=1, body="Looking at the logs.", public=False, created_at=AT),),
            ),
            SeedTicket(
                id=1002,
                subject="Leerer Export <script>alert(1)</script>",
                description="Der geplante Export enthält keine Zeilen & ist leer.",
                requester_id=601,
                created_at=AT,
                updated_at=AT,
                status="solved",
            ),
        ),
    )


@pytest.fixture
def start_sandbox(tmp_path: Path) -> Iterator[Start]:
    running: list[RunningSandbox] = []

    def begin(personality: Personality = "cloud", **options: Any) -> RunningSandbox:
        options.setdefault("seed", small_seed())
        sandbox = start(tmp_path / "state" / "sandbox.sqlite", personality=personality, **options)
        running.append(sandbox)
        return sandbox

    yield begin
    for sandbox in running:
        sandbox.stop()


@pytest.fixture(params=["cloud", "datacenter"])
def personality(request: pytest.FixtureRequest) -> Personality:
    found: Personality = request.param
    return found


@pytest.fixture
def sandbox(start_sandbox: Start, personality: Personality) -> RunningSandbox:
    return start_sandbox(personality)


@pytest.fixture
def cloud(start_sandbox: Start) -> RunningSandbox:
    return start_sandbox("cloud")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """One sandbox with one issue, for reads and refusals: whoever changes it takes another."""
    with start(tmp_path_factory.mktemp("shared") / "sandbox.sqlite", personality="cloud", seed=small_seed()) as running:
        made = requests.post(
            f"{running.jira_url}/rest/api/2/issue", json={"fields": small_bug()}, auth=(AGENT_MAIL, DEFAULT_TOKEN), timeout=10
        )
        assert made.status_code == 201
        yield running


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.auth = (AGENT_MAIL, DEFAULT_TOKEN)
        yield session


@pytest.fixture
def desk() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.auth = (f"{AGENT_MAIL}/token", DEFAULT_TOKEN)
        yield session


@pytest.fixture
def bug() -> Bug:
    return small_bug()


def small_bug() -> Bug:
    return {
        "project": {"key": "REP"},
        "issuetype": {"id": "10001"},
        "summary": "Scheduled exports come out empty",
        "description": "h2. Observed\nNo rows.",
        "labels": ["from-support", "bridge-0123456789abcdef0123"],
        "customfield_10101": 38,
        "customfield_10104": "2026-03-11T02:04:00.000+0000",
        "customfield_10105": {"value": "S1"},
    }


@pytest.fixture
def client(sandbox: RunningSandbox, personality: Personality) -> Iterator[jira.JIRA]:
    from jira import JIRA

    login: dict[str, Any] = {"basic_auth": (AGENT_MAIL, DEFAULT_TOKEN)} if personality == "cloud" else {"token_auth": DEFAULT_TOKEN}
    found = JIRA(
        sandbox.jira_url,
        max_retries=0,
        timeout=(5, 30),
        get_server_info=True,
        validate=False,
        options={"rest_api_version": "2", "check_update": False},
        **login,
    )
    # Otherwise every remote link first asks for the application links, which only administrators may read.
    found._applicationlinks = []
    yield found
    found.close()  # type: ignore[no-untyped-call]  # the library does not say
