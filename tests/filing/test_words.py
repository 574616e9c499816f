"""What trackers' statuses and resolutions mean, which language a ticket is in, and what field mapping is suggested."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge import resources
from bridge.filing.words import OVER, WORDS, Occasion, language, note, occasion
from bridge.model.filing import FieldInfo, FixVersion, IssueRef, IssueState
from bridge.workflow.mapping import lines

CASES = yaml.safe_load((Path(__file__).parents[1] / "cases" / "filing" / "words.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['status']} {case.get('resolution', '')}")
def test_what_it_means(case: dict[str, Any]) -> None:
    state = IssueState(
        ref=IssueRef(id="1", key="REP-1", url=""),
        summary="",
        status=case["status"],
        category=case["category"],
        resolution=case.get("resolution"),
        fix_versions=tuple(FixVersion(name=name, released=released) for name, released in case.get("versions", {}).items()),
        duplicate_of="9" if case.get("duplicate") else None,
    )
    found = occasion(state, cycle=0, statuses=case.get("statuses"), resolutions=case.get("resolutions"), target="REP-9")
    assert (found.word, found.detail) == (case["word"], case.get("detail", ""))


def test_every_word_has_a_note_of_its_own_and_ends_have_answers() -> None:
    notes = {note("REP-1", "Status", Occasion(word=word, detail="1.1")) for word in WORDS}
    assert len(notes) == len(WORDS)
    folder = resources.folder("templates") / "replies"
    texts = {path.name for path in folder.glob("*.txt")}
    for word in (word for word in WORDS if word in OVER or word in {"in progress", "fixed", "needs information"}):
        for spoken in ("en", "de") if word not in {"duplicate", "closed"} else ():
            assert f"{Occasion(word=word).slug}.{spoken}.txt" in texts


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Exports are empty since the update, and we have no rows", "en"),
        ("Der Export ist seit gestern leer und wir haben keine Zeilen", "de"),
        ("Export leer", "en"),
        ("", "en"),
    ],
)
def test_language(text: str, wanted: str) -> None:
    assert language(text) == wanted


def test_suggested_mapping() -> None:
    fields = [
        FieldInfo(id="summary", name="Summary", required=True, type="string"),
        FieldInfo(id="customfield_1", name="Affected customers", required=False, type="number"),
        FieldInfo(id="customfield_2", name="Affected customers", required=False, type="string"),
        FieldInfo(id="customfield_3", name="Severity", required=True, type="option", allowed=("Critical", "Major", "Minor", "Trivial")),
        FieldInfo(id="customfield_4", name="Team", required=True, type="option", allowed=("Data: export", "Web")),
        FieldInfo(id="customfield_5", name="x\n# }: evil", required=False, type="string"),
    ]
    found = lines(fields)
    read = yaml.safe_load("\n".join(found))["tracker"]["fields"]
    assert read == {
        "customfield_1": "affected_accounts",
        "customfield_3": {"from": "severity", "map": {"S1": "Critical", "S2": "Major", "S3": "Minor", "S4": "Trivial"}},
        "customfield_4": {"value": "Data: export"},
    }
    assert found[-1] == "# 1 required field(s) still need a value"
