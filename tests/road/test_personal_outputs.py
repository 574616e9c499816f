"""A value of a column that is tagged as personal, looked for in everything that leaves the case's evidence files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from bridge.demo.workspace import DemoWorkspace
from tests.road.kit import Workspace

SECRET = re.compile(rb"zq[0-9a-f]{32}")
"""What the tagged columns hold in this company: nothing else looks like it."""
READERS = ("public", "customer")


def tagged(workspace: Workspace) -> None:
    """Let every personal column of the demo's views hold a value that is easily found, and tag it."""
    made_up = "'zq' || md5({})"
    columns = {
        "accounts": {'customer.company_name AS "name"': "customer.customer_no", "customer.industry AS industry": "customer.industry"},
        "exports": {"report_no AS report_id": "report_no"},
    }
    for name, changes in columns.items():
        view = workspace.folder / "views" / f"{name}.sql"
        text = view.read_text(encoding="utf-8")
        for old, inside in changes.items():
            assert old in text
            text = text.replace(old, f"{made_up.format(inside)} AS {old.rpartition(' ')[2]}")
        tags = ", ".join(old.rpartition(" ")[2].strip('"') for old in changes)
        view.write_text(f"-- personal: {tags}\n{text}", encoding="utf-8")


def files(workspace: Workspace) -> Mapping[str, bytes]:
    """Return every file that anybody but the case's own evidence holds, the sandbox's tracker and help desk with it."""
    found = {str(path.relative_to(workspace.folder)): path.read_bytes() for path in workspace.folder.rglob("*") if path.is_file()}
    # Where the values are at home: the database, the views that make them up here, and the evidence as it was read.
    return {name: data for name, data in found.items() if not re.match(r"(data|views)/|cases/[^/]+/evidence/.*\.parquet$", name)}


def test_no_output_holds_a_tagged_value_unless_it_is_asked_for(workspace: Workspace, company: tuple[object, DemoWorkspace]) -> None:
    tagged(workspace)
    made = company[1]
    said = {"run": workspace.run("run", *made.tickets, "--with", made.investigation, "--include-found", "--yes")}
    assert said["run"].code == 0, said["run"].err
    for form in ("text", "json", "jsonl"):
        said[f"show {form}"] = workspace.run("show", "BR-0001", "--output", form)
        for name in ("events", "population"):
            said[f"evidence {name} {form}"] = workspace.run("show", "BR-0001", "--evidence", name, "--output", form)
            # As text, the width of a terminal may cut the mask itself.
            assert form == "text" or "[personal" in said[f"evidence {name} {form}"].out
    for reader in READERS:
        said[f"report for {reader}"] = workspace.run("report", "BR-0001", "--for", reader)
    said["reproduce"] = workspace.run("reproduce", "BR-0001", "--target", "staging")
    said["investigate as json"] = workspace.run("investigate", *made.tickets, "--with", made.investigation, "--new", "--output", "json")
    said["file, dry"] = workspace.run("file", "BR-0001", "--dry-run", "--output", "json")
    said["cases"] = workspace.run("cases", "--output", "json")
    leaks = [name for name, result in said.items() if SECRET.search((result.out + result.err).encode())]
    leaks += [name for name, data in files(workspace).items() if SECRET.search(data)]
    assert leaks == []
    assert {name: result for name, result in said.items() if result.code not in ({0, 5} if name == "reproduce" else {0})} == {}
    asked = workspace.run("show", "BR-0001", "--evidence", "population", "--output", "json", "--show-personal")
    assert SECRET.search(asked.out.encode())
    noted = [json.loads(line) for line in (workspace.folder / "audit.jsonl").read_text(encoding="utf-8").splitlines()]
    (note,) = [line for line in noted if line["what"] == "show personal data"]
    assert (note["case"], note["evidence"], note["columns"]) == ("BR-0001", "population", ["name", "industry"])
    assert note["who"]
