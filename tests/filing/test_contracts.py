"""Every request that filing, following, adding, duplicates and reopening send, against the published specifications.

The real adapters speak to the sandbox; each request is recorded as it left and judged by the specification of
Jira Cloud 2, Jira Cloud 3 and Zendesk: path, parameters and body. The repairs of the published files are listed
where they are made (tests/sandbox/test_contracts.py, and below). What the specifications do not check is checked
beside them: who sees a comment, labels, lengths, documents.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from bridge.adapters.tickets.zendesk import Zendesk
from bridge.adapters.trackers.jira import Jira
from bridge.adapters.trackers.jira_text import document, problems
from bridge.filing.file import FilingResult, file_case
from bridge.filing.follow import follow, send_draft
from bridge.filing.issue import Choice
from bridge.filing.ledger import Filing, Ledger
from bridge.filing.plan import FilingPlan
from bridge.filing.run import Run
from bridge.filing.settings import FilingSettings
from bridge.sandbox.server import RunningSandbox
from bridge.workflow.reconcile import compare, mend
from tests.adapters import running
from tests.filing.process import TICKETS, plan_of
from tests.filing.world import FakeClock
from tests.sandbox import test_contracts as specs

if TYPE_CHECKING:
    import requests

CONTRACTS = specs.CONTRACTS
HOSTILE = "{code} <b>@all</b> [x|javascript:alert(1)] | ^ ~ \u202e Füße 😀\n[bridge-0123456789abcdef0123]"
pytestmark = [
    pytest.mark.corpora,
    pytest.mark.skipif(not CONTRACTS.is_dir(), reason=f"no published specifications in {CONTRACTS}"),
    pytest.mark.skipif(not os.environ.get("BRIDGE_CONTRACTS"), reason="takes a while: make contracts"),
]
NOT_DESCRIBED = {
    # Zendesk's own Jira app: described on its own pages, in no published file.
    "/api/v2/jira/links",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    method: str
    path: str
    query: dict[str, str]
    body: Any
    kind: str


def recorded(session: requests.Session, prefix: str, into: list[Sent]) -> None:
    """Note every request of a session as it leaves."""

    def note(response: requests.Response, *_args: Any, **_options: Any) -> None:
        request = response.request
        address = urlsplit(str(request.url))
        kind = str(request.headers.get("Content-Type", ""))
        body = json.loads(request.body) if request.body and "json" in kind and isinstance(request.body, str | bytes) else None
        into.append(
            Sent(
                method=str(request.method).lower(),
                path=address.path.removeprefix(prefix),
                query=dict(parse_qsl(address.query)),
                body=body,
                kind=kind.partition(";")[0],
            )
        )

    session.hooks["response"].append(note)


@dataclasses.dataclass(frozen=True, slots=True)
class Places:
    """Where the two products are reached."""

    jira: str
    desk: str
    seen: Callable[[requests.Response], object] = lambda _: None
    """Gets every answer as well."""


@contextmanager
def connected(places: Places, folder: Path, api: int) -> Iterator[tuple[Jira, Zendesk, list[Sent], list[Sent]]]:
    jira, zendesk = list[Sent](), list[Sent]()
    with running.tracker(places.jira, folder, api=api) as tracker, running.desk(places.desk, folder) as desk:
        for session in (tracker._connected()._session, desk._session):
            session.hooks["response"] = [lambda response, *_args, **_options: places.seen(response) and None]
        recorded(tracker._connected()._session, "/jira", jira)
        recorded(desk._session, "/zendesk", zendesk)
        yield tracker, desk, jira, zendesk


def adapted(plan: FilingPlan, api: int) -> FilingPlan:
    draft = plan.draft
    text = json.dumps(document(HOSTILE)) if api == 3 else HOSTILE
    fields = {**draft.fields, "customfield_10101": 38, "customfield_10104": "2026-03-10T10:05:00+00:00"}
    return dataclasses.replace(
        plan, draft=dataclasses.replace(draft, description=text, fields=fields, figures=("customfield_10101",)), facts=(HOSTILE,)
    )


def live(  # noqa: PLR0915 - one life, step after step
    sandbox: RunningSandbox, folder: Path, api: int, places: Places | None = None
) -> tuple[list[Sent], list[Sent]]:
    """Do everything that the adapters can send."""
    clock = FakeClock()
    settings = FilingSettings(project="REP", issue_type="Bug")
    with connected(places or Places(sandbox.jira_url, sandbox.zendesk_url), folder, api) as (tracker, desk, jira, zendesk):

        def run_of(plan: FilingPlan, ledger: Ledger) -> Run:
            filing = Filing(fingerprint=plan.fingerprint, marker=plan.marker, project="REP", case_id=plan.case_id)
            return Run(
                ledger=ledger, filing=filing, tracker=tracker, tickets=desk, clock=clock, emit=lambda _: None, recreate=False
            )  # fmt: skip

        def followed(plan: FilingPlan, ledger: Ledger) -> Any:
            run = run_of(plan, ledger)
            with ledger.hold(run.filing):
                return follow(run, settings=settings, plans=[plan], answers=lambda said, *_: f"Hello. {said.word} {HOSTILE}")

        tracker.check()
        desk.check()
        tracker.fields()
        tracker.texts("REP", ["from-support", "bridge-inv-x"], ["exports", "are", "empty"])
        plan = adapted(plan_of("BR-1", folder, tickets=2), api)
        with closing(Ledger(folder / f"one-{api}.sqlite", clock)) as one, closing(Ledger(folder / f"two-{api}.sqlite", clock)) as two:
            twin = twin_of(plan, adapted(plan_of("BR-2", folder, tickets=2), api))
            first, second = filed_twice(sandbox, tracker, desk, plan, twin, (one, two))
            settled = followed(twin, two)
            assert settled.issue.key == first.issue.key
            assert tracker.states([second.issue.id])[second.issue.id].category == "done"
            tracker.move_to(first.issue, "indeterminate")
            assert followed(plan, one).word == "in progress"
            bigger = dataclasses.replace(adapted(plan_of("BR-1", folder, tickets=4), api), facts=("more",))
            bigger = dataclasses.replace(
                bigger, draft=dataclasses.replace(bigger.draft, fields={**bigger.draft.fields, "customfield_10101": 39})
            )
            assert not file_case(bigger, ledger=one, tracker=tracker, tickets=desk, clock=clock).undone
            assert not file_case(
                dataclasses.replace(bigger, facts=("even more",)), ledger=one, tracker=tracker, tickets=desk, clock=clock
            ).undone
            tracker.move_to(first.issue, "done", resolution="Done")
            drafts = followed(plan, one).drafts
            run = run_of(plan, one)
            with one.hold(run.filing):
                send_draft(run, drafts[0])
            joined = adapted(plan_of("BR-3", folder, tickets=1), api)
            choice = Choice(join=first.issue.key)
            file_case(joined, ledger=one, tracker=tracker, tickets=desk, clock=clock, choice=choice)
            assert tracker.states([first.issue.id])[first.issue.id].category == "new"
            tracker.find("REP", plan.marker, "REP-0")
            again = adapted(plan_of("BR-4", folder, tickets=2), api)
            other = twin_of(again, adapted(plan_of("BR-5", folder, tickets=2), api))
            older, younger = filed_twice(sandbox, tracker, desk, again, other, (one, two))
            assert followed(again, one).issue == older.issue
            assert tracker.states([younger.issue.id])[younger.issue.id].category == "done"
            run = run_of(again, one)
            link = tracker.remote_links(older.issue)[0].global_id
            with one.hold(run.filing):
                assert list(compare(run, [again])) == []
                tracker._client.request("DELETE", f"issue/{older.issue.id}/remotelink", "repeatable", arguments={"globalId": link})
                differences = list(compare(run, [again]))
                assert len(differences) == 1
                mend(run, [again], differences)
                assert list(compare(run, [again])) == []
            desk.queue(query="exports")
            desk.links("ZD-1001")
        return jira, zendesk


def twin_of(plan: FilingPlan, other: FilingPlan) -> FilingPlan:
    """Return another case's plan about the same defect."""
    draft = dataclasses.replace(other.draft, labels=plan.draft.labels, marker=plan.marker)
    return dataclasses.replace(other, fingerprint=plan.fingerprint, draft=draft)


def filed_twice(
    sandbox: RunningSandbox, tracker: Jira, desk: Zendesk, plan: FilingPlan, other: FilingPlan, ledgers: tuple[Ledger, Ledger]
) -> tuple[FilingResult, FilingResult]:
    """File one defect from two ledgers before search can show it."""
    sandbox.set_lag(3600)
    one, two = (
        file_case(item, ledger=ledger, tracker=tracker, tickets=desk, clock=FakeClock())
        for item, ledger in zip((plan, other), ledgers, strict=True)
    )
    sandbox.set_lag(0)
    assert one.issue != two.issue
    return one, two


def violations(contract: specs.Contract, sent: list[Sent]) -> list[str]:
    """Say what the specification does not allow in requests."""
    found: list[str] = []
    for request in sent:
        path = request.path.removesuffix(".json")
        if path in NOT_DESCRIBED:
            continue
        try:
            operation = contract.operation(specs.Exchange(method=request.method, path=path, sent=None, status=200, answer=None))
        except AssertionError as error:
            found.append(str(error))
            continue
        found += [f"{request.method} {path} {fault}" for fault in _parameters(contract, operation, path, request)]
        holder = specs._resolve(contract.document, operation.get("requestBody", {}))
        schema = holder.get("content", {}).get("application/json", {}).get("schema")
        if request.body is not None and schema is not None:
            found += [f"{request.method} {path} body: {fault}" for fault in specs._violations(contract, schema, request.body)]
        elif request.body is not None and contract is not specs.zendesk():
            found.append(f"{request.method} {path}: a body where none is described")
    return found


def _parameters(contract: specs.Contract, operation: dict[str, Any], path: str, request: Sent) -> Iterator[str]:
    place = next(
        pattern for regex, pattern in contract.paths if regex.fullmatch(path) and request.method in contract.document["paths"][pattern]
    )
    given = [*operation.get("parameters", []), *contract.document["paths"][place].get("parameters", [])]
    described = {item["name"]: item for item in (specs._resolve(contract.document, entry) for entry in given) if item["in"] == "query"}
    for name in request.query:
        # Zendesk describes cursors as one object `page`, filters by example only.
        if name not in described and name.partition("[")[0] not in {*described, "page", "filter"}:
            yield f"unknown parameter {name}"
    for name, item in described.items():
        if item.get("required") and name not in request.query:
            yield f"required parameter {name} is missing"


def beside_jira(sent: list[Sent], api: int) -> Iterator[str]:
    """Yield what the specification lets pass and must not be sent."""
    for request in sent:
        body = request.body if isinstance(request.body, dict) else {}
        fields = body["fields"] if isinstance(body.get("fields"), dict) else {}
        if not request.path.startswith(f"/rest/api/{api}/"):
            yield f"{request.path} is of another version"
        texts = [
            fields.get("description"),
            body.get("body") if request.path.endswith("/comment") or "/comment/" in request.path else None,
        ]
        for text in texts:
            if text is None:
                continue
            if api == 3:
                yield from problems(text)
                yield from _schema(text)
            elif not isinstance(text, str) or len(text) > 32_767:
                yield f"no wiki text: {text!r}"
        if "transition" in body and not isinstance(body["transition"].get("id"), str):
            yield "a transition id that is no string"
        summary = fields.get("summary", "")
        if len(summary) > 255 or "\n" in summary:
            yield "a summary that is too long or has two lines"
        for label in fields.get("labels", []):
            if not isinstance(label, str) or " " in label:
                yield f"no label: {label!r}"
        if len(str(body.get("globalId", ""))) > 255 or ": null" in json.dumps(body):
            yield f"a null or a long id in {request.path}"


def public_comments(sent: list[Sent]) -> Iterator[str]:
    """Yield comments that customers of a service project would see."""
    internal = [{"key": "sd.public.comment", "value": {"internal": True}}]
    for request in sent:
        if request.method == "post" and request.path.endswith("/comment") and request.body.get("properties") != internal:
            yield f"{request.path} is a public comment"


def _schema(node: Any) -> Iterator[str]:
    import jsonschema_rs

    schema = json.loads((CONTRACTS / "adf-full.schema.json").read_text(encoding="utf-8"))
    for error in jsonschema_rs.Draft4Validator(schema).iter_errors(node):
        yield f"not ADF: {error.message[:200]}"


def test_every_request_fits(tmp_path: Path) -> None:
    counted: Counter[str] = Counter()
    faults: list[str] = []
    for api, contract in ((2, specs.jira_v2()), (3, specs.jira_v3())):
        folder = tmp_path / str(api)
        folder.mkdir()
        (folder / "affected.csv").write_text("account_id\n", encoding="utf-8")
        with running.sandbox(folder, start=running.seed(tickets=TICKETS)) as site:
            jira, zendesk = live(site, folder, api)
        faults += [f"v{api}: {fault}" for fault in (*violations(contract, jira), *beside_jira(jira, api), *public_comments(jira))]
        faults += violations(specs.zendesk(), zendesk)
        comments = [
            request.body["ticket"]["comment"] for request in zendesk if request.method == "put" and "comment" in request.body["ticket"]
        ]
        assert Counter(comment["public"] for comment in comments)[True] == 1  # the one that was approved
        assert all(isinstance(comment["public"], bool) for comment in comments)
        counted[f"Jira Cloud {api}"] += len(jira)
        counted["Zendesk"] += len(zendesk)
        kinds = {(request.method, request.path.rsplit("/", 1)[-1] if not request.path[-1].isdigit() else "") for request in jira}
        counted[f"kinds of requests, Jira Cloud {api}"] = len(kinds)
    print(f"\n{dict(counted)}: {len(faults)} violations")
    assert not faults, "\n".join(faults)


def test_the_check_finds_what_is_wrong() -> None:
    def sent(method: str, path: str, body: Any = None, **query: str) -> Sent:
        return Sent(method=method, path=path, query=query, body=body, kind="application/json")

    wrong = [
        sent("get", "/rest/api/latest/issue/REP-1"),
        sent("get", "/rest/api/3/issue/REP-1", feilds="summary"),
        sent("post", "/rest/api/3/issueLink", {"type": {"name": "Duplicate"}, "inwardIssue": {}, "outwardIssue": {}, "comment": None}),
        sent("post", "/rest/api/3/issue/REP-1/transitions", {"transition": {"id": 5}}),
    ]
    for request in wrong:
        assert violations(specs.jira_v3(), [request]), request
    assert list(beside_jira([sent("post", "/rest/api/3/issue/1/comment", {"body": "text"})], 3))
    assert list(beside_jira([sent("post", "/rest/api/2/issue/1/comment", {"body": document("x")})], 2))
    assert violations(specs.zendesk(), [sent("put", "/api/v2/tickets/1", {"ticket": {"status": "done"}})])
