from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from bridge.cli.main import main


def answer(capsys: pytest.CaptureFixture[str], *words: str | Path) -> Any:
    assert main([*map(str, words), "--output", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def assigned(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_one_line_out_for_each_line_in(tmp_path: Path, capsys: pytest.CaptureFixture[str], ending: str) -> None:
    source, out = tmp_path / "app.log", tmp_path / "out.jsonl"
    lines = ["wrote 1 rows", "", "export failed", "wrote 2 rows"]
    source.write_bytes((ending or "\n").join(lines).encode() + ending.encode())
    document = answer(capsys, "logs", "templates", source, "--assign", out)
    rows = assigned(out)
    assert [row["line"] for row in rows] == [1, 2, 3, 4]
    assert [row["template"] for row in rows] == ["wrote <*> rows", "", "export failed", "wrote <*> rows"]
    assert list(rows[0]) == ["line", "template_id", "template"]
    assert document["algorithm"] == "template-2026-11-22"
    assert {row["template_id"]: row["lines"] for row in document["templates"]}[rows[0]["template_id"]] == 2


def test_json_lines_broken_lines_and_gzip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = tmp_path / "app.jsonl.gz", tmp_path / "out.jsonl"
    lines = [
        '{"msg": "wrote 1 rows", "level": "INFO"}',
        "",
        '{"msg": "wrote 2 rows"',
        '{"text": 3}',
        '{"msg": "wrote 4 r\\u00f6ws"}',
        "\xff{",
    ]
    source.write_bytes(gzip.compress("\n".join(lines).encode("latin-1")))
    answer(capsys, "logs", "templates", source, "--field", "msg", "--assign", out)
    assert [row["template"] for row in assigned(out)] == [
        "wrote <*> rows",
        "",
        '{"msg": "wrote <*> rows"',
        '{"text": <*>}',
        "wrote <*> röws",
        "�{",
    ]


def test_a_column_of_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = tmp_path / "app.csv", tmp_path / "out.jsonl"
    source.write_text('LineId,Content\n1,"said ""a, b"" 3 times"\n2,wrote 5 rows\n')
    answer(capsys, "logs", "templates", source, "--content-column", "Content", "--assign", out)
    assert [row["template"] for row in assigned(out)] == ['said "a, b" <*> times', "wrote <*> rows"]
    assert main(["logs", "templates", str(source), "--content-column", "Text"]) == 2
    assert "its columns: LineId, Content" in capsys.readouterr().err


def test_known_templates_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monday, tuesday, known = tmp_path / "monday.log", tmp_path / "tuesday.log", tmp_path / "known.json"
    monday.write_text("session opened for user root\nwrote 1 rows\n")
    tuesday.write_text("session opened for user news\nwrote 2 rows\nqueue drained\n")
    first = {row["template"]: row for row in answer(capsys, "logs", "templates", monday, "--known", known)["templates"]}
    second = {row["template"]: row for row in answer(capsys, "logs", "templates", tuesday, "--known", known)["templates"]}
    assert {text: row["new"] for text, row in second.items()} == {
        "session opened for user <*>": False,
        "wrote <*> rows": False,
        "queue drained": True,
    }
    assert second["wrote <*> rows"]["template_id"] == first["wrote <*> rows"]["template_id"]
    assert second["session opened for user <*>"]["aliases"] == [first["session opened for user root"]["template_id"]]


def write(path: Path, *, broken: bool, hour: int) -> None:
    chance = random.Random(hour)
    lines = []
    for number in range(40):
        stamp = f"2026-03-10T{hour:02}:{number:02}"
        common = {"trace_id": f"{hour}-{number}", "level": "INFO"}
        steps = [
            ("gateway", "request received"),
            ("contacts", f"find contact {number}"),
            ("contacts", f"contact {number} found"),
            ("gateway", "answered"),
        ]
        if broken and number % 2:
            steps[2] = ("gateway", f"no contact for request {number}")
        lines += [
            json.dumps({"ts": f"{stamp}:{10 + place}Z", **common, "service": service, "message": message})
            for place, (service, message) in enumerate(steps)
        ]
    chance.shuffle(lines)
    path.write_text("\n".join(lines) + "\n")


def test_compare_names_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # a narrow terminal cuts the statements
    before, after = tmp_path / "before.jsonl", tmp_path / "after.jsonl"
    write(before, broken=False, hour=2)
    write(after, broken=True, hour=4)
    by_file = answer(capsys, "logs", "compare", "--before", before, "--after", after, "--by", "service")
    assert by_file["groups"][0]["group"] == "contacts"
    first = by_file["findings"][0]
    assert (first["kind"], first["template"], first["count"], first["total"]) == ("missing", "contact <*> found", 20, 40)
    assert first["instead"] == "no contact for request <*>"
    assert first["exemplars"]
    assert first["q_value"] <= 0.05
    times = ("--before", "2026-03-10T02:00Z..2026-03-10T03:00Z", "--after", "2026-03-10T04:00Z..")
    by_time = answer(capsys, "logs", "compare", before, after, *times)
    assert by_time["groups"] == by_file["groups"]
    assert main(["logs", "compare", "--before", str(before), "--after", str(after)]) == 0
    assert "is missing after" in capsys.readouterr().out


def test_compare_says_what_it_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "compare", "--before", "x.log"]) == 2
    assert "which logs are compared?" in capsys.readouterr().err
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    assert main(["logs", "compare", "--before", str(empty), "--after", str(empty)]) == 2
    assert "holds no events" in capsys.readouterr().err


def test_two_objects_on_a_line_and_a_blank_line_do_not_shift_what_follows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = tmp_path / "app.jsonl", tmp_path / "out.jsonl"
    for blank in ("", "  "):
        source.write_text(f'{{"msg":"wrote 1 rows"}} {{"msg":"more"}}\n{blank}\n{{"msg":"failed"}}\n', encoding="utf-8")
        answer(capsys, "logs", "templates", source, "--assign", out)
        assert [row["template"] for row in assigned(out)][2] == "failed"
