"""One map of pseudonyms over report, requests and rows; and rows shrunk in a target's sandbox database through the command."""

from __future__ import annotations

import hmac
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bridge.errors import ExitCode
from bridge.model.exchange import Exchange, Recording, Request, Response
from bridge.reproduction.capture import scrub
from bridge.reproduction.people import Pseudonyms
from bridge.text.redact.kinds import EMAIL, ORGANIZATION, PERSON, PHONE
from bridge.text.redact.pseudonyms import Labels
from tests.reproduction.kit import JSON, App, answer, bridge, played, serving, workspace

KEY = b"a key of this test"
MAIL = "kim.lee@customer1.example"


@pytest.mark.parametrize(
    ("kind", "value", "again"),
    [
        (EMAIL, MAIL, "Kim.Lee@Customer1.Example"),
        (PERSON, "Kim Lee", "kim  lee"),
        (ORGANIZATION, "Ärger & Söhne", "Ärger & Söhne"),
        (PHONE, "+44 20 7946 0018", "+442079460018"),
    ],
)
def test_a_value_has_the_digits_of_its_label_in_reports(kind: str, value: str, again: str) -> None:
    label = Labels(key=KEY).of(kind, value)
    digits = label.rpartition("-")[2].rstrip("]")
    people = Pseudonyms(key=KEY)
    assert digits in people.of(kind, value)
    assert people.of(kind, value) == people.of(kind, again)
    assert people.of(kind, value) != Pseudonyms(key=b"another").of(kind, value)


def test_two_values_never_share_a_pseudonym(monkeypatch: pytest.MonkeyPatch) -> None:
    # Six digits would be shared by chance in one of many cases; here always.
    monkeypatch.setattr(Labels, "of", lambda _self, _kind, _value: "[person-3f2a1b]")
    people = Pseudonyms(key=KEY)
    given = {name: people.of(PERSON, name) for name in ("Kim Lee", "Ada Byron", "Ben Kay")}
    assert len(set(given.values())) == 3
    assert given == {name: people.of(PERSON, name) for name in given}


def test_people_in_texts_and_bodies_are_replaced_and_nothing_else() -> None:
    people = Pseudonyms(key=KEY, known=(("Kim Lee", PERSON),))
    body = json.dumps(
        {"id": 4117, "note": f"ask Kim Lee <{MAIL}>", "phone": "+44 20 7946 0018", "n": [1.5, None, True], "when": "2026-03-11"}
    )
    made = json.loads(people.document(body))
    assert made["id"] == 4117
    assert made["n"] == [1.5, None, True]
    assert made["when"] == "2026-03-11"
    assert made["note"] == f"ask {people.of(PERSON, 'Kim Lee')} <{people.of(EMAIL, MAIL)}>"
    assert made["phone"] == people.of(PHONE, "+44 20 7946 0018")
    assert people.document('{"id": 1}') == '{"id": 1}'
    twice = people.document(people.document(body))
    assert people.of(EMAIL, MAIL) in twice


def test_a_recording_is_masked_with_the_same_map() -> None:
    people = Pseudonyms(key=KEY)
    asked = Request(method="POST", path=f"/users/{MAIL}", query=(("to", MAIL),), headers=JSON, body=json.dumps({"mail": MAIL}))
    clean = scrub(
        Recording(exchanges=(Exchange(index=0, request=asked, response=Response(status=200, body=MAIL)),), hosts=(), source=""),
        b"x",
        people,
    )
    assert MAIL not in repr(clean)
    assert repr(clean).count(people.of(EMAIL, MAIL)) == 4


def database(path: Path, *, rows: bool) -> None:
    with closing(sqlite3.connect(path)) as lite:
        lite.executescript(
            "CREATE TABLE accounts (id TEXT PRIMARY KEY, name TEXT);"
            "CREATE TABLE users (id INT PRIMARY KEY, account_id TEXT NOT NULL REFERENCES accounts (id), email TEXT, full_name TEXT);"
            "CREATE TABLE orders (id INT PRIMARY KEY, user_id INT NOT NULL REFERENCES users (id), total INT);"
        )
        for a in range(3) if rows else ():
            lite.execute("INSERT INTO accounts VALUES (?, ?)", (f"acc-{a}", f"Account {a}"))
            for u in range(6):
                mail = MAIL if (a, u) == (1, 4) else f"user{u}@customer{a}.example"
                lite.execute("INSERT INTO users VALUES (?, ?, ?, ?)", (10 * a + u, f"acc-{a}", mail, "Kim Lee"))
                for o in range(5):
                    lite.execute(
                        "INSERT INTO orders VALUES (?, ?, ?)", (100 * a + 10 * u + o, 10 * a + u, 9999 if (a, u, o) == (1, 4, 2) else o)
                    )
        lite.commit()


def app(path: Path) -> App:
    def serve(request: Request) -> Response:
        if request.path == "/find":
            return answer(200, {"asked": json.loads(request.body).get("email")})
        with closing(sqlite3.connect(path)) as lite:
            total = lite.execute("SELECT max(total) FROM orders").fetchone()[0]
        return answer(500, {"error": "Overflow"}) if total and total > 1000 else answer(200, {"total": total})

    return serve


def test_rows_are_read_masked_shrunk_and_written_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "w"
    folder.mkdir()
    for name in ("app.sqlite", "full.sqlite"):
        database(folder / name, rows=True)
    database(folder / "sandbox.sqlite", rows=False)
    asked = [
        Request(method="POST", path="/find", headers=JSON, body=json.dumps({"email": MAIL, "kind": "a"})),
        Request(method="GET", path="/sum", query=(("who", MAIL),)),
    ]
    full, shrinking = app(folder / "full.sqlite"), app(folder / "sandbox.sqlite")
    with serving(full) as server:
        workspace(folder, played(full, asked), server.url, sandbox={"sqlite": "sandbox.sqlite"})
        settings = json.loads((folder / "bridge.yaml").read_text())
        settings["databases"] = {"app": {"product": "sqlite", "path": "app.sqlite"}}
        settings["privacy"] = {"key": "file:key"}
        settings["reproduction"]["data"] = {"database": "app"}
        (folder / "key").write_text("a key of this workspace")
        (folder / "bridge.yaml").write_text(json.dumps(settings))
        # The recording's account is acc-1; the target reads the sandbox once rows are loaded, as its own database.
        recording = folder / "recordings" / "session.jsonl"
        recording.write_text(recording.read_text())
        loaded = {"n": 0}

        def either(request: Request) -> Response:
            with closing(sqlite3.connect(folder / "sandbox.sqlite")) as lite:
                loaded["n"] += bool(lite.execute("SELECT count(*) FROM accounts").fetchone()[0])
            return (shrinking if loaded["n"] else full)(request)

        server.app = either
        words = ("reproduce", "BR-0001", "--target", "staging", "--send", "--anchor", "2", "--runs", "3", "--session", "account")
        code, made = bridge(capsys, folder, *words)
        assert (code, made["verdict"]) == (ExitCode.DONE, "reproduced")
    assert made["data"] == "3 rows of 3 tables (accounts, users, orders) for sqlite; made up: users.email, users.full_name"
    script = (folder / "cases" / "BR-0001" / "reproduction" / "data.sql").read_text()
    assert script.count("INSERT") == 3
    assert "9999" in script
    # One value, one pseudonym: in rows as in requests, with the digits that the case's report shows.
    key = hmac.digest(b"a key of this workspace", b"BR-0001", "sha256")
    mail = Pseudonyms(key=key).of(EMAIL, MAIL)
    assert f"'{mail}'" in script
    assert re.search(r"person-([0-9a-f]{6})@", mail)[1] in Labels(key=key).of(EMAIL, MAIL)  # type: ignore[index]
    everything = "".join(path.read_text() for path in (folder / "cases" / "BR-0001" / "reproduction").iterdir())
    assert MAIL not in everything
    assert "Kim Lee" not in everything
    # The workspace's own database was only read.
    with closing(sqlite3.connect(folder / "app.sqlite")) as lite:
        assert lite.execute("SELECT count(*) FROM orders").fetchone()[0] == 90
