"""The Jira adapter against the sandbox, over sockets, in both personalities."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from bridge.adapters.trackers.jira import GAPS, Jira, open_tracker
from bridge.errors import AccessError, BridgeError, InputError, RefusedError, RetryLaterError, UnknownOutcomeError
from bridge.model.filing import Attachment, IssueDraft, IssueRef, RemoteLink
from bridge.sandbox.calls import Personality
from bridge.sandbox.faults import Fault
from bridge.sandbox.seed import SeedProject
from bridge.sandbox.server import RunningSandbox
from tests.adapters import running

MARKER = "bridge-0123456789abcdef0123"
CREATE = r"/rest/api/2/issue$"
DRAFT = IssueDraft(
    project="REP",
    issue_type="Bug",
    summary="Scheduled exports come out empty",
    description="h2. Summary\n||a||b||",
    labels=("from-support", MARKER),
    fields={"customfield_10105": "S2", "customfield_10104": "2026-03-10T10:05:00+00:00", "customfield_10101": 38},
    marker=MARKER,
)
LINK = RemoteLink(
    global_id="bridge:zendesk:desk:1042",
    url="http://desk.example.test/agent/tickets/1042",
    title="ZD-1042: Exports are empty & late",
    summary="Account 7",
    relationship="reported by",
    resolved=False,
)


@pytest.fixture(params=["cloud", "datacenter"])
def sandbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningSandbox]:
    personality: Personality = request.param
    with running.sandbox(tmp_path, personality=personality) as made:
        yield made


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[RunningSandbox]:
    with running.sandbox(tmp_path) as made:
        yield made


@pytest.fixture
def jira(sandbox: RunningSandbox, tmp_path: Path) -> Iterator[Jira]:
    with running.tracker(sandbox.jira_url, tmp_path) as made:
        yield made


def control(sandbox: RunningSandbox, name: str, **body: Any) -> Any:
    request = Request(f"{sandbox.url}/_control/{name}", data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})  # noqa: S310 - loopback
    with urlopen(request, timeout=5) as response:  # noqa: S310 - loopback
        return json.load(response)


def creates(sandbox: RunningSandbox) -> list[str]:
    """Return the creates that arrived; the journal is written when a request has ended, so a hanging one is waited for."""
    ends = time.monotonic() + 4
    while not (found := [entry.path for entry in sandbox.journal() if entry.path.endswith("/issue")]) and time.monotonic() < ends:
        time.sleep(0.05)
    return found


def test_a_whole_life(jira: Jira, sandbox: RunningSandbox, tmp_path: Path) -> None:
    assert all(check.ok for check in jira.check())
    assert all(check.ok for check in jira.preflight(DRAFT, ()))
    assert jira.newest_key("REP") is None
    issue = jira.create(DRAFT)
    assert issue == IssueRef(id=issue.id, key="REP-1", url=f"{sandbox.jira_url}/browse/REP-1")
    assert jira.newest_key("REP") == "REP-1"
    assert jira.find("REP", MARKER, None) == issue
    assert jira.find("REP", MARKER, "REP-0") == issue
    assert jira.find("REP", MARKER, "REP-1") == issue
    assert jira.find("REP", "bridge-ffffffffffffffffffff", "REP-0") is None
    assert jira.get("REP-1") == issue
    assert jira.get("REP-2") is None

    file = tmp_path / "affected.csv"
    file.write_text("account_id\nA-1\n", encoding="utf-8")
    jira.attach(issue, Attachment(name="bridge-0123-affected.csv", path=str(file), sha256="0" * 64, media_type="text/csv"))
    assert jira.attachments(issue) == ["bridge-0123-affected.csv"]

    jira.put_remote_link(issue, LINK)
    jira.put_remote_link(issue, LINK)
    assert jira.remote_links(issue) == [LINK]
    assert sum(entry.path.endswith("/applinks/latest/listApplicationlinks") for entry in sandbox.journal(everything=True)) == 0


def test_values_arrive_in_the_shape_of_their_fields(jira: Jira, sandbox: RunningSandbox) -> None:
    jira.preflight(DRAFT, ())
    jira.create(DRAFT)
    sent = json.loads(next(entry.body or "" for entry in sandbox.journal() if entry.path.endswith("/issue")))["fields"]
    assert sent["customfield_10105"] == {"value": "S2"}
    assert sent["customfield_10104"] == "2026-03-10T10:05:00.000+0000"
    assert sent["customfield_10101"] == 38
    assert sent["labels"] == ["from-support", MARKER]
    assert sent["project"] == {"key": "REP"}
    assert sent["issuetype"] == {"id": "10001"}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="close", when="after"),
        Fault(kind="reset", when="after"),
        Fault(kind="hang", when="after", seconds=2),
        Fault(kind="empty", when="after"),
        Fault(kind="cut", when="after"),
        Fault(kind="html", when="after"),
        Fault(kind="status", when="after", status=500),
        Fault(kind="status", when="after", status=502),
        Fault(kind="status", when="after", status=503, retry_after="1"),
        Fault(kind="status", when="after", status=504),
    ],
    ids=lambda fault: fault.name,
)
def test_a_lost_create_is_unknown_sent_once_and_found(cloud: RunningSandbox, tmp_path: Path, fault: Fault) -> None:
    with running.tracker(cloud.jira_url, tmp_path) as jira:
        jira.preflight(DRAFT, ())
        cloud.set_lag(600)
        cloud.fault(
            Fault(**{**{name: getattr(fault, name) for name in ("kind", "when", "status", "retry_after", "seconds")}, "path": CREATE})
        )
        with pytest.raises(UnknownOutcomeError):
            jira.create(DRAFT)
        assert len(creates(cloud)) == 1
        assert jira.find("REP", MARKER, None) is None  # search lags
        found = jira.find("REP", MARKER, "REP-0")  # direct reads do not
        assert found is not None
        assert found.key == "REP-1"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(kind="status", path=CREATE, status=400), RefusedError),
        (Fault(kind="status", path=CREATE, status=401), AccessError),
        (Fault(kind="status", path=CREATE, status=403), AccessError),
        (Fault(kind="status", path=CREATE, status=413), RefusedError),
        (Fault(kind="status", path=CREATE, status=429, retry_after="3600"), RetryLaterError),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_refused_create_is_certain(cloud: RunningSandbox, tmp_path: Path, fault: Fault, error: type[BridgeError]) -> None:
    with running.tracker(cloud.jira_url, tmp_path) as jira:
        jira.preflight(DRAFT, ())
        cloud.fault(fault)
        with pytest.raises(error) as raised:
            jira.create(DRAFT)
        assert not isinstance(raised.value, UnknownOutcomeError)
        assert "sandbox" not in str(raised.value.message)
    with running.tracker(cloud.jira_url, tmp_path) as other:  # the first one keeps to its Retry-After
        assert other.find("REP", MARKER, "REP-0") is None


def test_a_busy_server_is_asked_again_not_before_it_said(cloud: RunningSandbox, tmp_path: Path) -> None:
    with running.tracker(cloud.jira_url, tmp_path) as jira:
        jira.preflight(DRAFT, ())
        cloud.fault(Fault(kind="status", path=CREATE, status=429, retry_after="1"))
        began = time.monotonic()
        assert jira.create(DRAFT).key == "REP-1"
        assert time.monotonic() - began >= 1.0


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="close"),
        Fault(kind="reset"),
        Fault(kind="cut"),
        Fault(kind="empty"),
        Fault(kind="status", status=503, retry_after="0"),
        Fault(kind="status", status=502),
        Fault(kind="status", status=429, retry_after="0"),
    ],
    ids=lambda fault: fault.name,
)
def test_reads_are_repeated(cloud: RunningSandbox, tmp_path: Path, fault: Fault) -> None:
    with running.tracker(cloud.jira_url, tmp_path) as jira:
        issue = jira.create(DRAFT)
        cloud.fault(fault)
        assert jira.attachments(issue) == []
        assert not cloud.pending_faults()


def test_a_login_page_is_no_api(cloud: RunningSandbox, tmp_path: Path) -> None:
    cloud.fault(Fault(kind="html", count=0))
    with running.tracker(cloud.jira_url, tmp_path) as jira:
        (check,) = jira.check()
        assert not check.ok
        assert "not its API" in check.detail
        assert "url in bridge.yaml" in check.hint


def test_keys_that_are_burnt_hidden_or_moved_are_walked_over(jira: Jira, sandbox: RunningSandbox) -> None:
    plain = IssueDraft(
        **{name: getattr(DRAFT, name) for name in ("project", "issue_type", "summary", "description", "fields")}, labels=("other",)
    )
    jira.preflight(plain, ())
    first = jira.create(plain)
    sandbox.set_lag(600)
    for _ in range(3):
        hidden = jira.create(plain)
        control(sandbox, "issues", key=hidden.key, hidden=True)
    control(sandbox, "issues", key=jira.create(plain).key, move_to="OPS")
    ours = jira.create(DRAFT)
    for _ in range(3):
        jira.create(plain)
    assert jira.find("REP", MARKER, first.key) == ours
    control(sandbox, "issues", key=ours.key, move_to="OPS")
    moved = jira.find("REP", MARKER, first.key)
    assert moved is not None
    assert moved.id == ours.id
    assert moved.key.startswith("OPS-")
    assert jira.get(ours.key) == moved


def test_the_walk_tolerates_several_dozen_gaps(jira: Jira, sandbox: RunningSandbox) -> None:
    sandbox.set_lag(600)
    requests = len(sandbox.journal(everything=True))
    assert jira.find("REP", MARKER, "REP-0") is None
    asked = sandbox.journal(everything=True)[requests:]
    bulk = [entry for entry in asked if entry.path.endswith("/bulkfetch")]
    singles = [entry for entry in asked if "/issue/REP-" in entry.path]
    assert GAPS >= 36
    assert len(singles) == GAPS or sum(len(json.loads(entry.body or "{}")["issueIdsOrKeys"]) for entry in bulk) == GAPS


def test_two_issues_with_one_marker_answer_the_oldest(jira: Jira) -> None:
    first = jira.create(DRAFT)
    jira.create(DRAFT)
    assert jira.find("REP", MARKER, None) == first


def test_preflight_names_everything_at_once(tmp_path: Path) -> None:
    project = SeedProject(off_screen=("labels", "customfield_10101"), denied=("CREATE_ATTACHMENTS",))
    draft = IssueDraft(
        project="REP",
        issue_type="Bug",
        summary="two\nlines",
        description="x" * 32_768,
        labels=("two words", MARKER),
        fields={"customfield_10101": 38, "customfield_10102": "many", "customfield_99999": 1},
        marker=MARKER,
    )
    gone = Attachment(name="a", path=str(tmp_path / "gone"), sha256="0", media_type="text/csv")
    with running.sandbox(tmp_path, start=running.seed(project=project)) as made, running.tracker(made.jira_url, tmp_path) as jira:
        found = {check.what: check for check in jira.preflight(draft, (gone,)) if not check.ok}
        wrong_type = IssueDraft(project="REP", issue_type="Bugg", summary="s", description="", labels=())
        typed = [check for check in jira.preflight(wrong_type, ()) if not check.ok]
        nowhere = IssueDraft(project="NOPE", issue_type="Bug", summary="s", description="", labels=())
        lost = [check for check in jira.preflight(nowhere, ()) if not check.ok]
        assert not made.journal()
    assert set(found) == {
        "summary", "description", "labels", "attachments", "permission to attach files",
        "field customfield_10105", "field customfield_10101", "field customfield_10102", "field customfield_99999",
    }  # fmt: skip
    assert found["field customfield_10105"].detail == "'Severity' is required and gets no value (one of S1, S2, S3, S4)"
    assert found["field customfield_10105"].hint == "tracker: {fields: {customfield_10105: {value: S1}}}"
    assert [check.detail for check in typed] == ["no issue type 'Bugg'; there are: Bug, Task"]
    assert "does not exist or is not shown" in lost[-1].detail


def test_labels_off_the_screen_are_told(tmp_path: Path) -> None:
    with (
        running.sandbox(tmp_path, start=running.seed(project=SeedProject(off_screen=("labels",)))) as made,
        running.tracker(made.jira_url, tmp_path) as jira,
    ):
        found = [check for check in jira.preflight(DRAFT, ()) if not check.ok]
    assert ["marker label" in check.detail for check in found] == [True]


def test_wrong_credentials(cloud: RunningSandbox, tmp_path: Path) -> None:
    with running.tracker(cloud.jira_url, tmp_path, user="nobody@example.test") as jira:
        checks = jira.check()
    assert not checks[-1].ok
    assert "API token" in checks[-1].hint


def test_data_center_takes_a_token_alone(tmp_path: Path) -> None:
    with running.sandbox(tmp_path, personality="datacenter") as made, running.tracker(made.jira_url, tmp_path, user="") as jira:
        assert all(check.ok for check in jira.check())


def test_an_unreachable_server(tmp_path: Path) -> None:
    with (
        running.tracker("http://127.0.0.1:9/jira", tmp_path, patience=0) as jira,
        pytest.raises(RetryLaterError, match="connection refused"),
    ):
        jira.newest_key("REP")


def test_options_are_strict(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        open_tracker(running.options("tracker", tmp_path, url="http://example.test", project="", isue_type="Bug", timeout="long"))
    said = [problem.message for problem in raised.value.problems]
    assert [message.split(" ")[0] for message in said] == ["unknown", "url", "tracker.project", "tracker.issue_type", "tracker.timeout"]
    assert raised.value.problems[0].hint == "did you mean 'issue_type'?"
