"""`bridge impact`: cases together, an account in two of them counted once, and no cell that a spreadsheet runs."""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
import xml.etree.ElementTree as ET
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bridge.cli import compose
from bridge.cli.main import main
from bridge.model.finding import AffectedAccount, Analysis, Cohort
from bridge.model.impact import ImpactSummary
from bridge.reporting import example
from bridge.reporting.impact import csv_of, page_of, parquet_of, sentence, sheets, xlsx_of
from bridge.workflow.impact import impact

FACTS = example.load("empty-exports")
AFFECTED = FACTS.analysis.cohort.affected if FACTS.analysis.cohort else ()
AS_OF = datetime(2026, 3, 17, tzinfo=UTC)
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
BAD = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1+1", '=HYPERLINK("https://x.test","a")', "https://x.test/a", "\u202e=1")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Two cases that share half of their accounts, and one that is not investigated."""
    (tmp_path / "bridge.yaml").write_text("format: 1\nas_of: 2026-03-17T00:00:00Z\ncurrency: EUR\n", encoding="utf-8")
    with compose.context(argparse.Namespace(workspace=str(tmp_path)), lambda _event: None) as context:
        half = len(AFFECTED) // 2
        later = tuple(replace(account, tickets=(), arr=account.arr + 1) for account in AFFECTED[half:])
        for number, accounts in enumerate((AFFECTED, later)):
            case = context.cases.create(replace(FACTS.case, as_of=AS_OF.replace(day=15 + number)))
            context.cases.save_analysis(case.id, _analysis(accounts))
        context.cases.create(FACTS.case)
    return tmp_path


def _analysis(accounts: tuple[AffectedAccount, ...]) -> Analysis:
    cohort = FACTS.analysis.cohort
    assert isinstance(cohort, Cohort)
    return replace(FACTS.analysis, cohort=replace(cohort, affected=accounts))


def summed(folder: Path, *cases: str) -> ImpactSummary:
    with compose.context(argparse.Namespace(workspace=str(folder)), lambda _event: None) as context:
        return impact(context, cases)


def test_an_account_in_two_cases_counts_once(workspace: Path) -> None:
    found = summed(workspace)
    half = len(AFFECTED) // 2
    assert len(found.accounts) == len(AFFECTED) > 1
    assert {len(account.cases) for account in found.accounts} == {1, 2}
    # The younger case's revenue holds; tickets of either case are known.
    assert found.revenue == sum((account.arr for account in AFFECTED), Decimal(0)) + (len(AFFECTED) - half)
    assert found.silent == sum(account.silent for account in AFFECTED)
    assert sum(group.accounts for group in found.tiers) == sum(group.accounts for group in found.regions) == len(AFFECTED)
    assert sum((group.revenue for group in found.tiers), Decimal(0)) == found.revenue
    assert found.not_analysed == ("BR-0003",)
    assert found.tickets == len(FACTS.case.tickets)


def test_named_cases_alone(workspace: Path) -> None:
    found = summed(workspace, "BR-0002", "BR-0002")
    assert [row.case_id for row in found.cases] == ["BR-0002"]
    assert len(found.accounts) == len(AFFECTED) - len(AFFECTED) // 2
    assert found.silent == len(found.accounts)


def test_the_table_and_the_records(workspace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["impact", "--workspace", str(workspace)]) == 0
    text = capfd.readouterr().out
    assert "not investigated yet, and not in the figures: BR-0003" in text
    assert f"2 cases, {len(AFFECTED)} accounts affected, each counted once" in text
    assert main(["impact", "--workspace", str(workspace), "--output", "jsonl"]) == 0
    assert [json.loads(line)["case_id"] for line in capfd.readouterr().out.splitlines()] == ["BR-0001", "BR-0002"]
    assert main(["impact", "BR-0009", "--workspace", str(workspace)]) == 2
    assert "BR-0009" in capfd.readouterr().err


def test_an_empty_workspace(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bridge.yaml").write_text("format: 1\n", encoding="utf-8")
    assert main(["impact", "--workspace", str(tmp_path)]) == 0
    assert "no investigated case yet" in capfd.readouterr().out
    found = summed(tmp_path)
    assert pq.read_table(io.BytesIO(parquet_of(found))).num_rows == 0
    assert sentence(found).startswith("0 cases, 0 accounts")
    assert xlsx_of(found)
    assert "<svg" not in page_of(found, "bridge")


def hostile(workspace: Path) -> ImpactSummary:
    found = summed(workspace)
    accounts = tuple(replace(found.accounts[0], account_id=f"a-{number}", name=text) for number, text in enumerate(BAD))
    cases = tuple(replace(found.cases[0], title=text, issue=text, issue_url=text) for text in BAD)
    return replace(found, accounts=accounts, cases=cases)


def cells(content: bytes, sheet: int) -> list[list[tuple[str, str]]]:
    """Return kind and text of each cell of one sheet of a workbook."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        shared = ["".join(part.itertext()) for part in ET.fromstring(book.read("xl/sharedStrings.xml")).iter(f"{MAIN}si")]  # noqa: S314 - our own file
        page = ET.fromstring(book.read(f"xl/worksheets/sheet{sheet}.xml"))  # noqa: S314 - our own file
        assert not list(page.iter(f"{MAIN}f")), "a formula"
        assert not list(page.iter(f"{MAIN}hyperlink")), "a link"
        rows = []
        for row in page.iter(f"{MAIN}row"):
            values = [(cell.get("t", "n"), cell.findtext(f"{MAIN}v") or "") for cell in row]
            rows.append([(kind, shared[int(value)] if kind == "s" else value) for kind, value in values])
    return rows


def test_no_cell_is_a_formula(workspace: Path) -> None:
    found = hostile(workspace)
    content = xlsx_of(found)
    for sheet in (1, 2):
        texts = {text for row in cells(content, sheet)[1:] for kind, text in row if kind == "s"}
        assert texts
        assert not [text for text in texts if re.match(r"\s*[=+\-@]", text)]
    names = [row[1][1] for row in cells(content, 2)[1:]]
    assert [name.lstrip("'") for name in names[:4]] == list(BAD[:4])
    for table in sheets(found):
        for row in csv.reader(io.StringIO(csv_of(table).decode())):
            assert not [cell for cell in row if re.match(r"\s*[=+@]|\s*-\D", cell)]


def test_figures_stay_figures(workspace: Path) -> None:
    found = summed(workspace)
    first = dict(zip([text for _, text in cells(xlsx_of(found), 1)[0]], cells(xlsx_of(found), 1)[1], strict=True))
    assert first["revenue_eur"] == ("n", f"{found.cases[0].revenue:f}")
    assert first["accounts"] == ("n", str(found.cases[0].accounts))
    assert xlsx_of(found) == xlsx_of(found)
    table = pq.read_table(io.BytesIO(parquet_of(found)))
    assert table.schema.field("revenue_eur").type == pa.decimal128(18, 2)
    assert table.schema.field("opened_at").type == pa.timestamp("us", tz="UTC")
    assert table.column("revenue_eur").to_pylist() == [row.revenue for row in found.cases]
    with_times = next(csv.DictReader(io.StringIO(csv_of(sheets(found)[0]).decode())))
    assert with_times["opened_at"].endswith("Z")


def test_the_page_carries_words_as_words(workspace: Path) -> None:
    found = hostile(workspace)
    loud = replace(found, accounts=(replace(found.accounts[0], name="<script>alert(1)</script>"),))
    page = page_of(loud, "bridge")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "javascript:" not in page_of(replace(loud, cases=(replace(found.cases[0], issue="A-1", issue_url="javascript:alert(1)"),)), "x")
    assert len(page) < 100_000
