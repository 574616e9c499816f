from __future__ import annotations

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.logs.store import events_schema, load, with_templates
from bridge.logs.templates import template_of


def table(*messages: str | None) -> pa.Table:
    return pa.table({"message": pa.array(messages, pa.string()), "service": pa.array(["s"] * len(messages), pa.string())})


def test_tables_are_mined_together_in_any_order() -> None:
    """A template of one side that is wider than that of the other would look new."""
    before, now = table("wrote 1 rows", "session opened for user root", None), table("session opened for user news", "wrote 2 rows")
    (left, right), found = with_templates([before, now])
    (swapped, other), again = with_templates([now.take([1, 0]), before])
    assert left.column_names == ["message", "template_id", "service"]
    assert left["template_id"].to_pylist()[:2] == right["template_id"].to_pylist()[::-1] == swapped["template_id"].to_pylist()
    assert other["template_id"].equals(left["template_id"])
    assert found.templates == again.templates
    assert set(found.texts) == {"wrote <*> rows", "session opened for user <*>", ""}
    alone = with_templates([before])[0][0]
    assert alone["template_id"][1] != left["template_id"][1]
    assert with_templates([left, right])[0][0].equals(left), "ids that are there are made anew"
    assert with_templates([table()])[0][0].num_rows == 0


def test_a_stack_trace_adds_its_exceptions_and_not_its_lines() -> None:
    trace = (
        "export 17 failed\njava.lang.IllegalStateException: 41\n\tat a.B.c(B.java:7)\nCaused by: java.io.IOException: gone\n\t... 12 more"
    )
    assert template_of(trace) == "export <*> failed | java.lang.IllegalStateException, java.io.IOException"
    assert template_of(trace.replace("B.java:7", "B.java:8")) == template_of(trace)


def test_events_load_into_duckdb() -> None:
    row = {"at": 1_773_108_001_000_000, "level": "INFO", "service": "s", "account_id": None, "trace_id": "t", "message": "m"}
    table = pa.table({**{key: [value] for key, value in row.items()}, "attributes": ["{}"], "file": ["f"], "offset": [0]})
    table = table.set_column(0, "at", table["at"].cast(pa.timestamp("us", tz="UTC"))).cast(events_schema())
    with duckdb.connect() as connection:
        load(connection, 'log "events"', table)
        load(connection, 'log "events"', table)
        answer = connection.execute('SELECT count(*), epoch_us(min("at")), max(attributes::JSON) FROM "log ""events"""').fetchone()
    assert answer == (1, 1_773_108_001_000_000, "{}")


words = st.sampled_from("user root news cyrus for from failed = ( ) [ ] , : true null a.b.C /x/y 10.0.0.1 17 0xff w17 x_1 - .".split())  # noqa: SIM905 - as it is read


@settings(deadline=None)
@given(st.lists(st.lists(words, max_size=8).map(" ".join), min_size=1, max_size=40), st.data())
def test_the_same_lines_or_some_of_them_keep_their_ids(messages: list[str], data: st.DataObject) -> None:
    """A case that is read again has the same bytes, and a question about some of its lines gives its ids."""
    (whole,), one = with_templates([table(*messages)])
    (again,), two = with_templates([whole], one.templates)
    assert again.equals(whole)
    assert with_templates([whole], two.templates)[1].templates == two.templates
    some = sorted(data.draw(st.sets(st.integers(0, len(messages) - 1), min_size=1)))
    (part,), three = with_templates([whole.take(some)], one.templates)
    assert part["template_id"].to_pylist() == whole["template_id"].take(some).to_pylist()
    assert all(three.known)
