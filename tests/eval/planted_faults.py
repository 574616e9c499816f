"""Faults planted into a real system's fault-free traces: does `logs compare` name the service whichever it is?

The cases at hand hold faults in two services. Here every service of the system gets them: one step of its calls breaks, in
all traces that take the step, and the traces of the real fault are left out. What is planted: the call stops silently
(`return`), or with an error line of its own (`return-error`); or the whole trace ends, with errors of the container in the
service and its caller (`exception`), in the caller alone, at the entry alone, or without a word. Some can't be found by
anybody on logs alone (an entry point that no longer writes its first line), so there is no bar of 1.
Run: python -m tests.eval.planted_faults [--seed N] [--each N]
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import sys
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bridge.analysis.compare import compare
from tests.eval.trainticket import FOLDER, NORMAL, TIME, read

Row = dict[str, Any]
Step = tuple[str, str | None, str]
"""Service, and two places in the code that follow each other in one of its calls; None: the call begins."""
KINDS = ("return", "return-error", "exception", "exception-silent", "exception-caller", "exception-entry")
BARS = {
    "return": 0.75,
    "return-error": 0.85,
    "exception": 0.85,
    "exception-silent": 0.75,
    "exception-caller": 0.75,
    "exception-entry": 0.85,
}
FEWEST, FEWEST_BEFORE = 5, 3
_CASES = ("0843", "0852", "0858")
"""The fault of these touches few traces."""
_THROWN = "Servlet.service() for servlet [dispatcherServlet] threw exception [nested exception is java.lang.RuntimeException: 500 null]"


def calls(name: str) -> dict[tuple[str, int], str]:
    """Return the span of each row of a file."""
    with gzip.open(FOLDER / "logs" / f"{name}.gz", "rt", newline="", encoding="utf-8") as lines:
        return {(name, number): row["SpanID"] for number, row in enumerate(csv.DictReader(lines))}


def traces(table: pa.Table, spans: dict[tuple[str, int], str]) -> dict[str, list[Row]]:
    """Return the rows by trace, in time order, each with its place in the code and its span."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(table.to_pylist(), key=lambda row: (row["at"], row["offset"])):
        found[row["trace_id"]].append(
            {**row, "place": json.loads(row["attributes"]).get("position"), "span": spans[row["file"], row["offset"]]}
        )
    return found


def pools() -> tuple[pa.Table, dict[str, dict[str, list[Row]]], list[Step]]:
    """Return the fault-free window, for each case the traces that its fault did not touch, and the steps of the window."""
    normal, spans = read(NORMAL), calls(NORMAL)
    found = {}
    for case in json.loads((FOLDER / "cases.json").read_text("utf-8")):
        if case["id"] not in _CASES:
            continue
        for name in case["files"]:
            spans |= calls(name)
        logs = pa.concat_tables([read(name) for name in case["files"]])
        logs = logs.filter(pc.greater_equal(logs["at"], pa.scalar(datetime.fromisoformat(case["injected_at"]), TIME)))
        rows = traces(logs, spans)
        found[case["id"]] = {trace: rows[trace] for trace in rows if all(row["service"] != case["service"] for row in rows[trace])}
    held: Counter[Step] = Counter()
    for known in traces(normal, spans).values():
        places: dict[tuple[str, str], list[str]] = defaultdict(list)
        for row in known:
            places[row["service"], row["span"]].append(row["place"])
        held.update({(key[0], one, other) for key, own in places.items() for one, other in zip([None, *own], own, strict=False)})
    return normal, found, sorted((step for step, count in held.items() if count >= FEWEST_BEFORE and step[1] != step[2]), key=str)


def planted(pool: dict[str, list[Row]], step: Step, kind: str) -> tuple[list[Row], int]:
    """Return the rows with the step broken in every trace that takes it, and in how many that was."""
    out, hit = [], 0
    for rows in pool.values():
        own: dict[str, list[int]] = defaultdict(list)
        for number, row in enumerate(rows):
            if row["service"] == step[0]:
                own[row["span"]].append(number)
        broken = [(at, call[0], call[-1]) for call in own.values() if (at := _breaks(rows, call, step)) is not None]
        hit += bool(broken)
        if not broken:
            out += rows
        elif kind.startswith("exception"):
            out += _ended(rows, min(at for at, _, _ in broken), step[0], kind)
        else:
            out += _left_out(rows, broken, step[0], said=kind == "return-error")
    return out, hit


def _breaks(rows: list[Row], call: list[int], step: Step) -> int | None:
    places = [None, *(rows[number]["place"] for number in call)]
    pairs = zip(places, places[1:], call, strict=False)
    if step[1] is None:
        return call[0] if places[1] == step[2] else None
    return next((number for one, other, number in pairs if (one, other) == step[1:]), None)


def _ended(rows: list[Row], at: int, service: str, kind: str) -> list[Row]:
    seen = list(dict.fromkeys([service, *(row["service"] for row in reversed(rows[:at]))]))
    tell = {"exception": seen[:2], "exception-caller": seen[1:2], "exception-entry": [rows[0]["service"]]}.get(kind, [])
    place = json.dumps({"position": "o.a.c.c.C.[.[.[.[dispatcherServlet]#175"})
    return rows[:at] + [
        {
            **rows[at],
            "service": who,
            "level": "ERROR",
            "message": _THROWN,
            "attributes": place,
            "at": rows[at]["at"] + timedelta(milliseconds=3 * n),
        }
        for n, who in enumerate(tell, 1)
    ]


def _left_out(rows: list[Row], broken: list[tuple[int, int, int]], service: str, *, said: bool) -> list[Row]:
    """Leave out the rest of the call and what it calls, until somebody who wrote before the call writes again."""
    gone: set[int] = set()
    error: list[Row] = []
    for at, first, last in broken:
        gone |= set(range(at, last + 1))
        callers = {row["service"] for row in rows[:first]}
        for number in range(last + 1, len(rows)):
            if rows[number]["service"] in callers:
                break
            gone.add(number)
        place = json.dumps({"position": f"{service[3:5]}.s.Impl#991"})
        error.append({**rows[at], "level": "ERROR", "message": "[find][repository.find][No result according to id]", "attributes": place})
    return [row for number, row in enumerate(rows) if number not in gone] + (error if said else [])


def main(argv: list[str] | None = None) -> int:
    """Print the table; 1 below a bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--each", type=int, default=60)
    options = parser.parse_args(argv)
    if not FOLDER.is_dir():
        print(f"skipped: no {FOLDER}; set BRIDGE_CORPORA")
        return 0
    normal, pool, steps = pools()
    missed = 0
    print(f"seed {options.seed}, {options.each} faults a kind, in {len({step[0] for step in steps})} services")
    print(f"{'planted':<17} {'service first':>13} {'bar':>5} {'region in 3':>12} {'nothing':>8}")
    for kind in KINDS:
        chance = random.Random(f"{options.seed}{kind}")
        made: list[tuple[bool, bool, bool]] = []
        for case, step in chance.sample(cases := [(case, step) for case in pool for step in steps], len(cases)):
            rows, hit = planted(pool[case], step, kind)
            if hit < FEWEST:
                continue
            found = compare(normal, pa.Table.from_pylist(rows, schema=normal.schema))
            top = [found.groups[0].group] if found.groups else []
            wanted = {place for place in step[1:] if place}
            region = any(
                item.group == step[0] and wanted & {item.position, item.follows_position, item.instead_position}
                for item in found.findings[:3]
            )
            made.append((top == [step[0]], region, not top))
            if len(made) == options.each:
                break
        first, region_share, silent = (sum(column) / len(made) for column in zip(*made, strict=True))
        missed += first < BARS[kind]
        print(f"{kind:<17} {first:13.2f} {BARS[kind]:5.2f} {region_share:12.2f} {silent:8.2f}", flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
