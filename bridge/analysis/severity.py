"""Severity from a policy that is data: every criterion is judged alone, the higher level wins, the rule is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.analysis.statistics import wilson
from bridge.model.finding import Severity

if TYPE_CHECKING:
    from bridge.model.finding import Cohort, Impact, Workaround
    from bridge.model.investigation import Investigation

LEVELS = ("S1", "S2", "S3", "S4")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What makes a level. The id is dated: severities of different policies are not compared."""

    id: str
    shares: tuple[tuple[float, str], ...]
    """Share of accounts from which a level holds, highest first; the last one starts at 0."""
    blocked_share: float
    """Failing share of the affected accounts' events from which the function counts as blocked."""
    blocked: str
    """Blocked, no workaround."""
    data_loss: str
    """Wrong or missing data that customers act on without being told, no workaround."""
    no_workaround: str
    """Works now and then, and there is no way around."""
    unproven_workaround: str
    """A way around is named, and is not known to work well enough."""
    workaround: str
    """A way around is known to work."""
    data_loss_at_least: str
    """What data loss is even with a workaround: who is not told has no reason to use it."""
    top_plans: tuple[str, ...]
    """Plans whose accounts raise the level by one."""
    limit_with_workaround: str
    """The tier raises no further than this while a workaround works."""
    worked_share: float
    """Lower bound of the share that worked from which a workaround counts as working."""


GITLAB_2026_11 = Policy(
    id="gitlab-2026-11",
    shares=((0.50, "S1"), (0.25, "S2"), (0.05, "S3"), (0.0, "S4")),
    blocked_share=0.5,
    blocked="S1",
    data_loss="S1",
    no_workaround="S2",
    unproven_workaround="S2",
    workaround="S3",
    data_loss_at_least="S2",
    top_plans=("enterprise",),
    limit_with_workaround="S2",
    worked_share=0.5,
)
"""GitLab's published levels, made computable: S3 read as 5 to 25 % (their S3 and S4 overlap below 5 %)."""


def severity(
    investigation: Investigation, cohort: Cohort, impact: Impact, workaround: Workaround | None, policy: Policy = GITLAB_2026_11
) -> Severity:
    """Return the level, the rule that gave it, and every criterion with its value."""
    share = impact.accounts / max(1, impact.population)
    users = next(level for floor, level in policy.shares if share >= floor)
    users_why = f"accounts affected: {impact.accounts} of {impact.population} ({share:.1%}) gives {users}"
    function, function_why, works = _function(investigation, impact, workaround, policy)
    level, rule = (users, users_why) if LEVELS.index(users) < LEVELS.index(function) else (function, function_why)
    criteria = [users_why, function_why]
    top = sum(account.plan.casefold() in policy.top_plans for account in cohort.affected)
    raised, why = _by_tier(level, top, works=works, policy=policy)
    criteria.append(why)
    if raised != level:
        level, rule = raised, f"{rule}; {why}"
    return Severity(level=level, rule=rule, policy=policy.id, criteria=tuple(criteria))


def _by_tier(level: str, top: int, *, works: bool, policy: Policy) -> tuple[str, str]:
    plans, at = " or ".join(policy.top_plans), LEVELS.index(level)
    if not top:
        return level, f"plan {plans}: none of the affected accounts, stays {level}"
    tier = f"plan {plans}: {top} of the affected accounts"
    if at == 0:
        return level, f"{tier}, already {level}"
    raised = LEVELS[min(at, max(LEVELS.index(policy.limit_with_workaround) if works else 0, at - 1))]
    return raised, f"{tier}, one up to {raised}" if raised != level else f"{tier}, stays {level} because a workaround works"


def _function(investigation: Investigation, impact: Impact, workaround: Workaround | None, policy: Policy) -> tuple[str, str, bool]:
    failing = impact.failures / max(1, impact.events)
    works = workaround is not None and workaround.tried > 0 and wilson(workaround.worked, workaround.tried).low >= policy.worked_share
    loss = "customers act on wrong or missing data without being told" if investigation.data_loss else ""
    if works and workaround is not None:
        level = policy.workaround
        why = f"function: a workaround worked {workaround.worked} of {workaround.tried} times"
        if loss and LEVELS.index(policy.data_loss_at_least) < LEVELS.index(level):
            level, why = policy.data_loss_at_least, f"{why}, but {loss}"
        return level, f"{why}: {level}", True
    if loss:
        return policy.data_loss, f"function: {loss}, and no workaround is known to work: {policy.data_loss}", False
    if workaround is not None:
        tried = f"worked {workaround.worked} of {workaround.tried} times" if workaround.tried else "no figures on whether it works"
        return policy.unproven_workaround, f"function: a workaround is named, {tried}: {policy.unproven_workaround}", False
    if failing >= policy.blocked_share:
        return policy.blocked, f"function: {failing:.0%} of their events fail and no workaround is known: {policy.blocked}", False
    return policy.no_workaround, f"function: {failing:.0%} of their events fail and no workaround is known: {policy.no_workaround}", False
