"""Impact across cases in the forms a lead takes away: CSV, Excel, Parquet, one HTML page. Cells are data, never formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bridge.model.window import utc
from bridge.reporting import bars, formats, html
from bridge.reporting.attachments import cell
from bridge.reporting.links import allowed
from bridge.reporting.nodes import Align, Block, Document, Emphasis, Heading, Image, Inline, Link, Paragraph, Table, Text

if TYPE_CHECKING:
    from bridge.model.impact import GroupImpact, ImpactSummary
    from bridge.reporting.charts import Chart

Value = str | int | Decimal | datetime | None
_MOST_ACCOUNTS = 50
"""Rows of the page's table of accounts; the other formats have them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One table: its columns' names and typed rows."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


def sheets(summary: ImpactSummary) -> tuple[Sheet, ...]:
    """Return cases, accounts, tiers and regions as tables; revenue a year in the currency that its column names."""
    money = f"revenue_{summary.currency.lower()}"
    cases = tuple(
        (
            *(row.case_id, row.title, row.investigation, row.state, row.issue, row.issue_url, row.severity, row.opened_at, row.age_days),
            *(row.first_failure, row.accounts, row.population, row.silent, row.revenue, row.revenue_silent, row.seats, row.tickets),
            *(row.not_told, row.failures, row.trend),
        )
        for row in summary.cases
    )
    accounts = tuple(
        (a.account_id, a.name, a.plan, a.region, a.revenue, a.seats, " ".join(a.cases), " ".join(a.tickets), "no" if a.tickets else "yes")
        for a in summary.accounts
    )
    return (
        Sheet(
            name="cases",
            columns=(
                *("case", "title", "investigation", "state", "issue", "issue_url", "severity", "opened_at", "age_days", "first_failure"),
                *("accounts", "population", "silent", money, f"{money}_silent", "seats", "tickets", "not_told", "failures", "trend"),
            ),
            rows=cases,
        ),
        Sheet(name="accounts", columns=("account", "name", "tier", "region", money, "seats", "cases", "tickets", "silent"), rows=accounts),
        Sheet(name="tiers", columns=("tier", "accounts", "silent", money), rows=_groups(summary.tiers)),
        Sheet(name="regions", columns=("region", "accounts", "silent", money), rows=_groups(summary.regions)),
    )


def _groups(groups: Sequence[GroupImpact]) -> tuple[tuple[Value, ...], ...]:
    return tuple((group.value, group.accounts, group.silent, group.revenue) for group in groups)


def csv_of(sheet: Sheet) -> bytes:
    """Return UTF-8, comma, times ISO 8601 UTC, money with a point; what would be a formula begins with an apostrophe."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(sheet.columns)
    writer.writerows([_csv_cell(value) for value in row] for row in sheet.rows)
    return buffer.getvalue().encode()


def _csv_cell(value: Value) -> str:
    match value:
        case None:
            return ""
        case str():
            return cell(value)
        case datetime():
            return utc(value).isoformat().replace("+00:00", "Z")
        case Decimal():
            return f"{value:f}"
        case _:
            return str(value)


def xlsx_of(summary: ImpactSummary) -> bytes:
    """Return a workbook with a sheet a table; texts are written as texts, so nothing a customer wrote is ever a formula or a link."""
    import xlsxwriter

    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(buffer, options) as book:
        # The day of the figures, so that the same figures are the same bytes.
        book.set_properties({"created": utc(summary.as_of).replace(tzinfo=None), "title": "Impact of open cases"})
        styles = {
            "head": book.add_format({"bold": True, "bottom": 1}),
            "time": book.add_format({"num_format": "yyyy-mm-dd hh:mm", "align": "left"}),
            "money": book.add_format({"num_format": "#,##0.00"}),
        }
        for sheet in sheets(summary):
            page = book.add_worksheet(sheet.name)
            page.freeze_panes(1, 1)
            for column, name in enumerate(sheet.columns):
                title = f"{name} (UTC)" if any(isinstance(row[column], datetime) for row in sheet.rows) else name
                page.write_string(0, column, title, styles["head"])
                widest = max((len(_csv_cell(row[column])) for row in sheet.rows), default=0)
                page.set_column(column, column, min(60, max(len(title), widest) + 2))
            for number, row in enumerate(sheet.rows, start=1):
                for column, value in enumerate(row):
                    _write(page, number, column, value, styles)
            if sheet.rows:
                page.autofilter(0, 0, len(sheet.rows), len(sheet.columns) - 1)
    return buffer.getvalue()


def _write(page: Any, row: int, column: int, value: Value, styles: dict[str, Any]) -> None:
    match value:
        case None:
            return
        case str():
            page.write_string(row, column, cell(value))
        case datetime():
            page.write_datetime(row, column, utc(value).replace(tzinfo=None), styles["time"])
        case Decimal():
            page.write_number(row, column, value, styles["money"])
        case _:
            page.write_number(row, column, value)


def parquet_of(summary: ImpactSummary) -> bytes:
    """Return the cases, typed: times in UTC, money as decimal128(18, 2)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sheet = sheets(summary)[0]
    money, times = {name for name in sheet.columns if name.startswith("revenue_")}, {"opened_at", "first_failure"}
    texts = {"case", "title", "investigation", "state", "issue", "issue_url", "severity", "trend"}
    types = {
        name: pa.decimal128(18, 2)
        if name in money
        else pa.timestamp("us", tz="UTC")
        if name in times
        else pa.string()
        if name in texts
        else pa.int64()
        for name in sheet.columns
    }
    columns = {name: pa.array([_fitting(row[index]) for row in sheet.rows], type=types[name]) for index, name in enumerate(sheet.columns)}
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    return buffer.getvalue()


def _fitting(value: Value) -> Value:
    return value.quantize(Decimal("0.01")) if isinstance(value, Decimal) else value


def page_of(summary: ImpactSummary, made_by: str) -> str:
    """Return one HTML page: totals, a picture by tier, cases, accounts. Opens offline, prints, has a dark mode."""
    pictures = _pictures(summary)
    currency = summary.currency
    blocks: list[Block] = [Paragraph(children=(Text(text=sentence(summary)),))]
    if summary.not_analysed:
        words = f"Not investigated yet, and not in the figures: {', '.join(summary.not_analysed)}."
        blocks.append(Paragraph(children=(Text(text=words),)))
    blocks.append(_heading("By tier"))
    blocks += [
        Paragraph(children=(Image(source=f"pictures/{name}", alt=chart.alt, caption=chart.caption),)) for name, chart in pictures.items()
    ]
    blocks.append(_group_table("tier", summary.tiers, currency))
    blocks += [_heading("By region"), _group_table("region", summary.regions, currency), _heading("Cases")]
    head = ("case", "what", "state", "issue", "severity", "accounts", "silent", f"revenue a year ({currency})", "tickets", "age", "trend")
    cases = [
        (
            *(row.case_id, row.title, row.state, _issue(row.issue, row.issue_url), row.severity or "-"),
            *(formats.of(row.accounts, row.population), formats.number(row.silent), formats.whole(row.revenue)),
            *(formats.number(row.tickets), f"{row.age_days} d", row.trend or "-"),
        )
        for row in summary.cases
    ]
    blocks.append(_table(head, cases, right=frozenset({5, 6, 7, 8, 9})))
    blocks.append(_heading("Accounts"))
    shown = summary.accounts[:_MOST_ACCOUNTS]
    if len(summary.accounts) > len(shown):
        words = f"The {len(shown)} with the most revenue of {formats.number(len(summary.accounts))}."
        blocks.append(Paragraph(children=(Emphasis(children=(Text(text=words),)),)))
    accounts = [
        (a.name, a.account_id, a.plan, a.region, formats.whole(a.revenue), formats.number(a.seats), ", ".join(a.cases), _told(a.tickets))
        for a in shown
    ]
    columns = ("account", "id", "tier", "region", f"revenue a year ({currency})", "seats", "cases", "tickets")
    blocks.append(_table(columns, accounts, right=frozenset({4, 5})))
    charts = {f"pictures/{name}": chart for name, chart in pictures.items()}
    return html.render(Document(children=tuple(blocks)), title="Impact", pictures=charts, made_by=made_by)


def sentence(summary: ImpactSummary) -> str:
    """Say the totals in two sentences; each account counts once."""
    cases = formats.number(len(summary.cases))
    return (
        f"{cases} case{'s' if len(summary.cases) != 1 else ''}, {formats.number(len(summary.accounts))} accounts affected, each counted once: "
        f"{formats.money(summary.revenue, summary.currency)} a year. "
        f"{formats.number(summary.silent)} of them are silent; {formats.number(summary.tickets)} tickets. "
        f"As of {formats.instant(summary.as_of.replace(second=0, microsecond=0))}."
    )


def _pictures(summary: ImpactSummary) -> dict[str, Chart]:
    groups = [bars.Tier(value=g.value, accounts=g.accounts, silent=g.silent, revenue=g.revenue) for g in summary.tiers]
    chart = bars.tiers(groups, summary.currency)
    return {chart.name: chart} if chart else {}


def _heading(text: str) -> Heading:
    return Heading(level=2, children=(Text(text=text),))


def _issue(key: str, url: str) -> Inline:
    return Link(url=url, children=(Text(text=key),)) if key and allowed(url, frozenset({url})) else Text(text=key or "-")


def _told(tickets: tuple[str, ...]) -> str:
    return ", ".join(tickets) if tickets else "silent"


def _group_table(name: str, groups: Sequence[GroupImpact], currency: str) -> Table:
    rows = [(g.value, formats.number(g.accounts), formats.number(g.silent), formats.whole(g.revenue)) for g in groups]
    return _table((name, "accounts", "silent", f"revenue a year ({currency})"), rows, right=frozenset({1, 2, 3}))


def _table(head: Sequence[str], rows: Sequence[Sequence[str | Inline]], *, right: frozenset[int]) -> Table:
    align: tuple[Align, ...] = tuple("right" if index in right else "left" for index in range(len(head)))
    return Table(
        align=align,
        head=tuple((Text(text=name),) for name in head),
        rows=tuple(tuple((Text(text=value) if isinstance(value, str) else value,) for value in row) for row in rows),
    )
