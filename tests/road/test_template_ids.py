"""One id for one template: in `templates`, `count`, `compare`, the evidence of a case, its findings and its report; also after it widened."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bridge.adapters.log_sources import files
from bridge.errors import ExitCode, RetryLaterError
from bridge.logs.miner import ALGORITHM
from bridge.logs.template_store import FILE
from bridge.ports import LogRequest, LogResult
from bridge.text.mask import template_id
from bridge.workflow.evidence_store import parquet_bytes
from tests.road.kit import Workspace

BEGIN = datetime(2026, 3, 16, 9, tzinfo=UTC)
WINDOWS = ("-p", "window=2026-03-16T10:00:00Z..2026-03-16T11:00:00Z", "-p", "baseline=2026-03-16T09:00:00Z..2026-03-16T10:00:00Z")
INVESTIGATE = ("investigate", "ZD-1003", "--with", "new-errors", *WINDOWS)
REFUSED = "session of the billing service refused for user {}"


def lines(hours: int, *, failing: int, users: tuple[str, ...], begin: datetime = BEGIN) -> str:
    """A request a minute, each a trace; from the hour `failing` on, one in three is refused."""
    made = []
    for minute in range(60 * hours):
        at, trace = begin + timedelta(minutes=minute), f"t-{begin:%d}-{minute:04}"
        steps = [("INFO", f"request {minute} from 10.0.0.{minute % 200} accepted"), ("INFO", f"answered in {minute % 17} ms")]
        if minute >= 60 * failing and minute % 3 == 0:
            steps.insert(1, ("ERROR", REFUSED.format(users[minute // 3 % len(users)])))
        for number, (level, message) in enumerate(steps):
            row = {"ts": (at + timedelta(seconds=number)).isoformat(), "level": level, "msg": message, "trace": trace}
            made.append(json.dumps(row))
    return "\n".join(made) + "\n"


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    """The demo company with other logs: a day in which one user is refused."""
    folder = workspace.folder
    shutil.rmtree(folder / "logs")
    (folder / "logs").mkdir()
    (folder / "logs" / "16.jsonl").write_text(lines(2, failing=1, users=("root",)), encoding="utf-8")
    settings = folder / "bridge.yaml"
    source = "  app:\n    product: files\n    sources:\n      - {paths: [logs/*.jsonl], format: json, service: shop, fields: {at: ts, level: level, message: msg, trace_id: trace}}\n"
    settings.write_text(re.sub(r"(?ms)^logs:\n.*?(?=^\S)", f"logs:\n{source}\n", settings.read_text()))
    return workspace


def done(shop: Workspace, *words: str) -> str:
    result = shop.run(*words)
    assert result.code == 0, result.err + result.out
    return result.out


def templates(shop: Workspace, *words: str) -> dict[str, dict[str, Any]]:
    document = json.loads(done(shop, "logs", "templates", "--source", "app", "--output", "json", *words))
    assert document["algorithm"] == ALGORITHM
    return {row["template"]: row for row in document["templates"]}


def evidence(shop: Workspace, name: str, case: str = "BR-0001") -> dict[str, str]:
    """Template ids by message."""
    rows = pq.read_table(io.BytesIO(shop.case_file(f"evidence/{name}.parquet", case).read_bytes())).to_pylist()
    return {row["message"]: row["template_id"] for row in rows}


def folder_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))} | {FILE: (folder / FILE).read_bytes()}


def test_one_id_in_every_command(shop: Workspace) -> None:
    done(shop, *INVESTIGATE)
    done(shop, "report", "BR-0001")

    # The same id and text wherever somebody looks.
    ids = {text: row["template_id"] for text, row in templates(shop).items()}
    root = ids[REFUSED.format("root")]
    own = {**evidence(shop, "01-logs"), **evidence(shop, "02-baseline_logs")}
    assert own[REFUSED.format("root")] == root
    assert set(own.values()) == set(ids.values())
    counted = json.loads(done(shop, "logs", "count", "--source", "app", "--per", "template", "--output", "json"))
    assert counted["algorithm"] == ALGORITHM
    assert {group["template"]: group["template_id"] for group in counted["groups"]} == ids
    sides = ("--before", "2026-03-16T09:00Z..2026-03-16T10:00Z", "--after", "2026-03-16T10:00Z..2026-03-16T11:00Z")
    compared = json.loads(done(shop, "logs", "compare", "--source", "app", *sides, "--output", "json"))
    assert compared["algorithm"] == ALGORITHM
    assert [item["template_id"] for item in compared["findings"] if item["kind"] == "new"] == [root]
    analysis = json.loads(shop.case_file("findings.json").read_text())
    assert analysis["templates"] == ALGORITHM
    assert [(item["template_id"], item["template"]) for item in analysis["novelties"]] == [(root, REFUSED.format("root"))]
    assert f"`{root}`" in shop.case_file("report/report.md").read_text()
    assert json.loads(shop.case_file("evidence/01-logs.json").read_text())["templates"] == ALGORITHM


def test_an_id_of_before_is_found_after_the_template_widened(shop: Workspace) -> None:
    done(shop, *INVESTIGATE)
    root = evidence(shop, "01-logs")[REFUSED.format("root")]
    # Tomorrow another user is refused: the template widens, and what it was called is kept.
    tomorrow = lines(1, failing=0, users=("news", "cyrus"), begin=BEGIN + timedelta(days=1))
    (shop.folder / "logs" / "17.jsonl").write_text(tomorrow, encoding="utf-8")
    store = shop.folder / FILE
    wider = templates(shop, "--known", str(store))[REFUSED.format("<*>")]
    assert wider == {
        "template_id": template_id(REFUSED.format("<*>")),
        "lines": 40,
        "template": REFUSED.format("<*>"),
        "new": False,
        "aliases": [root],
    }
    assert [each["aliases"] for each in json.loads(store.read_text())["templates"] if each["id"] == wider["template_id"]] == [[root]]
    sides = ("--before", "2026-03-16T09:00Z..2026-03-16T10:00Z", "--after", "2026-03-16T10:00Z..2026-03-16T11:00Z")
    today = ("--since", "2026-03-16T09:00Z", "--until", "2026-03-16T11:00Z")
    assert templates(shop, *today)[REFUSED.format("<*>")]["aliases"] == [root], "also where only what root did is asked for"
    counted = json.loads(done(shop, "logs", "count", "--source", "app", "--per", "template", *today, "--output", "json"))
    assert {group["template_id"]: group["aliases"] for group in counted["groups"]}[wider["template_id"]] == [root]
    for kind in ("json", "jsonl"):
        text = done(shop, "logs", "compare", "--source", "app", *sides, "--output", kind)
        found = json.loads(text)["findings"] if kind == "json" else [json.loads(line) for line in text.splitlines()]
        assert [(item["template_id"], item["aliases"]) for item in found if item["kind"] == "new"] == [(wider["template_id"], [root])]

    # The case of before is as it was, also when it is asked again, and on another machine.
    before = folder_bytes(shop.case_file("evidence"))
    done(shop, *INVESTIGATE)
    assert folder_bytes(shop.case_file("evidence")) == before
    done(shop, *INVESTIGATE, "--refresh")
    assert folder_bytes(shop.case_file("evidence")) == before
    assert json.loads(shop.case_file("findings.json").read_text())["novelties"][0]["template_id"] == root
    kept = store.read_bytes()
    store.unlink()
    done(shop, *INVESTIGATE, "--refresh")
    assert folder_bytes(shop.case_file("evidence")) == before
    assert root in {each["id"] for each in json.loads(store.read_text())["templates"]}, "its ids are known there, too"

    # A new case has today's id, and the old one beside it.
    store.write_bytes(kept)
    done(shop, *INVESTIGATE, "--new")
    assert evidence(shop, "01-logs", "BR-0002")[REFUSED.format("root")] == wider["template_id"]
    second = json.loads(shop.case_file(f"evidence/{FILE}", "BR-0002").read_text())
    assert [each["aliases"] for each in second["templates"] if each["id"] == wider["template_id"]] == [[root]]


def test_a_case_of_the_masks_is_continued(shop: Workspace) -> None:
    """Its rows get today's ids; the ids that its report names stay known as aliases, and the audit says what happened."""
    done(shop, *INVESTIGATE)
    right = folder_bytes(shop.case_file("evidence"))
    today = evidence(shop, "01-logs")[REFUSED.format("root")]
    mask = template_id("as it was")
    for name in ("01-logs", "02-baseline_logs"):
        aged(shop.case_file(f"evidence/{name}"), today, mask)
    shop.case_file(f"evidence/{FILE}").unlink()
    (shop.folder / FILE).unlink()
    audited = (shop.folder / "audit.jsonl").read_text().count("\n")
    assert shop.run("show", "BR-0001").code == 0
    done(shop, *INVESTIGATE)
    made = folder_bytes(shop.case_file("evidence"))
    assert {name: data for name, data in made.items() if name != FILE} == {name: data for name, data in right.items() if name != FILE}
    assert [each["aliases"] for each in json.loads(made[FILE])["templates"] if each["id"] == today] == [[mask]]
    told = [json.loads(line) for line in (shop.folder / "audit.jsonl").read_text().splitlines()[audited:]]
    assert [(line["what"], line["evidence"], line["algorithm"]) for line in told] == [
        ("template ids", "E1 logs", ALGORITHM),
        ("template ids", "E2 baseline_logs", ALGORITHM),
    ]
    store = json.loads((shop.folder / FILE).read_text())
    assert [each["aliases"] for each in store["templates"] if each["id"] == today] == [[mask]]


def test_ids_of_another_algorithm_are_put_aside_and_not_mixed(shop: Workspace) -> None:
    store = shop.folder / FILE
    text = json.dumps({"algorithm": "template-2020-01", "templates": [{"id": "x", "template": "y", "members": ["y"]}]})
    store.write_text(text, encoding="utf-8")
    told = shop.run("logs", "templates", "--source", "app", "--output", "json")
    assert "was made by 'template-2020-01'" in told.err
    assert "new" not in json.loads(told.out)["templates"][0]
    assert shop.run("logs", "templates", "--source", "app", "--known", str(store)).code == ExitCode.INPUT
    done(shop, *INVESTIGATE)
    assert json.loads(store.read_text())["algorithm"] == ALGORITHM
    assert (shop.folder / "log-templates.template-2020-01.json").read_text() == text


def test_logs_that_were_read_are_kept_when_the_next_can_not_be(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    done(shop, *INVESTIGATE)
    right = folder_bytes(shop.case_file("evidence"))
    real, asked = files.FileLogs.select, 0

    def away(source: files.FileLogs, request: LogRequest) -> LogResult:
        nonlocal asked
        asked += 1
        if asked == 2:
            raise RetryLaterError("the logs are away")
        return real(source, request)

    with monkeypatch.context() as patch:
        patch.setattr(files.FileLogs, "select", away)
        assert shop.run(*INVESTIGATE, "--new").code == ExitCode.RETRY
    begun = folder_bytes(shop.case_file("evidence", "BR-0002"))
    assert {"01-logs.parquet", FILE} <= set(begun)
    assert "02-baseline_logs.parquet" not in begun
    done(shop, *INVESTIGATE)
    assert folder_bytes(shop.case_file("evidence", "BR-0002")) == right
    kept = [json.loads(line) for line in (shop.folder / "audit.jsonl").read_text().splitlines()]
    assert [line["evidence"] for line in kept if line["case"] == "BR-0002" and line["source"] == "app" and line["product"] == "files"] == [
        "E1 logs",
        "E2 baseline_logs",
    ]


def aged(path: Path, today: str, mask: str) -> None:
    """Make evidence what it was before templates were recorded: other ids, no name of their algorithm."""
    file, note = path.with_suffix(".parquet"), path.with_suffix(".json")
    table = pq.read_table(io.BytesIO(file.read_bytes()))
    old = [mask if identity == today else f"old{identity}" for identity in table["template_id"].to_pylist()]
    table = table.set_column(table.column_names.index("template_id"), "template_id", pa.array(old))
    file.write_bytes(parquet_bytes(table))
    document = json.loads(note.read_text())
    del document["templates"]
    document["digest"] = hashlib.sha256(file.read_bytes()).hexdigest()
    note.write_text(json.dumps(document))
