"""No rows, a cut and a timeout are three answers in the report, never one."""

from __future__ import annotations

import pytest

from tests.road.kit import Workspace

ENDLESS = "(WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n)"


@pytest.mark.parametrize(
    ("condition", "limits", "told"),
    [
        ("1 = 0", "{rows: 100}", {"events": "100 (cut at the cap)", "changes": "0 (no rows)"}),
        (
            f"{ENDLESS} > 0",
            "{seconds: 2, bytes: 20000}",
            {"events": " (cut at the cap of bytes)", "changes": "timed out: nothing is known"},
        ),
    ],
)
def test_the_report_tells_how_each_query_ended(workspace: Workspace, condition: str, limits: str, told: dict[str, str]) -> None:
    changes = workspace.folder / "views" / "changes.sql"
    changes.write_text(f"SELECT * FROM ({changes.read_text(encoding='utf-8')}) AS c WHERE {condition}", encoding="utf-8")  # noqa: S608 - a view
    settings = workspace.folder / "bridge.yaml"
    settings.write_text(settings.read_text(encoding="utf-8") + f"\nlimits: {limits}\n", encoding="utf-8")
    done = workspace.run("investigate", *workspace.made.tickets, "--with", "empty-exports")
    assert done.code == 0, done.err
    reported = workspace.run("report", "BR-0001")
    assert reported.code in {0, 1}, reported.err
    text = workspace.case_file("report/report.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| E")]
    cut = "evidence 'events' was cut at the cap of"
    assert cut in done.err  # a cohort of some of the rows is not the cohort
    assert cut in text
    for name, words in told.items():
        (row,) = [row for row in rows if f"| {name} |" in row]
        assert words in row, row
