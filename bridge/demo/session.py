"""The recorded session of one affected account: what the company's gateway logs with bodies, as JSON lines.

Nothing is sent anywhere: the answers are written as the product gave them. The last night holds the failure.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from bridge.demo.accounts import Account
from bridge.demo.company import build
from bridge.demo.exports import FAILING
from bridge.demo.tables import export_numbers
from bridge.demo.truth import Truth

HOST = "reporting.example.com"
RECORDINGS = "recordings"
REQUESTS = 190
"""About so many in all; the failure comes near the end."""
_FIRST_HOURS = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The export that the session meets."""

    account: Account
    export_id: str
    started_at: datetime
    source_rows: int


def exemplar(truth: Truth) -> Failure:
    """Return the first failing export of the affected account with the highest revenue."""
    company = build(truth)
    exports = company.exports
    numbers = export_numbers(exports)
    who = max(company.roles.affected, key=lambda index: (company.accounts[index].arr, -index))
    at = int(np.nonzero((exports.account == who) & (exports.kind == FAILING))[0][0])
    started = datetime.fromtimestamp(int(exports.start[at]) // 1_000_000, tz=UTC)
    return Failure(account=company.accounts[who], export_id=numbers[at], started_at=started, source_rows=int(exports.source_rows[at]))


def write_session(folder: Path, truth: Truth) -> int:
    """Write recordings/<account>.jsonl and return how many requests it holds."""
    failure = exemplar(truth)
    session = _Session(failure=failure, draw=random.Random(f"session {truth.seed}"), at=failure.started_at - timedelta(hours=_FIRST_HOURS))
    session.play()
    path = folder / RECORDINGS / f"{failure.account.id}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in session.lines), encoding="utf-8")
    return len(session.lines)


@dataclass(slots=True, kw_only=True)
class _Session:
    """Plays the account's day and notes it."""

    failure: Failure
    draw: random.Random
    at: datetime
    lines: list[dict[str, Any]] = field(default_factory=list)
    token: str = ""
    rows: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def play(self) -> None:
        """Sign in, work through the day, and export at night inside the refresh."""
        user = "reports@" + "".join(c for c in self.failure.account.name.lower() if c.isalnum()) + ".example"
        self.token = f"{self.draw.getrandbits(128):032x}"
        self._call(
            "POST",
            "/sessions",
            201,
            {"user": user, "password": "[not logged]"},
            {"token": self.token, "account_id": self.failure.account.id, "user": user},
        )
        main_filter = self._make("filters", {"name": "Our region", "field": "region", "value": "EMEA"})
        nothing = self._make("filters", {"name": "Old region", "field": "region", "value": "Atlantis"})
        plain = self._make("reports", {"name": "Everything"})
        empty = self._make("reports", {"name": "Old region by month", "filter_id": nothing})
        marks = {30, 62, 96}
        report = ""
        for number in range(REQUESTS - 24):
            if number == 21:
                self._call("PUT", "/flags/compact_headers", 200, {"enabled": False}, {"flag": "compact_headers", "enabled": False})
            elif number == 44:
                report = self._make("reports", {"name": "Region by month", "filter_id": main_filter})
            elif number == 71:
                self._call("PUT", "/flags/snapshot_cache_v2", 200, {"enabled": True}, {"flag": "snapshot_cache_v2", "enabled": True})
            elif number in marks:
                self._export(plain, rows=600, source=600)
            elif number in {55, 110}:
                self._export(empty, rows=0, source=0)
            elif number in {83, 128} and report:
                self._export(report, rows=self.failure.source_rows, source=self.failure.source_rows)
            else:
                self._ordinary()
        self.at = self.failure.started_at - timedelta(minutes=31)
        for _ in range(6):
            self._ordinary()
        self.at = self.failure.started_at
        self._export(report, rows=0, source=self.failure.source_rows, export_id=self.failure.export_id)
        for _ in range(3):
            self._ordinary()
        self.at += timedelta(hours=4)
        self._export(report, rows=self.failure.source_rows, source=self.failure.source_rows)

    def _call(self, method: str, path: str, status: int, body: Any = None, answer: Any = None, *, query: str = "") -> None:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if path != "/sessions":
            headers |= {"Authorization": f"Bearer {self.token}", "Accept": "application/json", "X-Client": "reporting-python/3.4.1"}
        url = f"https://{HOST}/api/v1{path}{f'?{query}' if query else ''}"
        self.lines.append(
            {
                "at": self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "account": self.failure.account.id,
                "method": method,
                "url": url,
                "request_headers": headers,
                "request_body": body,
                "status": status,
                "response_headers": {"Content-Type": "application/json;charset=UTF-8"},
                "response_body": answer,
            }
        )
        # The day's requests lie minutes apart; those of one action follow each other.
        self.at += timedelta(seconds=self.draw.randint(2, 330))

    def _id(self, kind: str) -> str:
        return f"{kind}_{self.draw.getrandbits(40):010x}"

    def _make(self, table: str, values: dict[str, Any]) -> str:
        row = {"id": self._id(table[:-1]), "account_id": self.failure.account.id, **values}
        self._call("POST", f"/{table}", 201, values, row)
        self.rows.setdefault(table, {})[row["id"]] = row
        return str(row["id"])

    def _export(self, report: str, *, rows: int, source: int, export_id: str = "") -> None:
        key = export_id or self._id("export")
        started = self.at
        self._call(
            "POST",
            f"/reports/{report}/exports",
            202,
            {"format": "csv", "trigger": "schedule"},
            {"id": key, "report_id": report, "status": "queued"},
        )
        self.at = started + timedelta(seconds=self.draw.randint(20, 50))
        row = {
            "id": key,
            "account_id": self.failure.account.id,
            "report_id": report,
            "format": "csv",
            "status": "success",
            "rows": rows,
            "source_rows": source,
            "started_at": started.isoformat(timespec="seconds"),
            "version": "4.18.0",
        }
        self.rows.setdefault("exports", {})[key] = row
        self._call("GET", f"/exports/{key}", 200, None, row)

    def _ordinary(self) -> None:
        """One request of daily work that changes nothing the failure needs."""
        pick = self.draw.random()
        boards, reports = self.rows.get("dashboards", {}), self.rows["reports"]
        if pick < 0.16 or not boards:
            self._make("dashboards", {"name": self.draw.choice(("Sales", "Usage", "Overview", "Board meeting", "Churn"))})
        elif pick < 0.32:
            self._show("dashboards", self.draw.choice(list(boards)))
        elif pick < 0.44:
            self._show("reports", self.draw.choice(list(reports)))
        elif pick < 0.52:
            self._show("filters", self.draw.choice(list(self.rows["filters"])))
        elif pick < 0.64:
            self._preview(self.draw.choice(list(reports)))
        elif pick < 0.72:
            self._call("GET", "/me", 200, None, {"account_id": self.failure.account.id, "version": "4.18.0"})
        elif pick < 0.82:
            name = self.draw.choice(("Sales EU", "Usage by week", "Overview 2"))
            key = self.draw.choice(list(boards))
            boards[key]["name"] = name
            self._call("PATCH", f"/dashboards/{key}", 200, {"name": name}, boards[key])
        elif pick < 0.9:
            table = self.draw.choice(("reports", "filters", "dashboards"))
            rows = list(self.rows[table].values())
            self._call("GET", f"/{table}", 200, None, {"items": rows[-20:], "total": len(rows)})
        elif pick < 0.95:
            key = self._id("share")
            report = self.draw.choice(list(reports))
            row = {"id": key, "account_id": self.failure.account.id, "report_id": report, "to": "board@example.test"}
            self._call("POST", f"/reports/{report}/shares", 201, {"to": "board@example.test"}, row)
        else:
            self._make("filters", {"name": "Trial", "field": "region", "value": self.draw.choice(("APAC", "AMER"))})

    def _show(self, table: str, key: str) -> None:
        self._call("GET", f"/{table}/{key}", 200, None, self.rows[table][key])

    def _preview(self, report: str) -> None:
        if self.draw.random() < 0.15:
            words = {"error": "LegacyLayoutError", "message": f"report {report} has no legacy layout"}
            self._call("GET", f"/reports/{report}/preview", 500, None, words, query="layout=legacy")
        else:
            self._call("GET", f"/reports/{report}/preview", 200, None, {"report_id": report, "rows": 150})
