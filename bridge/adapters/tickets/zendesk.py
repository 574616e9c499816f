"""Zendesk Support as a help desk.

Oddities that shape this module (docs/zendesk.md has them with their sources):

- A ticket update with `safe_update` and the `updated_at` that was read is refused with 409 when the ticket
  changed since. That makes an internal note safe to send again (`guarded_notes`): of several sendings with
  one stamp at most one lands. Stamps count whole seconds, so a ticket that changed within this second is
  left to settle first.
- `comment.public` is true unless it says otherwise; every update passes one place that asserts false.
- Search shows at most 1,000 results; more are fetched by halving accounts or time.
- Tags are replaced as a whole by a ticket update, so that is safe-updated too.
"""

from __future__ import annotations

import re
import time
import weakref
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from bridge.adapters.option_keys import OptionReader
from bridge.adapters.retry import PATIENCE_SECONDS, Caller, Effect, json_object, server_time
from bridge.adapters.tickets import zendesk_values as values
from bridge.adapters.transport import CONNECT_SECONDS, bound, checked_url
from bridge.errors import AccessError, BridgeError, ChangedMeanwhileError, NotFoundError, RefusedError
from bridge.model.filing import Check, IssueRef
from bridge.ports import unwatched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from bridge.model.ticket import Comment, Ticket
    from bridge.model.window import Window
    from bridge.plugins import AdapterOptions
    from bridge.ports import Leaving

KEYS = ("url", "user", "token", "prefix", "account_field", "issue_field", "jira_links", "timeout", "patience")
PAGE = 100
SEARCH_LIMIT = 1000
_BATCH = 100
_ACCOUNTS_A_SEARCH = 25
_UPDATE_ROUNDS = 5
_OPERATORS = re.compile(r'[:<>="*]|(?<!\S)-')
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ZendeskSettings:
    """Checked options."""

    url: str
    prefix: str
    account_field: str
    """external_id, or the key of an organization field that holds the account id."""
    issue_field: int | None
    """Id of the ticket field for the issue's key; None: the tag only."""
    jira_links: str
    """auto: register where the app is installed and visible; always; never."""
    timeout: float


def open_source(options: AdapterOptions) -> Zendesk:
    """Return the help desk; nothing is sent yet. InputError lists every wrong option."""
    reader = OptionReader(options, KEYS)
    url = reader.checked(lambda: checked_url(options.values.get("url"), where=options.where))
    user = reader.text("user", default="")
    issue_field = options.values.get("issue_field")
    if issue_field is not None and (isinstance(issue_field, bool) or not str(issue_field).isdigit()):
        reader.wrong(f"{options.name}.issue_field must be the number of a ticket field, not {issue_field!r}", "issue_field: 360001")
    settings = ZendeskSettings(
        url=url,
        prefix=reader.text("prefix", default="ZD-"),
        account_field=reader.text("account_field", default="external_id"),
        issue_field=int(str(issue_field)) if str(issue_field).isdigit() else None,
        jira_links=reader.choice("jira_links", ("auto", "always", "never")),
        timeout=reader.number("timeout", default=30, least=1, most=600),
    )
    patience = reader.number("patience", default=PATIENCE_SECONDS, least=0, most=3600)
    reader.finish()
    token = options.secret("token")
    session = requests.Session()
    bound(session, url)
    session.headers.update({"Accept": "application/json", "User-Agent": "ticket-bridge"})
    session.auth = (f"{user}/token", token) if user else _Bearer(token)
    hint = f"check user and token ({options.where}); an API token belongs to an agent: Admin Center, Apps and integrations, APIs"
    return Zendesk(settings, session, Caller("Zendesk", site=urlsplit(url).netloc, access_hint=hint, patience=patience))


class _Bearer(requests.auth.AuthBase):
    """An OAuth access token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


@dataclass(slots=True)
class _People:
    """Users and organizations that were read already: they are asked for in batches and once."""

    users: dict[int, Json] = field(default_factory=dict)
    organizations: dict[int, Json] = field(default_factory=dict)


class Zendesk:
    """The port `TicketSource` over Zendesk's API v2."""

    product = "zendesk"
    guarded_notes = True

    def __init__(
        self, settings: ZendeskSettings, session: requests.Session, caller: Caller, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Use a session that is bounded and authenticated."""
        self._settings = settings
        self._session = session
        self._caller = caller
        self._sleep = sleep
        self._people = _People()
        self._server_time: datetime | None = None
        self.site = urlsplit(settings.url).netloc
        self._finalizer = weakref.finalize(self, session.close)

    def close(self) -> None:
        """Close the connections."""
        self._finalizer()

    # Reading

    def queue(self, *, query: str = "", limit: int = 100) -> Sequence[Ticket]:
        """Return unsolved tickets, newest first, without comments; at most 1,000 (Zendesk's search ends there)."""
        words = " ".join(_OPERATORS.sub(" ", query).split())
        rows = self._search(f"type:ticket status<solved {words}".strip(), limit=min(limit, SEARCH_LIMIT))
        return self._tickets(rows)

    def get(self, ticket_id: str) -> Ticket:
        """Return one ticket with its comments, as they are now (no search index)."""
        row = self._ticket(ticket_id)
        comments = self.comments(ticket_id)
        return self._tickets([row], {int(row["id"]): tuple(comments)})[0]

    def many(self, ticket_ids: Sequence[str]) -> Mapping[str, Ticket]:
        """Return tickets without comments by id, a hundred a request; deleted and hidden ones are missing."""
        rows: list[Json] = []
        for start in range(0, len(ticket_ids), _BATCH):
            ids = ",".join(self._native(item) for item in ticket_ids[start : start + _BATCH])
            rows += self._call("GET", "tickets/show_many", "read", {"ids": ids}).get("tickets") or []
        return {ticket.id: ticket for ticket in self._tickets(rows)}

    def of_accounts(self, account_ids: Iterable[str], window: Window) -> Sequence[Ticket]:
        """Return tickets that these accounts opened in the window, oldest first, without comments."""
        homes = self._organizations_of(sorted(set(account_ids)))
        rows: dict[int, Json] = {}
        for start in range(0, len(homes), _ACCOUNTS_A_SEARCH):
            for row in self._of_organizations(homes[start : start + _ACCOUNTS_A_SEARCH], window.start, window.end):
                rows[int(row["id"])] = row
        wanted = set(homes)
        kept = [row for row in rows.values() if row.get("organization_id") in wanted and window.contains(values.moment(row["created_at"]))]
        return self._tickets(sorted(kept, key=lambda row: (row["created_at"], row["id"])))

    def created(self, window: Window) -> Sequence[Ticket]:
        """Return all tickets opened in the window, oldest first, without comments."""
        rows = {int(row["id"]): row for row in self._between((), window.start, window.end)}
        kept = [row for row in rows.values() if window.contains(values.moment(row["created_at"]))]
        return self._tickets(sorted(kept, key=lambda row: (row["created_at"], row["id"])))

    def comments(self, ticket_id: str) -> Sequence[Comment]:
        """Return all comments, oldest first, public and internal."""
        path = f"tickets/{self._native(ticket_id)}/comments"
        rows = list(self._pages(path, "comments", {"page[size]": PAGE}))
        self._know_users(row.get("author_id") for row in rows)
        return [values.comment(row, self._people.users) for row in rows]

    # Writing

    def add_internal_note(self, ticket_id: str, body: str, *, as_read: datetime | None = None, leaving: Leaving = unwatched) -> str:
        """Add an internal note and return the id of the update that carries it."""
        return self._comment(ticket_id, body, as_read, leaving, public=False)

    def reply(self, ticket_id: str, body: str, *, as_read: datetime | None = None, leaving: Leaving = unwatched) -> str:
        """Send the customer a public answer that a person approved, and return the id of the update that carries it."""
        return self._comment(ticket_id, body, as_read, leaving, public=True)

    def merged_into(self, ticket: Ticket) -> str | None:
        """Return the ticket that this one was merged into: Zendesk tags it and says the number in its last comment."""
        if values.MERGED_TAG in ticket.tags and not ticket.comments:
            ticket = replace(ticket, comments=tuple(self.comments(ticket.id)))
        return values.merged_into(ticket, self._settings.prefix)

    def links(self, ticket_id: str) -> Sequence[str] | None:
        """Return the ids of the issues that Zendesk's own Jira app links; None where it is not used."""
        if self._settings.jira_links == "never":
            return None
        try:
            return [str(row.get("issue_id")) for row in self._registered(self._native(ticket_id))]
        except (NotFoundError, AccessError):
            return None

    def set_issue(self, ticket_id: str, issue: IssueRef) -> bool:
        """Write the key into the issue field, if one is configured, and as a tag; False when both are there."""
        for _ in range(_UPDATE_ROUNDS):
            row = self._ticket(ticket_id)
            update = values.issue_update(row, issue.key, self._settings.issue_field)
            if not update:
                return False
            read = values.stamp(values.moment(row["updated_at"]))
            try:
                self._update(ticket_id, {**update, "safe_update": True, "updated_stamp": read}, "repeatable")
            except ChangedMeanwhileError:
                continue  # read it again: somebody else's tags must not get lost
            return True
        raise ChangedMeanwhileError(
            f"{ticket_id} is being changed all the time", where=f"PUT tickets/{ticket_id}", hint="run the same command again"
        )

    def register_link(self, ticket_id: str, issue: IssueRef) -> bool:
        """Register the link with Zendesk's own Jira app; False when it is there or the app is not."""
        if self._settings.jira_links == "never":
            return False
        native = self._native(ticket_id)
        try:
            if self._is_registered(native, issue):
                return False
        except (NotFoundError, AccessError):
            if self._settings.jira_links == "always":
                raise
            return False  # the app is not installed, or only administrators may see its links
        link = {"issue_id": issue.id, "issue_key": issue.key, "ticket_id": native}
        try:
            self._call("POST", "jira/links", "once", body=link)
        except RefusedError:
            if not self._is_registered(native, issue):
                raise
            return False  # somebody else registered it meanwhile
        return True

    def check(self) -> Sequence[Check]:
        """Tell who we are, and whether the issue field and the app's links can be used."""
        found: list[Check] = []
        self._checked(found, "credentials", self._who)
        if found[0].ok:
            if self._settings.issue_field is not None:
                self._checked(found, f"ticket field {self._settings.issue_field}", self._field)
            self._checked(found, "tickets", lambda: f"{self._count()} unsolved")
            if self._settings.jira_links != "never":
                self._checked(found, "Jira links", self._links_work)
        return found

    # Details

    def _who(self) -> str:
        user = self._call("GET", "users/me", "read").get("user") or {}
        role = user.get("role")
        if role not in {"agent", "admin"}:
            raise AccessError(
                f"the credentials belong to nobody who may work on tickets (role {role!r})",
                hint="use an API token with the address of an agent: user: agent@example.test",
            )
        return f"{user.get('name')}, {role}"

    def _field(self) -> str:
        return str((self._call("GET", f"ticket_fields/{self._settings.issue_field}", "read").get("ticket_field") or {}).get("title", ""))

    def _count(self) -> int:
        return int(self._call("GET", "search/count", "read", {"query": "type:ticket status<solved"}).get("count", 0))

    def _links_work(self) -> str:
        try:
            self._call("GET", "jira/links", "read", {"filter[ticket_id]": "0"})
        except (NotFoundError, AccessError) as error:
            if self._settings.jira_links == "always":
                raise
            return f"not used: {error.message}"
        return "used"

    def _checked(self, found: list[Check], what: str, call: Callable[[], str]) -> None:
        try:
            found.append(Check(connection="tickets", what=what, ok=True, detail=call()))
        except BridgeError as error:
            found.append(Check(connection="tickets", what=what, ok=False, detail=error.message, hint=error.hint))

    def _native(self, ticket_id: str) -> str:
        native = ticket_id.removeprefix(self._settings.prefix)
        if not native.isdigit():
            raise NotFoundError(f"'{ticket_id}' is no ticket id", hint=f"ticket ids look like {self._settings.prefix}1042")
        return native

    def _ticket(self, ticket_id: str) -> Json:
        native = self._native(ticket_id)
        try:
            row = self._call("GET", f"tickets/{native}", "read").get("ticket")
        except NotFoundError as error:
            raise NotFoundError(
                f"ticket {ticket_id} does not exist (any more), or is not shown to this user",
                where=error.where,
                hint="run `bridge tickets` to see the queue",
            ) from error
        if not isinstance(row, dict):
            raise BridgeError(f"Zendesk answered without the ticket {ticket_id}", where=f"GET tickets/{native}")
        return row

    def _comment(self, ticket_id: str, body: str, as_read: datetime | None, leaving: Leaving, *, public: bool) -> str:
        update: Json = {"comment": {"body": body, "public": public}}
        if as_read is not None:
            self._let_settle(as_read)
            update |= {"safe_update": True, "updated_stamp": values.stamp(as_read)}
        answer = self._update(ticket_id, update, "once" if as_read is None else "repeatable", public=public, leaving=leaving)
        audit = answer.get("audit")
        return str(audit.get("id", "")) if isinstance(audit, dict) else ""

    def _update(self, ticket_id: str, update: Json, effect: Effect, *, public: bool = False, leaving: Leaving | None = None) -> Json:
        comment = update.get("comment")
        if comment is not None and comment.get("public") is not public:
            raise AssertionError("a public comment was about to be sent")
        return self._call("PUT", f"tickets/{self._native(ticket_id)}", effect, body={"ticket": update}, leaving=leaving)

    def _let_settle(self, as_read: datetime) -> None:
        """Wait until the ticket's stamp lies in a past second of the server's clock: two changes in one second share a stamp."""
        now = self._server_time
        if now is not None and now - as_read < timedelta(seconds=1) and as_read - now < timedelta(minutes=1):
            self._sleep((as_read - now).total_seconds() + 1.1)

    def _is_registered(self, native: str, issue: IssueRef) -> bool:
        return any(str(row.get("issue_id")) == issue.id for row in self._registered(native))

    def _registered(self, native: str) -> list[Json]:
        # Without page[size]: 1,000 links of one ticket are enough, and a cursor page uses the key `links` for itself.
        rows = self._call("GET", "jira/links", "read", {"filter[ticket_id]": native}).get("links") or []
        return [row for row in rows if str(row.get("ticket_id")) == native]

    def _organizations_of(self, account_ids: Sequence[str]) -> list[int]:
        """Return the organizations of these accounts; unknown accounts are left out: they have no tickets."""
        found: dict[int, Json] = {}
        for start in range(0, len(account_ids), _BATCH):
            batch = account_ids[start : start + _BATCH]
            if self._settings.account_field == "external_id":
                rows = self._call("GET", "organizations/show_many", "read", {"external_ids": ",".join(batch)}).get("organizations") or []
            else:
                wanted = set(batch)
                rows = [row for row in self._pages("organizations", "organizations", {"page[size]": PAGE}) if self._account(row) in wanted]
            found |= {int(row["id"]): row for row in rows}
        self._people.organizations |= found
        return sorted(found)

    def _account(self, organization: Json) -> str | None:
        return values.account_id(organization, self._settings.account_field)

    def _of_organizations(self, homes: Sequence[int], start: datetime, end: datetime) -> list[Json]:
        """Search, halving accounts and then time while there are more results than a search shows."""
        if not homes:
            return []
        if len(homes) == 1:
            return self._between(homes, start, end)
        query = _opened(homes, start, end)
        if self._found(query) <= SEARCH_LIMIT:
            return self._search(query, limit=SEARCH_LIMIT)
        middle = len(homes) // 2
        return self._of_organizations(homes[:middle], start, end) + self._of_organizations(homes[middle:], start, end)

    def _between(self, homes: Sequence[int], start: datetime, end: datetime) -> list[Json]:
        """Search, halving time while there are more results than a search shows."""
        query = _opened(homes, start, end)
        if self._found(query) <= SEARCH_LIMIT or end - start <= timedelta(seconds=2):
            return self._search(query, limit=SEARCH_LIMIT)
        between = start + (end - start) / 2
        return self._between(homes, start, between) + self._between(homes, between, end)

    def _found(self, query: str) -> int:
        return int(self._call("GET", "search/count", "read", {"query": query}).get("count", 0))

    def _search(self, query: str, *, limit: int) -> list[Json]:
        rows: list[Json] = []
        for number in range(1, SEARCH_LIMIT // PAGE + 1):
            wanted = {"query": query, "sort_by": "created_at", "sort_order": "desc", "page": number}
            body = self._call("GET", "search", "read", wanted)
            rows += [row for row in body.get("results") or [] if row.get("result_type", "ticket") == "ticket"]
            if len(rows) >= limit or not body.get("next_page"):
                break
        return rows[:limit]

    def _tickets(self, rows: Sequence[Json], comments: Mapping[int, tuple[Comment, ...]] | None = None) -> list[Ticket]:
        self._know_users(row.get("requester_id") for row in rows)
        self._know("organizations", self._people.organizations, (row.get("organization_id") for row in rows))
        make = partial(values.ticket, settings=self._settings, users=self._people.users, organizations=self._people.organizations)
        return [make(row, comments=(comments or {}).get(int(row["id"]), ())) for row in rows]

    def _know_users(self, wanted: Iterable[Any]) -> None:
        self._know("users", self._people.users, wanted)

    def _know(self, kind: str, known: dict[int, Json], wanted: Iterable[Any]) -> None:
        """Read the people that are not known yet, a hundred at a time; absent ones are remembered as empty."""
        missing = sorted({int(item) for item in wanted if isinstance(item, int) and item > 0} - set(known))
        for start in range(0, len(missing), _BATCH):
            batch = missing[start : start + _BATCH]
            rows = self._call("GET", f"{kind}/show_many", "read", {"ids": ",".join(map(str, batch))}).get(kind) or []
            known |= {item: {} for item in batch} | {int(row["id"]): row for row in rows}

    def _pages(self, path: str, name: str, wanted: Mapping[str, Any]) -> Iterator[Json]:
        """Follow cursors to the end; a repeated cursor ends it."""
        seen: set[str] = set()
        arguments = dict(wanted)
        while True:
            body = self._call("GET", path, "read", arguments)
            yield from body.get(name) or []
            meta = body.get("meta") or {}
            after = meta.get("after_cursor")
            if not meta.get("has_more") or not after or after in seen:
                return
            seen.add(after)
            arguments["page[after]"] = after

    def _call(
        self,
        method: str,
        path: str,
        effect: Effect,
        wanted: Mapping[str, Any] | None = None,
        *,
        body: Json | None = None,
        leaving: Leaving | None = None,
    ) -> Json:
        return self._caller.run(f"{method} /api/v2/{path}", effect, partial(self._send, method, path, wanted, body), leaving=leaving)

    def _send(self, method: str, path: str, wanted: Mapping[str, Any] | None, body: Json | None) -> Json:
        response = self._session.request(
            method, f"{self._settings.url}/api/v2/{path}", params=wanted, json=body, timeout=(CONNECT_SECONDS, self._settings.timeout)
        )
        self._server_time = server_time(response) or datetime.now(UTC)
        return json_object(response)


def _opened(homes: Sequence[int], start: datetime, end: datetime) -> str:
    """Return the search for tickets of these organizations (all, where none is named) that were opened in this time.

    Zendesk compares whole seconds; what lies outside the window is dropped by the caller.
    """
    whose = "".join(f"organization:{home} " for home in homes)
    return f"type:ticket {whose}created>={values.stamp(start)} created<={values.stamp(end)}"
