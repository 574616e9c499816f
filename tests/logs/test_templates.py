from __future__ import annotations

import duckdb
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from bridge.logs.store import events_schema, load
from bridge.logs.templates import Templates, template_of, templates_of


def test_ids_do_not_depend_on_the_order() -> None:
    messages = ["wrote 1 rows", "wrote 2 rows", "export failed", "wrote 3 rows"]
    there, back = Templates(), Templates()
    ids = there.assign(messages)
    assert ids == list(reversed(back.assign(messages[::-1])))
    assert there.table().equals(back.table())
    assert len(set(ids)) == 2
    assert there.table()["template"].to_pylist().count("wrote <*> rows") == 1


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


pieces = st.sampled_from(
    [*"0123456789abcdefxzAF_-.:/=+,@<*>()[]% \t\n\v\\é\u2028", "10", "Mar", "Tue ", "02:00:01", "2026-03-10", "acct_", "Z", " +0000"]
)


@given(st.lists(st.one_of(st.lists(pieces, max_size=24).map("".join), st.text(max_size=30)), max_size=20))
def test_whole_columns_and_single_messages_give_the_same(messages: list[str]) -> None:
    clean = [message.encode("utf-8", "replace").decode() for message in messages]
    assert templates_of(clean) == [template_of(message) for message in clean]
