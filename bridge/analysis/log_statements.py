"""Findings of logs in plain words: templates that are new, steps that are missing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.analysis.log_tables import ORDINARY, rank
from bridge.analysis.statements import Voice, nothing
from bridge.model.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.analysis.comparison import BrokenSteps
    from bridge.analysis.novelty import Novelties
    from bridge.model.finding import BrokenStep, NovelTemplate

_TEXT = 160
"""Characters of a template in a statement."""


def about_novelty(found: Novelties, item: NovelTemplate, voice: Voice, names: Sequence[str]) -> Finding:
    """A template that is new or much more frequent."""
    failing = rank(item) < ORDINARY
    short = (
        (
            f"A short baseline: {found.units_before:,} {found.unit} against {found.units:,} now; how much rates differ from day to day is not known.",
        )
        if found.units_before < 2 * found.units
        else ()
    )
    change = "new" if not item.traces_before else "more frequent"
    where = f" in {item.accounts:,} accounts" if item.accounts else ""
    return Finding(
        id="",
        kind="novelty",
        level="finding" if failing else "note",
        statement=(
            f"{item.level or 'Event'} of {item.service}, {change}: '{item.template[:_TEXT]}' in {item.traces:,} of {item.traces_total:,} {found.unit}{where}; "
            f"before in {item.traces_before:,} of {item.traces_before_total:,}."
        ),
        effect=item.ratio,
        q_value=voice.corrected(item.q_value),
        evidence=voice.cite(*names),
        searched=f"{found.tried:,} templates in {found.units:,} {found.unit} against {found.units_before:,} before",
        check=voice.check(names[0]),
        caveats=(
            (
                "A new error need not be the cause: what fails first often logs last."
                if failing
                else "An ordinary event: it says that something else happened, not that it failed."
            ),
            *short,
        ),
    )


def no_novelty(found: Novelties, voice: Voice, names: Sequence[str]) -> Finding:
    """No template is new, or nothing could be compared."""
    services = (
        f"; not comparable, because the baseline does not hold them: {', '.join(found.unseen_services)}" if found.unseen_services else ""
    )
    if not found.tried:
        return nothing("novelty", f"No log events to compare with: the baseline is empty{services}.", "", voice, names)
    seen = (
        f"one in {found.seen} {found.unit} that never occurred before would have been seen"
        if found.seen
        else f"too few {found.unit} to see any"
    )
    searched = f"{found.tried:,} templates in {found.units:,} {found.unit} against {found.units_before:,} before{services}"
    return replace(
        nothing("novelty", f"No error or warning is new or clearly more frequent ({seen}).", searched, voice, names),
        q_value=voice.corrected(found.best_q),
    )


def about_sequence(found: BrokenSteps, item: BrokenStep, voice: Voice, names: Sequence[str]) -> Finding:
    """Say that a step that normally follows is missing, or another comes."""
    leads = not item.usual and 2 * item.first >= item.traces
    instead = f"; instead comes '{item.instead[:_TEXT]}'" if item.instead else "; nothing comes instead"
    caveats = (
        ("What comes instead came before, too, only less often: maybe other things are asked for.",)
        if item.usual
        else ("The service whose event is missing is named; one that writes nothing on this way can't be.",)
        if leads
        else ("Something else goes missing earlier in most of these traces.",)
    )
    return Finding(
        id="",
        kind="sequence",
        level="finding" if leads else "note",
        statement=(
            f"{item.service}: '{item.missing[:_TEXT]}' is missing after '{item.follows[:_TEXT]}' of {item.follows_service} in {item.traces:,} of "
            f"{item.traces_total:,} traces, before in {item.traces_before:,} of {item.traces_before_total:,}{instead}."
        ),
        effect=item.ratio,
        p_value=item.p_value,
        q_value=voice.corrected(item.q_value),
        evidence=voice.cite(*names),
        searched=_sequence_searched(found),
        check=voice.check(names[0]),
        caveats=caveats,
    )


def no_sequence(found: BrokenSteps, voice: Voice, names: Sequence[str]) -> Finding:
    """No step is missing, or there is nothing to learn steps from."""
    if not found.tried:
        text = f"Too few to tell whether steps are missing: {found.traces:,} traces, {found.traces_before:,} before, and no event that 3 of them share."
        return nothing("sequence", text, "", voice, names)
    seen = (
        f"a step that breaks in {found.seen} traces and never broke before would have been seen"
        if found.seen
        else "too few traces to see any"
    )
    text = f"No step that normally follows is missing ({seen})."
    return replace(nothing("sequence", text, _sequence_searched(found), voice, names), q_value=voice.corrected(found.best_q))


def _sequence_searched(found: BrokenSteps) -> str:
    return f"{found.tried:,} steps in {found.traces:,} traces against {found.traces_before:,} before"
