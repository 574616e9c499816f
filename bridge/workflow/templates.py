"""Templates of a workspace: listed, checked against made-up cases, shown as they would come out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bridge.errors import InputError, Problem
from bridge.model.privacy import POLICIES, Policy
from bridge.reporting import example
from bridge.reporting.build import Report, build
from bridge.reporting.gates import problems
from bridge.reporting.template import SUFFIX, TemplateInfo, info_of, list_templates, template_info

if TYPE_CHECKING:
    from bridge.workflow.context import Context

Markup = Literal["markdown", "wiki", "adf", "html"]


def chosen(name: str | None, own: Path | None) -> tuple[TemplateInfo, ...]:
    """Return all templates, one by its name, or a file that lies anywhere."""
    if name is None:
        return list_templates(own)
    path = Path(name)
    if name.endswith(SUFFIX) and path.is_file():
        return (info_of(path.resolve(), "workspace"),)
    return (template_info(name, own),)


def check(info: TemplateInfo) -> tuple[Problem, ...]:
    """Return what is wrong with a template: it is rendered with three made-up cases and passes the gates of each."""
    found: dict[tuple[str, str], Problem] = {}
    for problem in _problems(info):
        found.setdefault((problem.message, problem.where), problem)
    return tuple(found.values())


def _problems(info: TemplateInfo) -> Iterator[Problem]:
    for name, facts in (("full", example.full()), ("logs", example.load("new-errors")), ("nothing", example.nothing())):
        try:
            report = build(replace(facts, policy=policy(info)), info.path)
        except InputError as error:
            yield Problem(message=error.message, where=error.where, hint=error.hint)
            continue
        for problem in problems(report):
            hint = f"with the example '{name}'; {problem.hint}" if problem.hint else f"with the example '{name}'"
            yield Problem(message=f"{problem.where}: {problem.message}", where=str(info.path), hint=hint)


def policy(info: TemplateInfo, base: Policy | None = None) -> Policy:
    """Return the policy of a template's readers, and what the template itself leaves out besides."""
    chosen_policy = base or POLICIES[info.destination or "engineers"]
    more = tuple(part for part in info.leaves_out if part not in chosen_policy.leave_out)
    return replace(chosen_policy, leave_out=(*chosen_policy.leave_out, *more)) if more else chosen_policy


def preview(context: Context | None, info: TemplateInfo, case_id: str | None, markup: Markup) -> str:
    """Return what comes out in one format, with a case or with the made-up one; nothing is written."""
    if case_id is None or context is None:
        return _text(build(replace(example.full(), policy=policy(info)), info.path), markup)
    from bridge.workflow.report import render

    return _text(render(context, context.cases.load(case_id), template=info.name).report, markup)


def _text(report: Report, markup: Markup) -> str:
    return {"markdown": report.markdown, "wiki": report.wiki, "adf": report.adf, "html": report.html}[markup]
