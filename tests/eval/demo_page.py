"""The findings of the demo company as a page: `python -m tests.eval.demo_page docs/findings/demo.md`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from bridge.analysis.analyse import analyse
from bridge.demo.truth import DEFAULT_TRUTH
from bridge.demo.workspace import planted
from bridge.model.finding import Finding
from bridge.model.investigation import SqlEvidence
from tests.analysis.test_demo_truth import INVESTIGATION, case

_HEAD = """# The demo's findings
Written by `make eval` from the demo company's evidence; not by hand. The company is made up, and what is planted in it is known: a release,
a switch, a job that the failures follow, and decoys (customers whose own filter matches nothing, credentials that expired, accounts with one
stray failure, releases and jobs nearby). `tests/analysis/test_demo_truth.py` holds the findings against the truth in eleven truths,
`make eval` in twenty-one.
"""


def main() -> int:
    """Write the page."""
    inputs, _ = case(DEFAULT_TRUTH, planted(DEFAULT_TRUTH))
    ids = {item.name: f"E{number}" for number, item in enumerate(INVESTIGATION.evidence, 1) if isinstance(item, SqlEvidence)}
    analysis = analyse(replace(inputs, evidence_ids=ids, case_id="BR-0001", seed=20260310))
    page = [_HEAD, *(_entry(finding) for finding in analysis.findings)]
    if analysis.cohort is not None:
        page.append("## Left out, and why\n\n| account | why | tickets |\n|---|---|---|")
        page += [f"| {item.account_id} | {item.why} | {', '.join(item.tickets) or 'none'} |" for item in analysis.cohort.left_out]
    if analysis.triage is not None:
        page.append("\n## The reasons of the triage\n\n| | about | weight | statement |\n|---|---|--:|---|")
        page += [f"| {'for' if r.speaks_for else 'against'} | {r.about} | {r.weight} | {r.statement} |" for r in analysis.triage.reasons]
    Path(sys.argv[1]).write_text("\n".join(page) + "\n", encoding="utf-8")
    return 0


def _entry(finding: Finding) -> str:
    lines = [f"## {finding.id} {finding.kind} ({finding.level})\n{finding.statement}\n"]
    effect = finding.effect
    if effect is not None:
        value = "unbounded" if effect.value is None else f"{effect.value:.3g}"
        inside = effect.interval
        bounds = (
            ""
            if inside is None
            else f" ({inside.level:.0%}: {inside.low:.3g} to {'unbounded' if inside.high is None else f'{inside.high:.3g}'})"
        )
        lines.append(f"- {effect.name}: {value}{bounds}")
    if finding.q_value is not None:
        lines.append(f"- q over everything tried in the case: {finding.q_value:.2g}")
    if finding.searched:
        lines.append(f"- searched: {finding.searched}")
    if finding.evidence:
        lines.append(f"- evidence: {', '.join(finding.evidence)}; check: `{finding.check}`")
    lines += [f"- caveat: {caveat}" for caveat in finding.caveats]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
