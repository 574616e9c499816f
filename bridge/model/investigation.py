"""An investigation as loaded from its folder: data that answers one question by one approach."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from bridge.model.evidence import Scalar

ParameterType = Literal["string", "integer", "decimal", "boolean", "enum", "date", "datetime", "window", "list", "account"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A declared parameter; the driver binds its value, it is never rendered into text."""

    name: str
    type: ParameterType
    default: Scalar | tuple[Scalar, ...] = None
    """None: the caller must give it."""
    description: str = ""
    pattern: str | None = None
    """string: the full-match pattern."""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    items: ParameterType | None = None
    """list: the type of its items."""
    values: SqlEvidence | None = None
    """The query whose first column holds what may be given; None: anything that fits the type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeSql:
    """The text of a query for one dialect, where the translation of the common one does not serve."""

    dialect: str
    sql: str
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlEvidence:
    """A query on a database, a whole standard view, or a query over evidence that is collected already."""

    name: str
    kind: Literal["account-events", "table", "view"]
    database: str
    """The workspace's name of it; empty: the database behind its views."""
    sql: str
    """The text of the .sql file (for a view: `SELECT * FROM <view>`), with `:name` placeholders."""
    file: str
    """Where `sql` came from, for messages: path of the .sql file or of investigation.yaml."""
    view: str | None = None
    natives: tuple[NativeSql, ...] = ()
    """Texts for single dialects; `sql` is PostgreSQL's and is translated for the others."""
    joins: tuple[str, ...] = ()
    """Names of the sql evidence that it reads: then it runs in DuckDB over their rows, and `database` is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEvidence:
    """A selection of log events."""

    name: str
    logs: str
    """The workspace's log source."""
    where: dict[str, tuple[str, ...]]
    """Allowed values by column: service, level."""
    around: str | None = None
    """Name of account-events evidence: take lines near its failing events, same account or trace."""
    before_seconds: int = 0
    after_seconds: int = 0
    during: str = "window"
    """The window parameter that bounds the selection: `window`, or `baseline` for what to compare with."""


Evidence = SqlEvidence | LogEvidence


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortRule:
    """An account is affected when it has at least `failing` failing rows in the evidence `source`."""

    source: str
    failing: str
    """Name of the integer parameter that holds the minimum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What should have happened, and who says so: specification, earlier release, control accounts."""

    statement: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkaroundCheck:
    """A workaround, with the evidence that shows whether it worked (rows: account_id, at, key, worked)."""

    statement: str
    evidence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerWords:
    """What customers are told, in one language."""

    problem: str
    """What fails, in a few words: `Exporte sind leer`."""
    workaround: str = ""
    """The workaround's statement; empty: nobody has written it in this language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Investigation:
    """One catalogue entry."""

    id: str
    version: int
    question: str
    approach: str
    cannot_tell: str
    """What this investigation can't know; printed as the report's limits."""
    subject: str
    """What fails, as a noun phrase for titles and statements: `scheduled exports`."""
    observed: str
    """One sentence on what the failure looks like: `the file has no rows although the source had some`."""
    expected: Expectation | None
    action: str
    """The step a person does to trigger it: `Run a scheduled export of a report whose source has rows`."""
    workaround: WorkaroundCheck | None
    data_loss: bool
    """True when customers act on wrong or missing data without being told; raises the severity."""
    parameters: tuple[Parameter, ...]
    evidence: tuple[Evidence, ...]
    cohort: CohortRule | None
    findings: tuple[str, ...]
    symptoms: tuple[str, ...]
    """Words customers use for it, in any language: they find further tickets of affected accounts."""
    not_causes: tuple[str, ...]
    """Attributes that the problem itself causes: never offered as what affected accounts share."""
    report: str
    folder: str
    digest: str
    """sha256 over investigation.yaml and the .sql files: the case says exactly which text ran."""
    fails: str = ""
    """What the subject does wrong, as a verb phrase for titles: `come out empty`. Empty: the title uses `observed`."""
    customers: dict[str, CustomerWords] = field(default_factory=dict)
    """By language (de): drafts for customers take these sentences, and never print another language's."""
    tests: str = "tests/*.yaml"
    """Where its tests are, relative to the folder."""
