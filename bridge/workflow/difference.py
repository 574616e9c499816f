"""What one destination gets less than the case holds: kinds kept and masked, parts left out, and the lines that differ."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bridge.model.privacy import Destination, Policy
from bridge.reporting.facts import kinds_found
from bridge.workflow.report import render

if TYPE_CHECKING:
    from bridge.workflow.context import Context

_SHOWN = 30
_ALL = ("IP_ADDRESS", "DOMAIN_NAME", "ORGANIZATION", "PHONE_NUMBER", "EMAIL_ADDRESS", "KNOWN_VALUE", "STREET_ADDRESS")
"""What a report without any policy would keep. People, credentials and numbers of accounts are never shown, not even here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The report as a destination gets it, against the report that keeps everything but people and credentials."""

    destination: Destination
    kept: dict[str, int]
    masked: dict[str, int]
    left_out: tuple[str, ...]
    lines: tuple[str, ...]
    """- as the case has it, + as these readers get it."""
    more: int
    """Lines that are not listed."""


def difference(context: Context, case_id: str, *, template: str | None = None, destination: Destination | None = None) -> Difference:
    """Render twice, write nothing."""
    case = context.cases.load(case_id)
    theirs = render(context, case, template=template, destination=destination)
    policy = theirs.facts.policy
    whole = render(context, case, template=template, policy=replace(Policy(), destination=policy.destination, keep=_ALL, key=b""))
    found = kinds_found(whole.facts)
    kept = {kind: number for kind, number in found.items() if kind in policy.keep}
    before, after = whole.report.markdown.splitlines(), theirs.report.markdown.splitlines()
    changed = [
        line for line in difflib.unified_diff(before, after, n=0, lineterm="") if line[:2] not in {"@@", "--", "++"} and line[1:].strip()
    ]
    gone = sorted(set(whole.report.attachments) - set(theirs.report.attachments))
    parts = [part.replace("_", " ") for part in policy.leave_out if part not in {"affected_csv", "method_json"}]
    return Difference(
        destination=policy.destination,
        kept=kept,
        masked=dict(Counter(theirs.report.masked)),
        left_out=(*parts, *gone),
        lines=tuple(changed[:_SHOWN]),
        more=max(0, len(changed) - _SHOWN),
    )
