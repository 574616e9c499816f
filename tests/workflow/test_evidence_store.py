from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import InputError, NotFoundError
from bridge.model.evidence import Provenance
from bridge.workflow.evidence_store import EvidenceStore, inputs_digest, parquet_bytes, sorted_rows

AT = datetime(2026, 3, 10, 2, 5, tzinfo=UTC)
ROW = st.tuples(st.sampled_from(["a", "b", None]), st.integers(-5, 5), st.booleans())


def a_table(rows: list[tuple[str | None, int, bool]]) -> pa.Table:
    return pa.table(
        {
            "account_id": pa.array([r[0] for r in rows], pa.string()),
            "at": pa.array([AT + timedelta(hours=r[1]) for r in rows], pa.timestamp("us", tz="UTC")),
            "failed": pa.array([r[2] for r in rows], pa.bool_()),
            "arr": pa.array([Decimal(r[1]) for r in rows], pa.decimal128(18, 2)),
        }
    )


def a_provenance(data: bytes, **changes: object) -> Provenance:
    values: dict[str, object] = {
        "id": "E1",
        "name": "events",
        "kind": "account-events",
        "source": "app",
        "product": "duckdb",
        "dialect": "duckdb",
        "query": "SELECT 1",
        "parameters": {"n": 1, "list": [1, 2]},
        "started_at": AT,
        "took_seconds": 0.1,
        "rows": 1,
        "truncated": False,
        "digest": hashlib.sha256(data).hexdigest(),
        "file": "evidence/01-events.parquet",
    }
    return Provenance(**(values | changes))  # type: ignore[arg-type]


@given(st.lists(ROW, max_size=20), st.randoms())
def test_the_order_of_a_databases_rows_never_changes_the_bytes(rows: list[tuple[str | None, int, bool]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert parquet_bytes(sorted_rows(a_table(rows))) == parquet_bytes(sorted_rows(a_table(shuffled)))


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    table = a_table([("a", 1, True), (None, 2, False)])
    data = parquet_bytes(table)
    written = store.write(a_provenance(data), data)
    assert store.read(written).equals(table)
    assert store.read(written, ["account_id"]).equals(table.select(["account_id"]))
    assert store.count(written) == 2
    assert store.table("E1")[1].equals(table)
    assert store.existing("events") == written


def test_the_same_rows_keep_their_first_provenance(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    data = parquet_bytes(a_table([("a", 1, True)]))
    store.write(a_provenance(data), data)
    before = {p.name: p.read_bytes() for p in store.folder.iterdir()}
    store.write(a_provenance(data, started_at=AT + timedelta(hours=1), took_seconds=9.9), data)
    assert {p.name: p.read_bytes() for p in store.folder.iterdir()} == before


def test_other_rows_replace_both(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    first, second = parquet_bytes(a_table([("a", 1, True)])), parquet_bytes(a_table([("b", 1, True)]))
    store.write(a_provenance(first), first)
    store.write(a_provenance(second), second)
    assert store.table("events")[1]["account_id"].to_pylist() == ["b"]


def test_changed_rows_are_not_believed(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    data = parquet_bytes(a_table([("a", 1, True)]))
    written = store.write(a_provenance(data), data)
    (tmp_path / written.file).write_bytes(data + b"x")
    assert store.existing("events") is None
    for ask in (store.read, store.count):
        with pytest.raises(InputError, match="was changed"):
            ask(written)


def test_rows_that_are_gone_are_named(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    data = parquet_bytes(a_table([("a", 1, True)]))
    written = store.write(a_provenance(data), data)
    (tmp_path / written.file).unlink()
    with pytest.raises(NotFoundError, match=r"E1 \(events\) is gone"):
        store.read(written)
    with pytest.raises(NotFoundError) as caught:
        store.table("population")
    assert "events" in caught.value.hint


def test_the_identity_of_a_question_is_source_text_and_values() -> None:
    base = inputs_digest("app", "SELECT 1", {"a": 1, "b": "x"})
    assert base == inputs_digest("app", "SELECT 1", {"b": "x", "a": 1})
    others = [
        inputs_digest("log", "SELECT 1", {"a": 1, "b": "x"}),
        inputs_digest("app", "SELECT 2", {"a": 1, "b": "x"}),
        inputs_digest("app", "SELECT 1", {"a": 2, "b": "x"}),
    ]
    assert base not in others
