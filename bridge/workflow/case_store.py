"""Case folders: make, find, read and write them. Every file is written whole or not at all."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, replace
from pathlib import Path

from bridge.disk import disk_error, write_text
from bridge.errors import NotFoundError
from bridge.model.case import Case
from bridge.model.finding import Analysis
from bridge.workflow.codec import from_json, to_json

_ID = re.compile(r"[A-Z][A-Z0-9]*-\d{4,}")


@dataclass(frozen=True, slots=True)
class CaseStore:
    """All cases of a workspace, one folder each."""

    root: Path
    """The workspace's `cases` folder."""
    prefix: str = "BR"

    def folder(self, case_id: str) -> Path:
        """Return the folder of a case; `case_id` is checked, so it can't leave the store."""
        if not _ID.fullmatch(case_id):
            raise NotFoundError(f"'{case_id}' is not a case id", hint=f"ids look like {self.prefix}-0001; all: bridge cases")
        return self.root / case_id

    def ids(self) -> list[str]:
        """Return the ids of all cases, oldest first."""
        if not self.root.is_dir():
            return []
        found = (p.name for p in self.root.iterdir() if _ID.fullmatch(p.name) and (p / "case.json").is_file())
        return sorted(found, key=lambda name: (name.split("-")[0], int(name.split("-")[1])))

    def all(self) -> list[Case]:
        """Return every case, oldest first."""
        return [self.load(case_id) for case_id in self.ids()]

    def create(self, case: Case) -> Case:
        """Give the case the next free id, make its folder and write it."""
        numbers = [int(p.name.split("-")[1]) for p in self.root.iterdir() if _ID.fullmatch(p.name)] if self.root.is_dir() else []
        number = max(numbers, default=0) + 1
        while True:
            made = replace(case, id=f"{self.prefix}-{number:04d}")
            try:
                # Customers' words and rows lie below: for its owner only, until that owner decides otherwise.
                self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
                self.folder(made.id).mkdir()
            except FileExistsError:
                number += 1  # another run took it meanwhile
                continue
            except OSError as error:
                raise disk_error(error, self.folder(made.id)) from error
            self.save(made)
            return made

    def save(self, case: Case) -> None:
        """Write case.json."""
        write_text(self.folder(case.id) / "case.json", to_json(case))

    def load(self, case_id: str) -> Case:
        """Read a case; an unknown id answers with the nearest ones."""
        path = self.folder(case_id) / "case.json"
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            near = difflib.get_close_matches(case_id, self.ids(), n=3, cutoff=0.5)
            hint = f"did you mean {', '.join(near)}?   all: bridge cases" if near else "all: bridge cases"
            raise NotFoundError(f"no case '{case_id}' in this workspace", where=str(self.root), hint=hint) from error
        return from_json(text, Case, where=str(path))

    def save_analysis(self, case_id: str, analysis: Analysis) -> None:
        """Write findings.json."""
        write_text(self.folder(case_id) / "findings.json", to_json(analysis))

    def load_analysis(self, case_id: str) -> Analysis:
        """Read findings.json; NotFoundError tells to investigate first."""
        path = self.folder(case_id) / "findings.json"
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            case = self.load(case_id)
            command = f"bridge investigate {' '.join(case.requested)} --with {case.investigation}"
            raise NotFoundError(f"{case_id} has no findings yet", where=str(path), hint=f"continue it: {command}") from error
        return from_json(text, Analysis, where=str(path))
