"""What will be filed, decided before anything is sent: `plan` makes a frozen value, `describe` shows it.

The fingerprint names the defect, not the document: it is a hash over project, investigation, the change
before the onset and the novel log templates, so that rendering the report again, or a second case about the
same thing, meets the issue that exists. Without a change and without templates nothing tells two defects of
one investigation apart, so the case's own id goes in. Algorithm `fingerprint-2026-11`.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import NotFoundError, Problem
from bridge.filing.settings import FIGURES
from bridge.model.filing import Attachment, IssueDraft, IssueRef, JsonValue, RemoteLink
from bridge.model.window import utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from decimal import Decimal

    from bridge.filing.settings import FieldSource, FilingSettings
    from bridge.model.case import Case
    from bridge.model.finding import Analysis
    from bridge.model.ticket import Ticket

FINGERPRINT = "fingerprint-2026-11"
SUMMARY_LIMIT = 255
DESCRIPTION_LIMIT = 32_767
GLOBAL_ID_LIMIT = 255
TEMPLATE_SIGNAL = "bridge-tpl-"
ENDPOINT_SIGNAL = "bridge-ep-"
_ENDPOINTS = frozenset({"endpoint", "route", "path"})
_SIGNALS = 3
CUT = "\n\n(Cut here: the tracker takes no longer text. The whole report is attached.)"
_CLOSED = frozenset({"solved", "closed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketPlan:
    """What one ticket gets."""

    ticket_id: str
    link: RemoteLink
    account_name: str | None
    note: tuple[str, ...]
    """Lines of the internal note below its first line, which names the issue; empty: no note."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilingPlan:
    """Everything that filing this case will write."""

    case_id: str
    fingerprint: str
    draft: IssueDraft
    attachments: tuple[Attachment, ...]
    tickets: tuple[TicketPlan, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    """Tickets of the case that are not linked, and why."""
    settle_seconds: float = 120.0
    signals: tuple[str, ...] = ()
    """Labels that let the same defect be found from another case: its investigation and its new log templates."""
    facts: tuple[str, ...] = ()
    """What the issue's living comment says below its tickets."""
    reopen_days: float = 30.0
    """An issue that was fixed less than this ago is opened again when a further case meets it."""

    @property
    def marker(self) -> str:
        """The label that lets a lost create be found again."""
        return self.draft.marker


def plan(
    *,
    case: Case,
    analysis: Analysis | None,
    summary: str,
    description: str,
    attachments: Sequence[Path],
    settings: FilingSettings,
    site: str,
    fingerprint: str | None = None,
    redact: Callable[[str], str] = str,
    words: Callable[[str], str] = str,
    withheld: frozenset[str] = frozenset(),
    markup: str = "wiki",
) -> FilingPlan:
    """Decide what filing this case will write.

    `summary` and `description` come from the report, in the tracker's markup; `site` is the help desk's host;
    `fingerprint` is the one the ledger already has for this case, if any; an `adf` description is fitted already; `redact` is applied to ticket
    subjects, which are customers' words, and to names of accounts, `words` to the lines of notes and comments; `withheld` are
    values of ours that the tracker's readers must not get. NotFoundError lists all attachments that do not exist.
    """
    linked, left_out = _tickets(case, analysis)
    found = fingerprint or fingerprint_of(case, analysis, settings.project)
    marker = f"bridge-{found[:20]}"
    title = one_line(summary, SUMMARY_LIMIT)
    found_lines = tuple(words(line) for line in _found(title, analysis))
    draft = IssueDraft(
        project=settings.project,
        issue_type=settings.issue_type,
        summary=title,
        description=description if markup == "adf" else cut(description, DESCRIPTION_LIMIT),
        labels=tuple(dict.fromkeys((*settings.labels, *(signals := signals_of(case, analysis)), marker))),
        fields=_fields(settings, case, analysis, len(linked), withheld),
        marker=marker,
        figures=tuple(name for name, source in settings.fields.items() if source.value in FIGURES),
    )
    return FilingPlan(
        case_id=case.id,
        fingerprint=found,
        draft=draft,
        attachments=_attachments(attachments),
        tickets=tuple(
            TicketPlan(
                ticket_id=ticket.id,
                link=_link(ticket, site, settings, redact),
                account_name=ticket.account_name,
                note=_without_others(found_lines, ticket, analysis) if settings.notes else (),
            )
            for ticket in linked
        ),
        left_out=left_out,
        settle_seconds=settings.settle_seconds,
        signals=signals,
        facts=tuple(words(line) for line in _facts(analysis)),
        reopen_days=settings.reopen_days,
    )


def fingerprint_of(case: Case, analysis: Analysis | None, project: str) -> str:
    """Return 64 hex digits that name the defect (see the module's text)."""
    change = analysis.onset.change if analysis and analysis.onset else None
    templates = sorted({f"{item.service}\n{item.masked or item.template}" for item in analysis.novelties}) if analysis else []
    key: dict[str, JsonValue] = {
        "algorithm": FINGERPRINT,
        "project": project,
        "investigation": case.investigation,
        "change": [change.kind, change.name, change.version, utc(change.at).isoformat()] if change else None,
        "templates": list(templates),
    }
    if change is None and not templates:
        key["case"] = [case.id, utc(case.created_at).isoformat()]
    return digest(key)


def signals_of(case: Case, analysis: Analysis | None) -> tuple[str, ...]:
    """Return the labels of a case: its investigation, its strongest new log templates, and endpoints that failures share."""
    templates = [f"{item.service}\n{item.masked or item.template}" for item in analysis.novelties] if analysis else []
    shared = [condition for item in analysis.contrasts for condition in item.conditions] if analysis else []
    endpoints = list(dict.fromkeys(item.value for item in shared if item.attribute.rpartition(".")[2].lower() in _ENDPOINTS))
    return (
        f"bridge-inv-{case.investigation}",
        *(f"{TEMPLATE_SIGNAL}{digest(item)[:10]}" for item in templates[:_SIGNALS]),
        *(f"{ENDPOINT_SIGNAL}{digest(item)[:10]}" for item in endpoints[:_SIGNALS]),
    )


def _facts(analysis: Analysis | None) -> tuple[str, ...]:
    impact = analysis.impact if analysis else None
    if impact is None:
        return ()
    return (f"{impact.accounts} of {impact.population} accounts are affected, {impact.silent} of them have no ticket.",)


def digest(value: JsonValue) -> str:
    """Return the sha256 of a value's canonical JSON, hex."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def note_marker(plan_: FilingPlan) -> str:
    """Return the line that lets our own note be recognised on a ticket."""
    return f"[{plan_.marker}]"


def note_text(plan_: FilingPlan, ticket: TicketPlan, issue: IssueRef) -> str:
    """Return the internal note: issue, address, what was found, marker. Plain text."""
    return "\n".join((f"Filed as {issue.key}: {issue.url}", *ticket.note, note_marker(plan_)))


def describe(plan_: FilingPlan) -> tuple[str, ...]:
    """Say in lines what would be written, for a dry run."""
    draft = plan_.draft
    lines = [
        f"1 issue in {draft.project}, type {draft.issue_type}: {draft.summary}",
        f"  labels {', '.join(draft.labels)}; description {len(draft.description):,} characters",
    ]
    lines += [f"  {name} = {json.dumps(value, ensure_ascii=False)}" for name, value in draft.fields.items()]
    lines += [f"{len(plan_.attachments)} file(s)"]
    lines += [f"  {item.name} ({Path(item.path).stat().st_size:,} bytes)" for item in plan_.attachments if Path(item.path).exists()]
    noted = sum(bool(ticket.note) for ticket in plan_.tickets)
    notes = f"one internal note on {noted} of them" if noted else "no note"
    lines += [f"{len(plan_.tickets)} ticket(s) linked, {notes}, the issue's key on each; nothing public"]
    lines += [f"  {ticket.ticket_id}  {ticket.link.title}" for ticket in plan_.tickets]
    lines += [f"not linked: {ticket_id} ({why})" for ticket_id, why in plan_.left_out]
    return tuple(lines)


def one_line(text: str, limit: int) -> str:
    """Return the text as one line without control characters, cut at a word with … when it is longer than `limit`."""
    flat = re.sub(r"\s+", " ", "".join(char if char.isprintable() else " " for char in text)).strip()
    if len(flat) <= limit:
        return flat
    return flat[: limit - 1].rsplit(" ", 1)[0][: limit - 1].rstrip() + "…"


def cut(text: str, limit: int) -> str:
    """Cut at a line's end and say so; Jira counts UTF-16 units, so characters outside the BMP count twice."""
    if _units(text) <= limit:
        return text
    kept = text.encode("utf-16-le", "surrogatepass")[: 2 * (limit - _units(CUT))].decode("utf-16-le", "ignore")
    head, newline, _ = kept.rpartition("\n")
    return (head if newline else kept) + CUT


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _tickets(case: Case, analysis: Analysis | None) -> tuple[list[Ticket], tuple[tuple[str, str], ...]]:
    """Split the case's tickets into those of affected accounts and those that are left out, with the reason."""
    if analysis is None or analysis.cohort is None:
        return list(case.tickets), ()
    affected = {ticket for account in analysis.cohort.affected for ticket in account.tickets}
    reasons = {ticket: account.why for account in analysis.cohort.left_out for ticket in account.tickets}
    linked: list[Ticket] = []
    left_out: list[tuple[str, str]] = []
    for ticket in case.tickets:
        if ticket.id in affected or ticket.id in case.added:
            linked.append(ticket)
        else:
            left_out.append((ticket.id, reasons.get(ticket.id, "it is not a ticket of an affected account about this defect")))
    return linked, tuple(left_out)


def _link(ticket: Ticket, site: str, settings: FilingSettings, redact: Callable[[str], str]) -> RemoteLink:
    global_id = f"bridge:{ticket.system}:{site}:{ticket.native_id}"
    if len(global_id) > GLOBAL_ID_LIMIT:
        global_id = f"bridge:{ticket.system}:{digest(site)[:20]}:{ticket.native_id}"
    title = ticket.id if settings.link_titles == "id" else f"{ticket.id}: {redact(ticket.subject)}"
    return RemoteLink(
        global_id=global_id,
        url=ticket.url,
        title=one_line(title, SUMMARY_LIMIT),
        summary=one_line(redact(ticket.account_name) if ticket.account_name else "no known account", SUMMARY_LIMIT),
        relationship="reported by",
        resolved=ticket.status in _CLOSED,
    )


def _found(summary: str, analysis: Analysis | None) -> tuple[str, ...]:
    lines = [summary]
    if analysis is None:
        return tuple(lines)
    if analysis.impact is not None:
        lines.append(f"{analysis.impact.accounts} of {analysis.impact.population} accounts are affected.")
    if analysis.onset is not None:
        since = f"First failure {utc(analysis.onset.first_failure):%Y-%m-%d %H:%M} UTC"
        change = analysis.onset.change
        lines.append(f"{since}, after {' '.join(filter(None, (change.kind, change.name, change.version)))}." if change else f"{since}.")
    if analysis.workaround is not None:
        lines.append(one_line(f"Workaround: {analysis.workaround.statement}", 500))
    return tuple(lines)


def _without_others(lines: Iterable[str], ticket: Ticket, analysis: Analysis | None) -> tuple[str, ...]:
    """Drop lines that name another account: a note is copied to customers sooner or later."""
    if analysis is None or analysis.cohort is None:
        return tuple(lines)
    known = [(account.account_id, account.name) for account in analysis.cohort.affected]
    known += [(account.account_id, account.name) for account in analysis.cohort.left_out]
    own = (ticket.account_name or "").casefold()
    names = {name.casefold() for account_id, name in known if account_id != ticket.account_id}
    others = [re.compile(rf"(?<!\w){re.escape(name)}(?!\w)") for name in names if name and name not in own]
    return tuple(line for line in lines if not any(other.search(line.casefold()) for other in others))


def _fields(
    settings: FilingSettings, case: Case, analysis: Analysis | None, tickets: int, withheld: frozenset[str]
) -> dict[str, JsonValue]:
    values = {name: value for name, value in _values(case, analysis, tickets).items() if name not in withheld}
    fields: dict[str, JsonValue] = {}
    for name, source in settings.fields.items():
        value = _value(source, values)
        if value is not None:
            fields[name] = value
    return fields


def _value(source: FieldSource, values: dict[str, JsonValue]) -> JsonValue:
    if source.value is None:
        return source.constant
    value = values.get(source.value)
    return source.mapping.get(str(value), value) if value is not None else None


def _values(case: Case, analysis: Analysis | None, tickets: int) -> dict[str, JsonValue]:
    """Our values by name; what was not found is missing, and its field stays empty."""
    values: dict[str, JsonValue] = {"case_id": case.id, "investigation": case.investigation, "ticket_count": tickets}
    if analysis is None:
        return values
    impact, onset = analysis.impact, analysis.onset
    if impact is not None:
        share = impact.share.value
        values |= {
            "affected_accounts": impact.accounts,
            "silent_accounts": impact.silent,
            "population": impact.population,
            "affected_share": None if share is None else round(share * 100, 2),
            "affected_revenue": _money(impact.arr),
            "silent_revenue": _money(impact.arr_silent),
            "affected_seats": impact.seats,
            "failures": impact.failures,
        }
    if onset is not None:
        values |= {"first_seen": _time(onset.first_failure), "last_seen": _time(onset.last_failure)}
        if onset.change is not None:
            values |= {"change_name": onset.change.name, "change_version": onset.change.version}
    if analysis.severity is not None:
        values["severity"] = analysis.severity.level
    return values


def _money(value: Decimal) -> JsonValue:
    return int(value) if value == value.to_integral_value() else float(value)


def _time(at: datetime) -> str:
    return utc(at).isoformat(timespec="milliseconds")


def attachment_name(name: str, sha256: str) -> str:
    """Return the name in the tracker: by content, so that the same bytes are sent once, and of harmless characters only."""
    return f"bridge-{sha256[:12]}-{re.sub(r'[^A-Za-z0-9._-]+', '-', name)[-200:]}"


def _attachments(paths: Sequence[Path]) -> tuple[Attachment, ...]:
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise NotFoundError(
            f"{len(missing)} attachment(s) of {len(paths)} are gone",
            hint="run `bridge report` again: it makes them",
            problems=tuple(Problem(message=f"no file {path.name}", where=str(path)) for path in missing),
        )
    found: dict[str, Attachment] = {}
    for path in paths:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        name = attachment_name(path.name, sha256)
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        found[name] = Attachment(name=name, path=str(path.resolve()), sha256=sha256, media_type=kind)
    return tuple(found.values())
