"""The tracker, driven by the real `jira` library through everything a filing client needs."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from jira import JIRA, JIRAError

from bridge.sandbox.calls import Personality
from bridge.sandbox.server import RunningSandbox

if TYPE_CHECKING:
    import requests

LABEL = "bridge-0123456789abcdef0123"


def test_it_is_what_it_says(client: JIRA, personality: Personality) -> None:
    assert client._is_cloud == (personality == "cloud")
    assert client._version >= ((1001, 0, 0) if personality == "cloud" else (9, 12, 0))
    assert client.myself()["emailAddress"] == "agent@example.test"
    assert [project.key for project in client.projects()] == ["REP"]
    assert [kind.name for kind in client.project("REP").issueTypes] == ["Bug", "Task"]
    assert client.priorities()[0].name == "Highest"
    assert {field["name"] for field in client.fields()} >= {"Summary", "Severity", "Affected accounts"}
    permissions = client.my_permissions(projectKey="REP", permissions="CREATE_ISSUES,LINK_ISSUES")["permissions"]
    assert all(entry["havePermission"] for entry in permissions.values())


def test_create_metadata_names_the_required_custom_field(client: JIRA, personality: Personality) -> None:
    page = client._get_json("issue/createmeta/REP/issuetypes/10001")
    fields = {field["fieldId"]: field for field in page["fields" if personality == "cloud" else "values"]}
    assert page["total"] == len(fields)
    required = {id_ for id_, field in fields.items() if field["required"]}
    assert required == {"project", "issuetype", "summary", "customfield_10105"}
    assert [value["value"] for value in fields["customfield_10105"]["allowedValues"]] == ["S1", "S2", "S3", "S4"]
    assert [value["name"] for value in fields["components"]["allowedValues"]] == ["exports", "cache", "gateway"]
    second = client._get_json("issue/createmeta/REP/issuetypes/10001", params={"startAt": 3, "maxResults": 2})
    assert len(second["fields" if personality == "cloud" else "values"]) == 2
    types = client._get_json("issue/createmeta/REP/issuetypes")["issueTypes" if personality == "cloud" else "values"]
    assert [kind["name"] for kind in types] == ["Bug", "Task"]


def test_an_issue_is_made_read_changed_and_deleted(client: JIRA, bug: dict[str, Any]) -> None:
    made = client.create_issue(fields=bug, prefetch=False)
    assert (made.key, made.id) == ("REP-1", "10001")
    issue = client.issue("10001")
    assert issue.fields.summary == bug["summary"]
    assert issue.fields.description == bug["description"]
    assert issue.fields.labels == bug["labels"]
    assert issue.fields.customfield_10101 == 38.0
    assert issue.fields.customfield_10105.value == "S1"
    assert issue.fields.status.statusCategory.key == "new"
    assert issue.fields.resolution is None
    issue.update(fields={"customfield_10101": 40}, update={"labels": [{"add": "more"}, {"remove": "from-support"}]}, notify=False)
    assert client.issue("REP-1").fields.labels == [LABEL, "more"]
    assert client.issue("REP-1", fields="customfield_10101").raw["fields"] == {"customfield_10101": 40.0}
    issue.delete()  # type: ignore[no-untyped-call]  # the library does not say
    with pytest.raises(JIRAError) as caught:
        client.issue("REP-1")
    assert caught.value.status_code == 404
    assert client.create_issue(fields=bug, prefetch=False).key == "REP-2"


def test_a_refused_create_uses_up_a_number(client: JIRA, bug: dict[str, Any]) -> None:
    with pytest.raises(JIRAError) as caught:
        client.create_issue(fields={**bug, "customfield_10105": None, "summary": "x" * 256, "foo": 1}, prefetch=False)
    assert caught.value.response is not None
    assert caught.value.response.json() == {
        "errorMessages": [],
        "errors": {
            "customfield_10105": "Severity is required.",
            "summary": "Summary can't exceed 255 characters.",
            "foo": "Field 'foo' cannot be set. It is not on the appropriate screen, or unknown.",
        },
    }
    assert client.create_issue(fields=bug, prefetch=False).key == "REP-2"


def test_remote_links_are_kept_by_global_id(client: JIRA, bug: dict[str, Any]) -> None:
    key = client.create_issue(fields=bug, prefetch=False).key
    target = {"url": "http://127.0.0.1/zendesk/agent/tickets/1001", "title": "ZD-1001", "summary": "Ada", "status": {"resolved": False}}
    first = client.add_remote_link(key, target, globalId="bridge:zendesk:site:1001", relationship="reported by")
    again = client.add_remote_link(key, {"url": target["url"], "title": "ZD-1001"}, globalId="bridge:zendesk:site:1001")
    assert again.id == first.id
    links = client._get_json(f"issue/{key}/remotelink")
    assert len(links) == 1
    assert "relationship" not in links[0], "what an update leaves out is null"
    assert links[0]["object"] == {"url": target["url"], "title": "ZD-1001"}
    client.add_remote_link(key, target)
    client.add_remote_link(key, target)
    assert len(client.remote_links(key)) == 3, "without a globalId every call is a link"
    client.delete_remote_link(key, global_id="bridge:zendesk:site:1001")
    assert len(client.remote_links(key)) == 2


def test_comments_attachments_and_properties(client: JIRA, bug: dict[str, Any]) -> None:
    key = client.create_issue(fields=bug, prefetch=False).key
    comment = client.add_comment(key, "one *bold* word")
    comment.update(body="another word")
    assert [found.body for found in client.comments(key)] == ["another word"]
    for _ in range(2):
        client.add_attachment(key, io.BytesIO(b"a,b\r\n1,2\r\n"), filename="bridge-0123456789ab-accounts.csv")
    files = client.issue(key).fields.attachment
    assert [file.filename for file in files] == ["bridge-0123456789ab-accounts.csv"] * 2
    assert files[0].get() == b"a,b\r\n1,2\r\n"  # type: ignore[no-untyped-call]  # the library does not say
    client.add_issue_property(key, "bridge.report", {"case": "BR-0001"})
    assert client.issue_property(key, "bridge.report").raw["value"] == {"case": "BR-0001"}


def test_the_workflow_goes_from_to_do_to_done_and_back(
    client: JIRA, sandbox: RunningSandbox, http: requests.Session, bug: dict[str, Any]
) -> None:
    key = client.create_issue(fields=bug, prefetch=False).key
    address = f"{sandbox.jira_url}/rest/api/2/issue/{key}/transitions"

    def go(category: str, **more: Any) -> requests.Response:
        steps = client.transitions(key)
        step = next(step for step in steps if step["to"]["statusCategory"]["key"] == category)
        return http.post(address, json={"transition": {"id": step["id"]}, **more}, timeout=10)

    assert go("indeterminate").status_code == 204
    assert go("done", fields={"resolution": {"name": "Duplicate"}}).status_code == 204
    issue = client.issue(key)
    assert issue.fields.resolution is not None
    assert (issue.fields.status.name, issue.fields.resolution.name) == ("Done", "Duplicate")
    assert issue.fields.resolutiondate
    assert go("new").status_code == 204
    assert client.issue(key).fields.resolution is None
    with pytest.raises(JIRAError) as caught:
        client.transition_issue(key, "11")
    assert caught.value.status_code == 400, "the library sends the id as a number"


def test_issue_links_need_a_comment_or_none_at_all(
    client: JIRA, sandbox: RunningSandbox, http: requests.Session, bug: dict[str, Any]
) -> None:
    one, two = (client.create_issue(fields=bug, prefetch=False).key for _ in range(2))
    with pytest.raises(JIRAError) as caught:
        client.create_issue_link("Duplicate", one, two)
    assert caught.value.status_code == 400
    body = {"type": {"name": "Duplicate"}, "inwardIssue": {"key": one}, "outwardIssue": {"key": two}}
    for _ in range(2):
        assert http.post(f"{sandbox.jira_url}/rest/api/2/issueLink", json=body, timeout=10).status_code == 201
    (link,) = client.issue(one).fields.issuelinks
    assert (link.type.outward, link.outwardIssue.key) == ("duplicates", two)
    assert client.issue(two).fields.issuelinks[0].inwardIssue.key == one


def test_search_by_personality(client: JIRA, personality: Personality, bug: dict[str, Any]) -> None:
    for number in range(3):
        client.create_issue(fields={**bug, "summary": f"Issue {number}"}, prefetch=False)
    jql = f'project = REP AND labels = "{LABEL}" ORDER BY created ASC'
    if personality == "cloud":
        with pytest.raises(JIRAError) as caught:
            client._get_json("search", params={"jql": jql})
        assert caught.value.status_code == 410
        found = client.enhanced_search_issues(jql, fields=["key", "summary"], maxResults=0)
        assert client.approximate_issue_count(jql) == 3
    else:
        found = client.search_issues(jql, maxResults=False)
        assert client._get_json("search", params={"jql": jql, "maxResults": 1, "startAt": 1})["total"] == 3
    assert not isinstance(found, dict)
    assert [issue.key for issue in found] == ["REP-1", "REP-2", "REP-3"]


def test_application_links_are_for_administrators(client: JIRA, bug: dict[str, Any]) -> None:
    key = client.create_issue(fields=bug, prefetch=False).key
    del client._applicationlinks
    with pytest.warns(Warning, match="applicationlinks"):
        client.add_remote_link(key, {"url": "https://a.example", "title": "a"}, globalId="a")
