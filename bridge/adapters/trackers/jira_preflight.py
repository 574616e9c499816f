"""What Jira would refuse, found before anything is written; pure functions over drafts and metadata.

A refused create still burns an issue number, and wrong screens and required custom fields are among the
commonest complaints about such integrations, so every problem is named at once with the lines that mend it.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.adapters.trackers.jira_client import NO_LINK
from bridge.adapters.trackers.jira_fields import FieldMeta, chosen
from bridge.adapters.trackers.jira_text import parsed, problems
from bridge.model.filing import Attachment, Check, IssueDraft

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

SUMMARY_LIMIT = 255
TEXT_LIMIT = 32_767
LABEL_LIMIT = 255
FILES_LIMIT = 2_000
_SET_BY_US = frozenset({"project", "issuetype", "summary", "description", "labels"})
DUPLICATE = "duplicate"
_SET_BY_JIRA = frozenset({"reporter"})


def _check(what: str, problem: str, hint: str = "") -> Check:
    return Check(connection="tracker", what=what, ok=False, detail=problem, hint=hint)


def draft_checks(draft: IssueDraft, *, adf: bool = False) -> list[Check]:
    """Check lengths and forms that the metadata does not tell; with `adf` the description is a document as JSON."""
    found: list[Check] = []
    if not draft.summary.strip():
        found.append(_check("summary", "the summary is empty"))
    if _units(draft.summary) > SUMMARY_LIMIT:
        found.append(_check("summary", f"the summary has {_units(draft.summary)} characters, Jira takes {SUMMARY_LIMIT}"))
    if "\n" in draft.summary or "\r" in draft.summary:
        found.append(_check("summary", "the summary has more than one line"))
    if adf:
        document = parsed(draft.description)
        wrong = ["it is no Atlassian Document"] if document is None else problems(document)
        found += [_check("description", f"the description can't be sent: {text}", "run `bridge report` again") for text in wrong[:5]]
    elif _units(draft.description) > TEXT_LIMIT:
        found.append(_check("description", f"the description has {_units(draft.description):,} characters, Jira takes {TEXT_LIMIT:,}"))
    hint = "tracker: {labels: [from-support]}"
    found += [
        _check("labels", f"'{label}' is no label: one word of at most {LABEL_LIMIT} characters", hint)
        for label in draft.labels
        if not label or any(char.isspace() for char in label) or len(label) > LABEL_LIMIT
    ]
    return found


def type_check(types: Sequence[Mapping[str, Any]], wanted: str) -> tuple[Check, str]:
    """Return the check of the issue type and its id; the id is empty when there is none."""
    names = [str(item.get("name")) for item in types]
    for item in types:
        if wanted in {str(item.get("id")), str(item.get("name"))}:
            return Check(connection="tracker", what="issue type", ok=True, detail=str(item.get("name"))), str(item.get("id"))
    near = difflib.get_close_matches(wanted, names, n=1)
    hint = f"tracker: {{issue_type: {near[0] if near else (names[0] if names else 'Bug')}}}"
    if not names:
        return _check("issue type", "no issue type can be created in this project by this user", "ask for the permission Create Issues"), ""
    return _check("issue type", f"no issue type '{wanted}'; there are: {', '.join(names)}", hint), ""


def permission_checks(permissions: Mapping[str, Any], wanted: Mapping[str, str], project: str) -> list[Check]:
    """Check that each wanted permission is granted; one that the answer does not mention counts as granted."""
    found: list[Check] = []
    for key, words in wanted.items():
        entry = permissions.get(key)
        granted = not isinstance(entry, dict) or entry.get("havePermission") is not False
        if granted:
            found.append(Check(connection="tracker", what=f"permission to {words}", ok=True, detail=key))
        else:
            found.append(
                _check(f"permission to {words}", f"{key} is not granted in {project}", f"ask an administrator of {project} for it")
            )
    return found


def link_type_checks(names: Sequence[str], wanted: str) -> list[Check]:
    """Check that there is a type of link for duplicates: the one that is named, or one that is called so."""
    if any(name.casefold() == wanted.casefold() if wanted else DUPLICATE in name.lower() for name in names):
        return []
    there = f"there are: {', '.join(names)}" if names else "this Jira links no issues at all"
    hint = f"tracker: {{duplicate_link: {names[0] if names else NO_LINK}}}"
    detail = f"no link type {wanted or 'Duplicate'}, for two issues about one thing; {there}"
    return [_check("link types", detail, f"{hint}   ({NO_LINK}: they are closed without a link)" if names else hint)]


def edit_checks(screen: AbstractSet[str], names: Mapping[str, str], draft: IssueDraft) -> list[Check]:
    """Check what is written on an issue after it was made: its figures, and labels when it is joined.

    `names` are those on the create screen, by id: what is missing there is told already. Empty: the issue is there.
    """
    found = [
        _check(
            f"field {name}",
            f"'{names.get(name, name)}' is not on the edit screen: it could be set once and never brought up to date",
            f"have it put on the edit screen of this issue type, or leave it out: tracker: {{fields: without {name}}}",
        )
        for name in draft.figures
        if name in draft.fields and name not in screen and (name in names or not names)
    ]
    if draft.labels and "labels" not in screen and ("labels" in names or not names):
        found.append(
            _check(
                "labels",
                "the field Labels is not on the edit screen: an issue that is joined could not be marked",
                "ask an administrator to add Labels to the edit screen of this issue type",
            )
        )
    return found


def attachment_checks(attachments: Sequence[Attachment], *, enabled: bool, limit: int | None) -> list[Check]:
    """Check number and sizes; `limit` is in bytes."""
    if not enabled:
        return [_check("attachments", "attachments are switched off in this Jira", "ask an administrator to allow them")]
    found: list[Check] = []
    if len(attachments) > FILES_LIMIT:
        found.append(_check("attachments", f"{len(attachments)} files, an issue takes {FILES_LIMIT}"))
    for item in attachments:
        path = Path(item.path)
        size = path.stat().st_size if path.is_file() else None
        if size is None:
            found.append(_check("attachments", f"{item.path} is gone", "run `bridge report` again: it makes the files"))
        elif limit is not None and size > limit:
            found.append(_check("attachments", f"{path.name} has {size:,} bytes, this Jira takes {limit:,}"))
    return found


def field_checks(metas: Mapping[str, FieldMeta], draft: IssueDraft) -> list[Check]:
    """Check required, unknown and wrongly filled fields, and that the marker has a place."""
    found: list[Check] = []
    given = {name for name, value in draft.fields.items() if value is not None}
    found += [
        _check(f"field {meta.id}", f"'{meta.name}' is required and gets no value{_allowed(meta)}", mending(meta))
        for meta in metas.values()
        if meta.required and meta.id not in given | _SET_BY_US | _SET_BY_JIRA
    ]
    if draft.labels and metas and "labels" not in metas:
        found.append(
            _check(
                "labels",
                "the field Labels is not on the create screen: without the marker label a lost create can't be found again",
                "ask an administrator to add Labels to the create screen of this issue type",
            )
        )
    for name, value in draft.fields.items():
        if name not in metas:
            near = [meta.id for meta in metas.values() if name.casefold() in {meta.id.casefold(), meta.name.casefold()}]
            hint = (
                f"tracker: {{fields: {{{near[0]}: ...}}}}"
                if near
                else f"remove {name} from tracker.fields, or have it put on the create screen"
            )
            found.append(_check(f"field {name}", f"'{name}' is not on the create screen of this issue type", hint))
        else:
            found += _value_checks(metas[name], value)
    return found


def _value_checks(meta: FieldMeta, value: Any) -> list[Check]:
    if value is None:
        return []
    if meta.allowed:
        wrong = [word for word in chosen(value) if word not in meta.allowed]
        return [_check(f"field {meta.id}", f"'{meta.name}' does not take '{word}'{_allowed(meta)}", mending(meta)) for word in wrong]
    if meta.type == "number" and (isinstance(value, bool) or not isinstance(value, int | float)):
        return [_check(f"field {meta.id}", f"'{meta.name}' takes a number, not {value!r}", mending(meta))]
    return []


def mending(meta: FieldMeta) -> str:
    """Return the lines of bridge.yaml that fill a field."""
    if meta.allowed:
        return f"tracker: {{fields: {{{meta.id}: {{value: {meta.allowed[0]}}}}}}}"
    value = {"number": "affected_accounts", "datetime": "first_seen", "date": "first_seen"}.get(meta.type)
    return f"tracker: {{fields: {{{meta.id}: {value or '{value: ...}'}}}}}"


def _allowed(meta: FieldMeta) -> str:
    if not meta.allowed:
        return ""
    shown = ", ".join(meta.allowed[:12])
    more = f" and {len(meta.allowed) - 12} more" if len(meta.allowed) > 12 else ""  # noqa: PLR2004 - as many as fit a line
    return f" (one of {shown}{more})"


def _units(text: str) -> int:
    """Return the length as Jira counts it, in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
