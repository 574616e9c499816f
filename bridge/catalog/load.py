"""Load one investigation folder, strictly: everything that is wrong with it at once, with file and line."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bridge import resources
from bridge.catalog.placeholders import placeholders
from bridge.catalog.views import read_sql
from bridge.config import validate, yaml_marks
from bridge.config.durations import duration
from bridge.config.problems import failure
from bridge.errors import InputError, NotFoundError, Problem
from bridge.model.investigation import (
    CohortRule,
    CustomerWords,
    Evidence,
    Expectation,
    Investigation,
    LogEvidence,
    NativeSql,
    Parameter,
    SqlEvidence,
    WorkaroundCheck,
)
from bridge.sql.parameters import resolve

if TYPE_CHECKING:
    from bridge.config.yaml_marks import DataPath, Document

FILE: Final = "investigation.yaml"
REPORT: Final = "bug_report"
TESTS: Final = "tests/*.yaml"
# Findings that count accounts need a rule for who is affected.
_NEED_COHORT: Final = frozenset({"cohort", "impact", "onset", "concentration", "contrast", "severity", "triage"})
# Any moment serves to see whether a default can be read.
_SOME_NOW: Final = datetime(2026, 1, 31, tzinfo=UTC)


def load(folder: Path, *, database: str = "") -> Investigation:
    """Return the investigation in `folder`.

    `database` is what evidence without a `database:` key runs on: the one behind the workspace's views. Raises
    NotFoundError when there is no investigation.yaml, one InputError with every problem otherwise.
    """
    shown = str(folder / FILE)
    document = yaml_marks.read(folder / FILE, shown=shown)
    found = list(validate.problems(document, resources.schema("investigation")))
    if found:
        raise failure(shown, found)
    loader = _Loader(folder=folder, document=document, database=database)
    investigation = loader.investigation()
    if loader.problems:
        raise failure(shown, sorted(loader.problems, key=_order))
    return investigation


def digest(folder: Path) -> str:
    """Return the sha256 over investigation.yaml and the .sql files of a folder: names, lengths and bytes, by name."""
    total = hashlib.sha256()
    for path in sorted([folder / FILE, *folder.glob("*.sql")], key=lambda each: each.name):
        data = path.read_bytes()
        total.update(f"{path.name}\0{len(data)}\0".encode())
        total.update(data)
    return total.hexdigest()


def _order(problem: Problem) -> tuple[str, int, int]:
    match = re.fullmatch(r"(.*?):(\d+)(?::(\d+))?", problem.where)
    return (match[1], int(match[2]), int(match[3] or 0)) if match else (problem.where, 0, 0)


@dataclass(slots=True)
class _Loader:
    """Builds the value and collects what a schema can't say."""

    folder: Path
    document: Document
    database: str
    problems: list[Problem] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    """Parameters that something refers to."""

    def investigation(self) -> Investigation:
        """Return the investigation; only to be used when there are no problems."""
        data: dict[str, Any] = self.document.value
        if data["id"] != self.folder.resolve().name:
            hint = f"rename the folder to {data['id']}, or write id: {self.folder.resolve().name}"
            self.problem(("id",), f"id '{data['id']}' is not the folder's name", hint)
        parameters = self.parameters()
        parameters = self.values(parameters)
        evidence = tuple(self.evidence(name, parameters) for name in data["evidence"])
        evidence = self.around(evidence)
        self.joined(evidence)
        cohort = self.cohort(evidence, parameters)
        workaround = self.workaround(evidence)
        self.findings(evidence, cohort)
        self.unused(parameters)
        expected = data.get("expected")
        return Investigation(
            id=data["id"],
            version=data["version"],
            question=_line(data["question"]),
            approach=_line(data["approach"]),
            cannot_tell=_line(data["cannot_tell"]),
            subject=_line(data["subject"]),
            fails=_line(data.get("fails", "")),
            observed=_line(data["observed"]),
            expected=Expectation(statement=_line(expected["statement"]), source=_line(expected["source"])) if expected else None,
            action=_line(data.get("action", "")),
            workaround=workaround,
            data_loss=data.get("data_loss", False),
            parameters=tuple(parameters.values()),
            evidence=evidence,
            cohort=cohort,
            findings=tuple(data["findings"]),
            symptoms=tuple(data.get("symptoms", ())),
            not_causes=tuple(data.get("not_causes", ())),
            report=data.get("report", REPORT),
            customers={
                language: CustomerWords(problem=_line(words["problem"]), workaround=_line(words.get("workaround", "")))
                for language, words in data.get("customers", {}).items()
            },
            folder=str(self.folder),
            digest=digest(self.folder),
            tests=data.get("tests", TESTS),
        )

    def problem(self, path: DataPath, message: str, hint: str = "") -> None:
        """Note a problem at a value."""
        self.problems.append(Problem(message=message, where=self.document.where(path), hint=hint))

    def parameters(self) -> dict[str, Parameter]:
        """Return the declared parameters; defaults must be readable, `window` must be there."""
        declared: dict[str, Parameter] = {}
        for name, spec in self.document.value["parameters"].items():
            default = spec.get("default")
            declared[name] = Parameter(
                name=name,
                type=spec["type"],
                default=tuple(default) if isinstance(default, list) else default,
                description=_line(spec.get("description", "")),
                pattern=spec.get("pattern"),
                minimum=spec.get("minimum"),
                maximum=spec.get("maximum"),
                choices=tuple(spec.get("choices", ())),
                items=spec.get("items"),
            )
            self.parameter(declared[name])
        if "window" not in declared:
            self.problem(("parameters",), "there is no parameter 'window'", "add: window: {type: window, default: last 14 days}")
        elif declared["window"].type != "window":
            self.problem(("parameters", "window", "type"), "the parameter 'window' must be of type window", "type: window")
        self.defaults(declared)
        return declared

    def parameter(self, parameter: Parameter) -> None:
        """Check that keys fit the type, and that a pattern is a regular expression."""
        path: DataPath = ("parameters", parameter.name)
        takes = {
            "choices": {"enum", "list"},
            "pattern": {"string", "list"},
            "minimum": {"integer", "decimal", "list"},
            "maximum": {"integer", "decimal", "list"},
            "items": {"list"},
            "values": {"string", "account", "list"},
        }
        for key, types in takes.items():
            if key in self.document.value["parameters"][parameter.name] and parameter.type not in types:
                self.problem((*path, key), f"'{key}' means nothing for type {parameter.type}", f"it belongs to: {', '.join(sorted(types))}")
        if parameter.type == "enum" and not parameter.choices:
            self.problem(path, f"parameter '{parameter.name}' is an enum without choices", "choices: [a, b]")
        if parameter.pattern is not None:
            try:
                re.compile(parameter.pattern)
            except re.error as error:
                self.problem((*path, "pattern"), f"'{parameter.pattern}' is not a regular expression: {error}")

    def values(self, parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
        """Return the parameters with the queries behind their values; a query that reads its own parameter does not make it used."""
        found = dict(parameters)
        for name, parameter in parameters.items():
            file = self.document.value["parameters"][name].get("values")
            if file is not None:
                used = set(self.used)
                place, text = self.text(("parameters", name, "values"), file, parameters)
                self.used = used | (self.used - {name})
                query = SqlEvidence(name=f"values of {name}", kind="table", database=self.database, sql=text, file=place)
                found[name] = replace(parameter, values=query)
        return found

    def defaults(self, declared: Mapping[str, Parameter]) -> None:
        """Read every default as a run would; a window may refer to another one."""
        stand_in = {name: "last 1 day" for name, parameter in declared.items() if parameter.type == "window" and parameter.default is None}
        windows = [replace(p, default=stand_in.get(name, p.default)) for name, p in declared.items() if p.type == "window"]
        for name, parameter in declared.items():
            if parameter.default is None:
                continue
            together = [*windows] if parameter.type == "window" else [parameter]
            try:
                resolve(together, {}, now=_SOME_NOW)
            except InputError as error:
                for each in error.problems:
                    if f"'{name}'" in each.message:
                        self.problem(("parameters", name, "default"), f"the default of {each.message}", each.hint)

    def evidence(self, name: str, parameters: Mapping[str, Parameter]) -> Evidence:
        """Return one piece of evidence."""
        spec: dict[str, Any] = self.document.value["evidence"][name]
        path: DataPath = ("evidence", name)
        if "view" in spec:
            view = spec["view"]
            sql = f"SELECT * FROM {view}"  # noqa: S608 - the schema holds the name to [a-z0-9_], and the guard reads the whole text
            return SqlEvidence(name=name, kind="view", database=self.database, sql=sql, file=self.document.line((*path, "view")), view=view)
        if "logs" in spec:
            return self.logs(name, spec, parameters)
        if "joined" in spec:
            file, text = self.text((*path, "joined"), spec["joined"], parameters)
            return SqlEvidence(name=name, kind=spec["kind"], database="", sql=text, file=file, joins=tuple(spec["from"]))
        files = spec["sql"] if isinstance(spec["sql"], dict) else {"default": spec["sql"]}
        whole = isinstance(spec["sql"], str)
        texts = {
            dialect: self.text((*path, "sql") if whole else (*path, "sql", dialect), each, parameters) for dialect, each in files.items()
        }
        file, text = texts.pop("default")
        natives = tuple(NativeSql(dialect=dialect, sql=sql, file=place) for dialect, (place, sql) in texts.items())
        return SqlEvidence(name=name, kind=spec["kind"], database=spec.get("database", self.database), sql=text, file=file, natives=natives)

    def text(self, path: DataPath, name: str, parameters: Mapping[str, Parameter]) -> tuple[str, str]:
        """Return where a .sql file is and what it says; its placeholders must be declared."""
        file = self.folder / name
        text = ""
        try:
            text = read_sql(file, str(file))
        except NotFoundError:
            near = difflib.get_close_matches(name, [other.name for other in self.folder.glob("*.sql")], n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"write {file}"
            self.problem(path, f"no file '{name}' beside {FILE}", hint)
        except InputError as error:
            self.problems.append(Problem(message=error.message, where=error.where, hint=error.hint))
        self.placeholders(text, str(file), parameters)
        return str(file), text

    def joined(self, evidence: tuple[Evidence, ...]) -> None:
        """Check that joined evidence reads queries and views, not another join."""
        known = [item.name for item in evidence if isinstance(item, SqlEvidence) and not item.joins]
        for item in evidence:
            for index, name in enumerate(item.joins if isinstance(item, SqlEvidence) else ()):
                if name not in known:
                    message = f"'{name}' is not sql or view evidence{validate.nearest(name, known)}"
                    self.problem(("evidence", item.name, "from", index), message, f"there is: {', '.join(known) or 'none'}")

    def placeholders(self, sql: str, file: str, parameters: Mapping[str, Parameter]) -> None:
        """Check that every `:name` is declared; a window gives `:name_start` and `:name_end`."""
        known: dict[str, str] = {}
        for name, parameter in parameters.items():
            known.update({f"{name}_start": name, f"{name}_end": name} if parameter.type == "window" else {name: name})
        for name, line in placeholders(sql).items():
            if name in known:
                self.used.add(known[name])
                continue
            hint = (
                f"write :{name}_start and :{name}_end"
                if name in parameters
                else f"known: {', '.join(f':{each}' for each in known) or 'none'}"
            )
            message = f"placeholder :{name} is not a declared parameter{validate.nearest(name, known)}"
            self.problems.append(Problem(message=message, where=f"{file}:{line}", hint=hint))

    def logs(self, name: str, spec: Mapping[str, Any], parameters: Mapping[str, Parameter]) -> LogEvidence:
        """Return a selection of log events; lengths are read here."""
        path: DataPath = ("evidence", name)
        seconds = {"before": 0, "after": 0}
        for key in seconds:
            if key not in spec:
                continue
            if "around" not in spec:
                self.problem((*path, key), f"'{key}' needs 'around'", "around: the name of account-events evidence")
            try:
                seconds[key] = int(duration(spec[key]).total_seconds())
            except InputError as error:
                self.problem((*path, key), error.message, error.hint)
        during = spec.get("during", "window")
        windows = [each for each, parameter in parameters.items() if parameter.type == "window"]
        if during in windows:
            self.used.add(during)
        elif "during" in spec:
            message = f"'{during}' is not a window parameter{validate.nearest(during, windows)}"
            self.problem((*path, "during"), message, f"there is: {', '.join(windows) or 'none'}")
        return LogEvidence(
            name=name,
            logs=spec["logs"],
            where={column: tuple(values) for column, values in spec.get("where", {}).items()},
            around=spec.get("around"),
            before_seconds=seconds["before"],
            after_seconds=seconds["after"],
            during=during,
        )

    def around(self, evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
        """Check that `around` names account-events evidence."""
        events = _events(evidence)
        for item in evidence:
            if isinstance(item, LogEvidence) and item.around is not None and item.around not in events:
                self.not_events(("evidence", item.name, "around"), item.around, events)
        return evidence

    def cohort(self, evidence: Iterable[Evidence], parameters: Mapping[str, Parameter]) -> CohortRule | None:
        """Return the rule; its parts must exist and be of the right kind."""
        spec = self.document.value.get("cohort")
        if spec is None:
            return None
        events = _events(evidence)
        if spec["from"] not in events:
            self.not_events(("cohort", "from"), spec["from"], events)
        integers = [name for name, parameter in parameters.items() if parameter.type == "integer"]
        if spec["failing"] in integers:
            self.used.add(spec["failing"])
        else:
            message = f"'{spec['failing']}' is not an integer parameter{validate.nearest(spec['failing'], integers)}"
            hint = (
                f"there is: {', '.join(integers)}" if integers else "declare one: minimum_events: {type: integer, default: 2, minimum: 1}"
            )
            self.problem(("cohort", "failing"), message, hint)
        return CohortRule(source=spec["from"], failing=spec["failing"])

    def not_events(self, path: DataPath, name: str, events: list[str]) -> None:
        """Note that a name is not account-events evidence."""
        message = f"'{name}' is not evidence of the kind account-events{validate.nearest(name, events)}"
        self.problem(path, message, f"there is: {', '.join(events) or 'none'}")

    def workaround(self, evidence: Iterable[Evidence]) -> WorkaroundCheck | None:
        """Return the workaround; its evidence must be a query."""
        spec = self.document.value.get("workaround")
        if spec is None:
            return None
        name = spec.get("evidence")
        queries = [item.name for item in evidence if isinstance(item, SqlEvidence) and item.kind == "table"]
        if name is not None and name not in queries:
            message = f"'{name}' is not sql evidence of the kind table{validate.nearest(name, queries)}"
            self.problem(("workaround", "evidence"), message, f"there is: {', '.join(queries) or 'none'}")
        return WorkaroundCheck(statement=_line(spec["statement"]), evidence=name)

    def findings(self, evidence: Iterable[Evidence], cohort: CohortRule | None) -> None:
        """Check that what a finding is computed from is there."""
        logs = [item for item in evidence if isinstance(item, LogEvidence)]
        compared = {item.during for item in logs if item.around is None}
        for index, name in enumerate(self.document.value["findings"]):
            path: DataPath = ("findings", index)
            if name in _NEED_COHORT and cohort is None:
                self.problem(path, f"'{name}' needs a cohort", "cohort: {from: events, failing: minimum_events}")
            if name == "sequence" and not logs:
                self.problem(path, "'sequence' needs log evidence", "logs: {logs: app, around: events, before: 30m, after: 5m}")
            if name == "novelty" and not {"window", "baseline"} <= compared:
                hint = "logs: {logs: app, during: window} and baseline_logs: {logs: app, during: baseline}"
                self.problem(path, "'novelty' needs log evidence of two windows, without 'around'", hint)
            if name == "workaround" and "workaround" not in self.document.value:
                self.problem(path, "'workaround' needs the key 'workaround'", "workaround: {statement: ..., evidence: ...}")

    def unused(self, parameters: Mapping[str, Parameter]) -> None:
        """A parameter that changes nothing misleads whoever sets it; `window` bounds every case."""
        for name in parameters:
            if name not in self.used and name != "window":
                message = f"parameter '{name}' is not used"
                self.problems.append(
                    Problem(message=message, where=self.document.where(("parameters", name), key=True), hint="use it, or remove it")
                )


def _events(evidence: Iterable[Evidence]) -> list[str]:
    return [item.name for item in evidence if isinstance(item, SqlEvidence) and item.kind == "account-events"]


def _line(text: str) -> str:
    """Return text on one line: folded YAML keeps breaks that a report must not have."""
    return " ".join(text.split())
