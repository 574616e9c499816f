"""Jira, Cloud and Data Center: API 2 with wiki markup, or API 3 with Atlassian Document Format (Cloud).

The `jira` library is used for its session, its create and its upload (see `jira_client`). Its create reads the
issue back and loses the key when that fails (`prefetch=False`); its search silently truncates or answers None,
so search is done here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bridge.adapters.option_keys import OptionReader
from bridge.adapters.retry import PATIENCE_SECONDS, Caller
from bridge.adapters.trackers import jira_life as life
from bridge.adapters.trackers import jira_preflight as checks
from bridge.adapters.trackers.jira_client import NO_LINK, JiraClient, JiraSettings
from bridge.adapters.trackers.jira_fields import FieldMeta, shaped
from bridge.adapters.trackers.jira_text import parsed
from bridge.adapters.transport import checked_url
from bridge.errors import BridgeError, InputError, NotFoundError, RefusedError
from bridge.model.filing import Attachment, Category, Check, FieldInfo, IssueDraft, IssueRef, IssueState, IssueText, JsonValue, RemoteLink
from bridge.ports import unwatched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from jira import JIRA

    from bridge.model.ticket import Comment
    from bridge.plugins import AdapterOptions
    from bridge.ports import Leaving

KEYS = ("url", "user", "token", "project", "issue_type", "labels", "fields", "timeout", "patience", "api", "duplicate_link")
_RIGHTS = {
    "BROWSE_PROJECTS": "see issues",
    "CREATE_ISSUES": "create issues",
    "EDIT_ISSUES": "keep figures up to date",
    "LINK_ISSUES": "link tickets to issues",
    "ADD_COMMENTS": "comment",
}
_FILES = {"CREATE_ATTACHMENTS": "attach files"}
_LATER = {"TRANSITION_ISSUES": "close duplicates"}
GAPS = 60
"""How many missing keys in a row are walked over: burnt by refused creates, hidden, moved or deleted."""
WALK = 1000
"""How many keys are read at most; what is older than that is in the search index by now."""
_BULK = 100
Json = dict[str, Any]


def open_tracker(options: AdapterOptions) -> Jira:
    """Return the tracker; nothing is sent yet. InputError lists every wrong option."""
    reader = OptionReader(options, KEYS)
    settings = JiraSettings(
        url=reader.checked(lambda: checked_url(options.values.get("url"), where=options.where)),
        user=reader.text("user", default=""),
        project=reader.text("project", example="REP"),
        issue_type=reader.text("issue_type", example="Bug"),
        timeout=reader.number("timeout", default=30, least=1, most=600),
        where=options.where,
        api=_api(reader, options.values.get("api", 2)),
        duplicate_link=reader.text("duplicate_link", default=""),
    )
    patience = reader.number("patience", default=PATIENCE_SECONDS, least=0, most=3600)
    reader.finish()
    hint = f"check user and token ({options.where}): Cloud wants the account's address and an API token, Data Center a personal access token alone"
    caller = Caller("Jira", site=urlsplit(settings.url).netloc, access_hint=hint, patience=patience)
    return Jira(JiraClient(settings, options.secret("token"), caller))


def _api(reader: OptionReader, given: Any) -> str:
    if str(given) not in {"2", "3"} or isinstance(given, bool):
        reader.wrong(f"tracker.api must be 2 (wiki markup) or 3 (Atlassian Document Format, Cloud), not {given!r}", "api: 2")
    return str(given)


class Jira:
    """The port `IssueTracker`."""

    product = "jira"

    def __init__(self, client: JiraClient) -> None:
        """Use a client; its first call connects."""
        self._client = client
        self._settings = client.settings
        self._fields: dict[str, FieldMeta] = {}
        self._type_id = ""
        self.markup = "adf" if self._settings.api == "3" else "wiki"

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    # Reading

    def preflight(self, draft: IssueDraft, attachments: Sequence[Attachment], issue: IssueRef | None = None) -> Sequence[Check]:
        """Return what would make Jira refuse this draft, or this issue its figures; `ok=False` ones name what mends it."""
        found = [] if issue else checks.draft_checks(draft, adf=self.markup == "adf")
        found += self._permissions(draft.project if issue is None else issue.key.rpartition("-")[0], _rights(draft, attachments, issue))
        found += self._attachment_checks(attachments)
        found += self._link_type_checks()
        if issue is not None:
            return [*found, *self._edit_checks(draft, issue.id, {})]
        try:
            types = self._issue_types(draft.project)
        except NotFoundError:
            detail = f"project '{draft.project}' does not exist or is not shown to this user"
            return [*found, Check(connection="tracker", what="project", ok=False, detail=detail, hint="tracker: {project: KEY}")]
        type_check, self._type_id = checks.type_check(types, draft.issue_type)
        found.append(type_check)
        if self._type_id:
            self._fields = self._field_metas(draft.project, self._type_id)
            found += checks.field_checks(self._fields, draft)
            # The edit screen is told of issues only: the newest of this type stands for the one to come.
            newest = self._search(f"project = {_quoted(draft.project)} AND issuetype = {self._type_id} ORDER BY created DESC", "key", 1)
            names = {name: meta.name for name, meta in self._fields.items()}
            found += self._edit_checks(draft, str(newest[0]["id"]), names) if newest else []
        return found

    def newest_key(self, project: str) -> str | None:
        """Return the highest key that search knows; it lags, so the true one may be higher."""
        found = self._search(f"project = {_quoted(project)} ORDER BY key DESC", "key", 1)
        return str(found[0]["key"]) if found else None

    def find(self, project: str, marker: str, above: str | None) -> IssueRef | None:
        """Look for the marker: direct reads of the keys above the mark, then search. Of several the oldest."""
        hits = list(self._walk(project, marker, above)) if above else []
        hits += [row for row in self._search(f"labels = {_quoted(marker)} ORDER BY key ASC", "labels", 50) if _has(row, marker)]
        if not hits:
            return None
        return self._client.ref(min(hits, key=lambda row: int(row["id"])))

    def get(self, key: str) -> IssueRef | None:
        """Return the issue under its present key; None when it is deleted or hidden."""
        try:
            return self._client.ref(self._get(f"issue/{key}", {"fields": "summary"}))
        except NotFoundError:
            return None

    def states(self, ids: Sequence[str]) -> Mapping[str, IssueState]:
        """Return how issues are now, by the ids or keys asked for; deleted and hidden ones are missing."""
        return {name: life.state(self._client, row) for name, row in life.read(self._client, ids, life.FIELDS).items()}

    def marked(self, project: str, marker: str) -> Sequence[IssueRef]:  # noqa: ARG002 - a moved issue is in another project
        """Return all issues that search knows to carry the marker, oldest first."""
        rows = [row for row in self._search(f"labels = {_quoted(marker)} ORDER BY key ASC", "labels", 50) if _has(row, marker)]
        return [self._client.ref(row) for row in sorted(rows, key=lambda row: int(row["id"]))]

    def texts(self, project: str, labels: Sequence[str], words: Sequence[str], *, limit: int = 100) -> Sequence[IssueText]:
        """Return issues with one of the labels or one of the words, newest first; of a word only letters and digits are asked for."""
        parts = [f"labels in ({', '.join(map(_quoted, labels))})"] if labels else []
        parts += [f"text ~ {_quoted(word)}" for word in dict.fromkeys(words) if word.isalnum()]
        if not parts:
            return ()
        rows = self._search(f"project = {_quoted(project)} AND ({' OR '.join(parts)}) ORDER BY created DESC", ",".join(life.TEXTS), limit)
        return [life.text(self._client, row) for row in rows]

    def comments(self, issue: IssueRef) -> Sequence[Comment]:
        """Return all comments as text, oldest first."""
        return life.comments(self._client, issue)

    def fields(self) -> Sequence[FieldInfo]:
        """Return the create screen of the configured project and type."""
        found, type_id = checks.type_check(self._issue_types(self._settings.project), self._settings.issue_type)
        if not type_id:
            raise InputError(found.detail, where=self._settings.where, hint=found.hint)
        metas = self._field_metas(self._settings.project, type_id).values()
        return [
            FieldInfo(id=meta.id, name=meta.name, required=meta.required, type=meta.type, items=meta.items, allowed=meta.allowed)
            for meta in metas
        ]

    def attachments(self, issue: IssueRef) -> Sequence[str]:
        """Return the names of its attachments."""
        rows = (self._get(f"issue/{issue.id}", {"fields": "attachment"}).get("fields") or {}).get("attachment") or []
        return [str(row.get("filename")) for row in rows]

    def remote_links(self, issue: IssueRef) -> Sequence[RemoteLink]:
        """Return its remote links that have a global id; the others are not ours."""
        rows = self._get(f"issue/{issue.id}/remotelink", {})
        return [_remote_link(row) for row in rows if row.get("globalId")]

    # Writing

    def create(self, draft: IssueDraft, *, leaving: Leaving = unwatched) -> IssueRef:
        """Create it once; a lost answer is an UnknownOutcomeError."""
        if not self._fields:
            refused = [check for check in self.preflight(draft, ()) if not check.ok]
            if refused:
                raise RefusedError(f"Jira would refuse it: {refused[0].detail}", hint=refused[0].hint)
        fields = {
            "project": {"key": draft.project},
            "issuetype": {"id": self._type_id},
            "summary": draft.summary,
            "description": parsed(draft.description) if self.markup == "adf" else draft.description,
            "labels": list(draft.labels),
            **{name: shaped(self._fields[name], value) if name in self._fields else value for name, value in draft.fields.items()},
        }
        created = self._client.run(
            "POST issue", "once", lambda client: client.create_issue(fields=fields, prefetch=False).raw, leaving=leaving
        )
        return self._client.ref(created)

    def attach(self, issue: IssueRef, attachment: Attachment, *, leaving: Leaving = unwatched) -> None:
        """Upload one file under its name with the content's hash; a lost answer is an UnknownOutcomeError."""
        try:
            content = Path(attachment.path).open("rb")  # noqa: SIM115 - closed below; opening it is told apart from sending it
        except OSError as error:
            raise InputError(
                f"{attachment.path} can't be read: {error.strerror}", hint="run `bridge report` again: it makes the files"
            ) from error
        with content:
            self._client.run(
                f"POST issue/{issue.key}/attachments",
                "once",
                lambda client: client.add_attachment(issue.id, content, filename=attachment.name),
                leaving=leaving,
            )

    def put_remote_link(self, issue: IssueRef, link: RemoteLink) -> None:
        """Create or update the link with this global id; the whole object, because left-out fields become null."""
        body = {
            "globalId": link.global_id,
            "relationship": link.relationship,
            "object": {
                "url": link.url,
                "title": link.title,
                "summary": link.summary,
                "status": {"resolved": link.resolved},
            },
        }
        self._client.request("POST", f"issue/{issue.id}/remotelink", "repeatable", body=body)

    def add_comment(self, issue: IssueRef, body: str, *, leaving: Leaving = unwatched) -> str:
        """Add a comment once; a lost answer is an UnknownOutcomeError."""
        return life.add_comment(self._client, issue, body, leaving)

    def update_comment(self, issue: IssueRef, comment_id: str, body: str) -> None:
        """Replace a comment's text."""
        life.update_comment(self._client, issue, comment_id, body)

    def update_fields(self, issue: IssueRef, fields: Mapping[str, JsonValue]) -> None:
        """Set fields, each in the shape that it wants."""
        if not self._fields:
            self._know_fields()
        values = {name: shaped(self._fields[name], value) if name in self._fields else value for name, value in fields.items()}
        self._client.request("PUT", f"issue/{issue.id}", "repeatable", body={"fields": values})

    def add_labels(self, issue: IssueRef, labels: Sequence[str]) -> None:
        """Add labels to those that are there."""
        life.add_labels(self._client, issue, labels)

    def link_duplicate(self, issue: IssueRef, of: IssueRef) -> bool:
        """Link the first as a duplicate of the second; False when it is."""
        return life.link_duplicate(self._client, issue, of)

    def move_to(self, issue: IssueRef, category: Category, *, resolution: str = "") -> int:
        """Take it to a status of this category; return the number of transitions."""
        return life.move_to(self._client, issue, category, resolution)

    def check(self) -> Sequence[Check]:
        """Tell which deployment it is, who we are, and whether project, type and permissions are there."""
        found: list[Check] = []

        def tried(what: str, call: Callable[[], str]) -> None:
            try:
                found.append(Check(connection="tracker", what=what, ok=True, detail=call()))
            except BridgeError as error:
                found.append(Check(connection="tracker", what=what, ok=False, detail=error.message, hint=error.hint))

        tried("deployment", self._deployment)
        if found[0].ok:
            tried("credentials", lambda: str(self._get("myself", {}).get("displayName") or "known"))
        if all(item.ok for item in found):
            tried("project", lambda: str(self._get(f"project/{self._settings.project}", {}).get("name") or self._settings.project))
        if all(item.ok for item in found):
            found += self._permissions(self._settings.project, {**_RIGHTS, **_LATER, **_FILES})
            found += self._link_type_checks()
            found.append(checks.type_check(self._issue_types(self._settings.project), self._settings.issue_type)[0])
        return found

    # Details

    def _know_fields(self) -> None:
        """Read the create screen, whose kinds of fields an update needs too."""
        self._type_id = checks.type_check(self._issue_types(self._settings.project), self._settings.issue_type)[1]
        if self._type_id:
            self._fields = self._field_metas(self._settings.project, self._type_id)

    def _deployment(self) -> str:
        info = self._get("serverInfo", {})
        return f"Jira {info.get('deploymentType') or 'Server'} {info.get('version', '')}".strip()

    def _link_type_checks(self) -> list[Check]:
        wanted = self._settings.duplicate_link
        if wanted == NO_LINK:
            return []
        try:
            rows = self._get("issueLinkType", {}).get("issueLinkTypes") or []
        except NotFoundError:
            rows = []  # linking of issues is switched off
        return checks.link_type_checks([str(row.get("name")) for row in rows], wanted)

    def _edit_checks(self, draft: IssueDraft, issue_id: str, names: Mapping[str, str]) -> list[Check]:
        screen = set(self._get(f"issue/{issue_id}/editmeta", {}).get("fields") or {})
        return checks.edit_checks(screen, names, draft)

    def _permissions(self, project: str, wanted: Mapping[str, str]) -> list[Check]:
        try:
            answer = self._get("mypermissions", {"projectKey": project, "permissions": ",".join(wanted)})
        except NotFoundError:
            return []  # there is no such project: the check of the project says so
        return checks.permission_checks(answer.get("permissions") or {}, wanted, project)

    def _attachment_checks(self, attachments: Sequence[Attachment]) -> list[Check]:
        if not attachments:
            return []
        meta = self._get("attachment/meta", {})
        return checks.attachment_checks(attachments, enabled=meta.get("enabled") is not False, limit=meta.get("uploadLimit"))

    def _issue_types(self, project: str) -> list[Json]:
        return list(self._meta_pages(f"issue/createmeta/{project}/issuetypes", "issueTypes"))

    def _field_metas(self, project: str, type_id: str) -> dict[str, FieldMeta]:
        metas = [FieldMeta.of(row) for row in self._meta_pages(f"issue/createmeta/{project}/issuetypes/{type_id}", "fields")]
        return {meta.id: meta for meta in metas}

    def _meta_pages(self, path: str, name: str) -> Iterator[Json]:
        """Page through create metadata; Cloud answers under `name`, Data Center under `values`."""
        start = 0
        while True:
            body = self._get(path, {"startAt": start, "maxResults": _BULK})
            rows = body.get("values") if body.get(name) is None else body.get(name)
            yield from rows or []
            start += len(rows or [])
            if not rows or start >= int(body.get("total") or 0) or body.get("isLast") is True:
                return

    def _search(self, jql: str, fields: str, limit: int) -> list[Json]:
        """Return up to `limit` issues; Cloud pages by token (a repeated one ends it), Data Center by position."""
        rows: list[Json] = []
        cloud = self._client.is_cloud
        arguments: Json = {"jql": jql, "fields": fields, "maxResults": min(limit, _BULK)}
        seen: set[str] = set()
        while len(rows) < limit:
            body = self._get("search/jql" if cloud else "search", arguments)
            page = body.get("issues") or []
            rows += page
            token = body.get("nextPageToken")
            if not page or (cloud and (not token or token in seen)) or (not cloud and len(rows) >= int(body.get("total") or 0)):
                break
            seen.add(str(token))
            arguments |= {"nextPageToken": token} if cloud else {"startAt": len(rows)}
        return rows[:limit]

    def _walk(self, project: str, marker: str, above: str) -> Iterator[Json]:
        """Read the keys above the mark directly, until `GAPS` in a row beyond the newest known key are missing."""
        newest = _number(self.newest_key(project) or above)
        position = first = max(_number(above) + 1, newest - WALK)
        last_seen = max(newest, first - 1)
        while position <= last_seen + GAPS and position < first + 2 * WALK:
            numbers = range(position, min(position + _BULK, last_seen + GAPS + 1))
            position = numbers.stop
            for row in self._read_keys(project, numbers):
                if str(row["key"]).startswith(f"{project}-"):
                    last_seen = max(last_seen, _number(str(row["key"])))
                if _has(row, marker):
                    yield row

    def _read_keys(self, project: str, numbers: Sequence[int]) -> list[Json]:
        """Return those of the issues that exist and are shown to us."""
        return life.rows(self._client, [f"{project}-{number}" for number in numbers], ["labels"])

    def _connected(self) -> JIRA:
        return self._client.library()

    def _get(self, path: str, arguments: Mapping[str, Any]) -> Any:
        return self._client.get(path, arguments)


def _rights(draft: IssueDraft, attachments: Sequence[Attachment], issue: IssueRef | None) -> dict[str, str]:
    """Return the rights that writing this needs."""
    needless = {"CREATE_ISSUES"} if issue else set() if draft.figures else {"EDIT_ISSUES"}
    return {name: words for name, words in {**_RIGHTS, **(_FILES if attachments else {})}.items() if name not in needless}


def _quoted(text: str) -> str:
    """Return a JQL string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _number(key: str) -> int:
    return int(key.rpartition("-")[2])


def _has(row: Mapping[str, Any], marker: str) -> bool:
    return marker in ((row.get("fields") or {}).get("labels") or [])


def _remote_link(row: Mapping[str, Any]) -> RemoteLink:
    target = row.get("object") or {}
    return RemoteLink(
        global_id=str(row["globalId"]),
        url=str(target.get("url") or ""),
        title=str(target.get("title") or ""),
        summary=str(target.get("summary") or ""),
        relationship=str(row.get("relationship") or ""),
        resolved=(target.get("status") or {}).get("resolved") is True,
    )
