"""Log questions against their peers, in CPU seconds of the whole process tree; every peer runs in the same session.

Run: make bench-logs (LOGS=folder of shared/bench/make_logs.py). Without the set of 1 GB a
small one is made (BENCH_LOGS_MB, default 64): there start-up is most of the time, and no ratio is held against its bar.
A peer that is not installed is left out, with the reason. BENCH_BIG=1 also reads the set ten times over (10 GB of disk).
"""

# ruff: noqa: S608 - queries of the benchmark itself, over its own files

from __future__ import annotations

import gzip
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

ROUNDS = 3
TEMPORARY = Path(tempfile.gettempdir())
SMALL = int(os.environ.get("BENCH_LOGS_MB", "64"))
FULL = TEMPORARY / "bench-logs"
LOGS = Path(os.environ["LOGS"]) if os.environ.get("LOGS") else FULL if FULL.is_dir() else TEMPORARY / f"bench-logs-{SMALL}"
ENOUGH = 900_000_000
"""Bytes from which on the bars count."""
MAKER = Path(__file__).resolve().parents[2].parent / "shared" / "bench" / "make_logs.py"
PEERS = os.environ.get("BRIDGE_PEERS") or sys.executable
ACCOUNT = "acc_eccbc87e4b"
CACHE = LOGS / "cache"
ENTRY = "import sys; from bridge.cli.main import main; sys.exit(main(sys.argv[1:]))"
BRIDGE = f"{sys.executable} -c '{ENTRY}' logs"

DUCK_READ = (
    "read_json('{folder}/*.jsonl', format='newline_delimited', columns={{ts:'TIMESTAMPTZ', level:'VARCHAR', service:'VARCHAR', host:'VARCHAR', "
    "version:'VARCHAR', trace_id:'VARCHAR', account_id:'VARCHAR', user_id:'BIGINT', region:'VARCHAR', duration_ms:'DOUBLE', msg:'VARCHAR', "
    "attempt:'BIGINT', span_id:'VARCHAR', error:'STRUCT(type VARCHAR, stack VARCHAR)', http:'STRUCT(method VARCHAR, path VARCHAR, status BIGINT, "
    "duration_ms DOUBLE)'}})"
)


def run(command: str) -> tuple[float, float, str]:
    """Return CPU seconds, peak MiB of the largest process, and the output."""
    script = "import resource, subprocess, sys; done = subprocess.run(['bash', '-c', sys.argv[1]], capture_output=True, text=True); r = resource.getrusage(resource.RUSAGE_CHILDREN); print(r.ru_maxrss, file=sys.stderr); sys.stdout.write(done.stdout); sys.stderr.write(done.stderr[-2000:]); sys.exit(done.returncode)"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-S", "-c", script, command], capture_output=True, text=True, timeout=900, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"failed: {command}\n{done.stderr}")
    used = (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime) - HARNESS
    return used, int(done.stderr.split("\n", 1)[0]) / 1024, done.stdout


HARNESS = 0.0


def median(command: str, before: Callable[[], None] | None = None) -> tuple[float, float, str]:
    results = []
    for _ in range(ROUNDS):
        if before is not None:
            before()
        results.append(run(command))
    return statistics.median(r[0] for r in results), max(r[1] for r in results), results[-1][2]


def python(code: str, interpreter: str = sys.executable) -> str:
    path = LOGS / f"peer-{abs(hash(code)):x}.py"
    path.write_text(textwrap.dedent(code), encoding="utf-8")
    return f"{interpreter} {path}"


def line(question: str, who: str, result: tuple[float, float, str], note: str = "") -> float:
    print(f"{question:34} {who:34} {result[0]:7.3f} CPU s  {result[1]:6.0f} MiB  {note}", flush=True)
    return result[0]


def ratio(name: str, ours: float, peer: float, limit: float | None, *, throughput: bool = False) -> None:
    """Print a ratio; `limit` None: no bar was set."""
    value = peer / ours if throughput else ours / peer
    if limit is None:
        print(f"    {name}: {value:.2f}   no bar", flush=True)
        return
    fine = value >= limit if throughput else value <= limit
    verdict = (
        ("held" if fine else "MISSED") if sum(path.stat().st_size for path in LOGS.glob("*.jsonl")) >= ENOUGH else "not judged: small set"
    )
    print(f"    {name}: {value:.2f}   {'at least' if throughput else 'at most'} {limit}   {verdict}", flush=True)


def have(tool: str) -> bool:
    if shutil.which(tool):
        return True
    print(f"    {tool} is not installed: its peer is left out")
    return False


def chdb() -> bool:
    if Path(PEERS).exists() and subprocess.run([PEERS, "-c", "import chdb"], capture_output=True, check=False).returncode == 0:
        return True
    print(f"    chdb is not in {PEERS}: its peer is left out")
    return False


def narrow() -> None:
    flags = f"--account {ACCOUNT} --level ERROR --since 2026-03-10T01:00Z --until 2026-03-10T03:00Z"
    raw = median(f"{BRIDGE} search {LOGS}/*.jsonl {flags} --no-cache")
    ours = line("errors of one account, two hours", "bridge, raw files", raw, f"{raw[2].count(chr(10))} rows")
    if have("rg"):
        peer = median(f'rg -IN {ACCOUNT} {LOGS}/*.jsonl | rg \'"level":"ERROR"\' | rg \'"ts":"2026-03-10T0[12]\' | sort -t\'"\' -k4,4')
        ratio("to rg | sort", ours, line("", "rg | rg | rg | sort", peer, f"{peer[2].count(chr(10))} rows"), 1.0)
    if have("lnav") and os.environ.get("LNAV"):
        line("", "lnav headless", run(f"lnav -n -c ':filter-in {ACCOUNT}' -c ':filter-in ERROR' {LOGS}/*.jsonl"))


def broad() -> None:
    result = median(f"{BRIDGE} count {LOGS}/*.jsonl --level ERROR --per template --every 15m --output jsonl --no-cache")
    ours = line("error templates by 15 minutes", "bridge, raw files", result, f"{result[2].count(chr(10))} groups")
    if have("rg") and have("gawk"):
        program = (
            '{match($0,/"ts":"([^"]*)/,a); match($0,/"msg":"([^"]*)/,m); s=m[1]; gsub(/[0-9a-f-]*[0-9][0-9a-f-]*/,"#",s); '
            "q=int(substr(a[1],15,2)/15); n[substr(a[1],1,14) q s]++} END{for(k in n) print n[k],k}"
        )
        (LOGS / "count.awk").write_text(program, encoding="utf-8")
        peer = median(f'rg -IN \'"level":"ERROR"\' {LOGS}/*.jsonl | gawk -f {LOGS}/count.awk | sort')
        ratio("to rg | gawk", ours, line("", "rg | gawk", peer, f"{peer[2].count(chr(10))} groups"), 1.5)
    if chdb():
        group = "toStartOfInterval(parseDateTimeBestEffort({ts}), interval 15 minute) b, replaceRegexpAll({msg}, '[0-9a-f-]*[0-9][0-9a-f-]*', '#') t"
        fields = group.format(ts="ts", msg="msg")
        lines = group.format(ts="JSONExtractString(line, 'ts')", msg="JSONExtractString(line, 'msg')")
        for name, query in (
            ("chdb, JSON", f"select {fields}, count() from file('{LOGS}/*.jsonl', 'JSONEachRow', 'ts String, level String, msg String') where level = 'ERROR' group by b, t"),
            ("chdb, substring first", f"select {lines}, count() from file('{LOGS}/*.jsonl', 'LineAsString', 'line String') where position(line, '\"level\":\"ERROR\"') > 0 group by b, t"),
        ):  # fmt: skip
            peer = median(python(f"import chdb\nprint(chdb.query({query!r}, 'CSV').bytes().decode(), end='')", PEERS))
            ratio(f"to {name}", ours, line("", name, peer, f"{peer[2].count(chr(10))} groups"), 1.0)


def ingest() -> None:
    size = sum(path.stat().st_size for path in LOGS.glob("*.jsonl")) / 1e6
    result = median(f"{BRIDGE} ingest {LOGS}/*.jsonl --output jsonl", lambda: shutil.rmtree(CACHE, ignore_errors=True))
    ours = line("ingest to Parquet", "bridge", result, f"{size / result[0]:.0f} MB per CPU s")
    target = LOGS / "duck.parquet"
    copy = f"copy (select * from {DUCK_READ.format(folder=LOGS)}) to '{target}' (format parquet, compression zstd)"
    peer = median(python(f"import duckdb\nc = duckdb.connect()\nc.execute({copy!r})"))
    ratio("throughput to DuckDB", ours, line("", "DuckDB, typed JSON", peer, f"{size / peer[0]:.0f} MB per CPU s"), 0.9, throughput=True)


DIRT = (
    (b'{"ts":"2026-03-10T02:00:01Z","level":"ERROR","service":"billing","msg":"cut he', "cut lines"),
    (b"\tat com.example.Billing.charge(Billing.java:17)", "stack traces"),
    (b'{"ts":"2026-03-10T02:00:01Z","level":"ERROR","service":"billing","msg":"caf\xe9"}', "invalid UTF-8"),
    (b'{"ts":"2026-03-10T02:00:01Z","level":"ERROR","service":"billing","msg":"a\x00b"}', "NUL bytes"),
)


def lost() -> None:
    """What becomes of lines that are not clean: all counted and kept, or not."""
    import duckdb

    path = LOGS / "dirty.log"
    try:
        with next(iter(sorted(LOGS.glob("*.jsonl")))).open("rb") as stream:
            clean = list(islice(stream, 20_000))
        path.write_bytes(b"".join(line + b"".join(dirt + b"\n" for dirt, _ in DIRT) * (not n % 200) for n, line in enumerate(clean)))
        dirty = len(clean[::200]) * len(DIRT)
        whole = len(clean) + dirty
        found = json.loads(run(f"{BRIDGE} ingest {path} --output jsonl")[2])
        kept = found["parsed"] + found["joined"] + found["rejected"]
        what = ", ".join(name for _, name in DIRT)
        print(f"lines lost of {whole:,}, {dirty} of them dirty ({what})")
        shown = f"{found['parsed']:,} parsed + {found['joined']:,} joined + {found['rejected']:,} rejected with their text"
        print(f"{'':34} {'bridge':34} {whole - kept:,} lost: {shown}")
        for name, more in (("strict", ""), ("ignore_errors", ", ignore_errors=true")):
            query = f"select count(*), count(msg) from read_json('{path}', format='newline_delimited', columns={{ts:'VARCHAR', msg:'VARCHAR'}}{more})"
            try:
                row = duckdb.connect().execute(query).fetchall()[0]
                said = f"{whole - row[1]:,} lost: {row[0]:,} rows, {row[1]:,} with a message"
            except duckdb.Error as error:
                said = f"{whole:,} lost, all: {str(error).splitlines()[0][:60]}"
            print(f"{'':34} {'DuckDB, ' + name:34} {said}", flush=True)
        print(f"    lines lost: {whole - kept}   at most 0   {'held' if kept == whole == found['lines'] else 'MISSED'}")
    finally:
        path.unlink(missing_ok=True)


def cached() -> None:
    flags = f"--account {ACCOUNT} --level ERROR --since 2026-03-10T01:00Z --until 2026-03-10T03:00Z"
    narrow_ours = median(f"{BRIDGE} search {LOGS}/*.jsonl {flags}")
    where = (
        f"level = 'ERROR' and account_id = '{ACCOUNT}' and \\\"at\\\" >= '2026-03-10 01:00:00+00' and \\\"at\\\" < '2026-03-10 03:00:00+00'"
    )
    code = f'import duckdb\nprint(duckdb.connect().execute("select epoch_us(\\"at\\"), level, service, message from read_parquet(\'{CACHE}/*-0.parquet\') where {where} order by 1").fetchall())'
    ours = line("cached: errors of one account", "bridge", narrow_ours)
    ratio("to DuckDB on the same Parquet", ours, line("", "DuckDB, import included", median(python(code))), 1.3)
    broad_ours = median(f"{BRIDGE} count {LOGS}/*.jsonl --level ERROR --per template --every 15m --output jsonl")
    ours = line("cached: error templates by 15 min", "bridge", broad_ours)
    mask = "regexp_replace(message, '[0-9a-f-]*[0-9][0-9a-f-]*', '#', 'g')"
    code = f"import duckdb\nprint(duckdb.connect().execute(\"select epoch_us(time_bucket(interval 15 minutes, \\\"at\\\")) b, {mask} t, count(*) from read_parquet('{CACHE}/*-0.parquet') where level = 'ERROR' group by b, t\").fetchmany(1)[0][2])"
    ratio("to DuckDB on the same Parquet", ours, line("", "DuckDB, import included", median(python(code))), None)


def compressed() -> None:
    flags = f"--account {ACCOUNT} --level ERROR --since 2026-03-10T01:00Z --until 2026-03-10T03:00Z --no-cache"
    for kind, unpack, limit in (("gz", "zcat", 2.2), ("zst", "zstd -dc", 0.7)):
        folder = LOGS / kind
        folder.mkdir(exist_ok=True)
        for path in LOGS.glob("*.jsonl"):
            packed = folder / f"{path.name}.{kind}"
            if not packed.exists():
                if kind == "gz":
                    with path.open("rb") as plain, gzip.open(packed, "wb", compresslevel=6) as out:
                        shutil.copyfileobj(plain, out, 1 << 20)
                elif have("zstd"):
                    subprocess.run(["zstd", "-q", "-3", str(path), "-o", str(packed)], check=True)
        ours = line(f"compressed: {kind}", "bridge", median(f"{BRIDGE} search {folder}/*.{kind} {flags}"))
        if have("rg") and have(unpack.split()[0]):
            peer = line(
                "",
                f"{unpack} | rg",
                median(
                    f'for f in {folder}/*.{kind}; do {unpack} $f | rg -N {ACCOUNT}; done | rg \'"level":"ERROR"\' | rg \'"ts":"2026-03-10T0[12]\' | sort'
                ),
            )
            ratio(f"throughput to {unpack} | rg", ours, peer, limit, throughput=True)


def cores() -> None:
    """What more than one process saves, and costs."""
    window = "--since 2026-03-10T01:00Z --until 2026-03-10T03:00Z"
    questions = (
        ("error templates by 15 minutes", f"count {LOGS}/*.jsonl --level ERROR --per template --every 15m --no-cache"),
        ("every line by level", f"count {LOGS}/*.jsonl --per level --no-cache"),
        ("gzip, one account", f"search {LOGS}/gz/*.gz --account {ACCOUNT} --level ERROR {window} --no-cache"),
        ("ingest to Parquet", f"ingest {LOGS}/*.jsonl --output jsonl"),
    )
    for name, words in questions:
        if "/gz/" in words and not list(LOGS.glob("gz/*.gz")):
            continue
        for count in dict.fromkeys((1, min(8, os.cpu_count() or 1))):
            os.environ["BRIDGE_PROCESSES"] = str(count)
            walls, results = [], []
            for _ in range(ROUNDS):
                shutil.rmtree(CACHE, ignore_errors=True)
                begin = time.perf_counter()
                results.append(run(f"{BRIDGE} {words}"))
                walls.append(time.perf_counter() - begin)
            used = statistics.median(result[0] for result in results)
            peak = max(result[1] for result in results)
            line(name, f"bridge, {count} process{'es' * (count > 1)}", (used, peak, ""), f"{statistics.median(walls):.2f} s on the clock")
    del os.environ["BRIDGE_PROCESSES"]


def big() -> None:
    """Memory does not grow with the input: the set ten times over."""
    if not os.environ.get("BENCH_BIG"):
        print("    the run over ten times the set is left out: BENCH_BIG=1")
        return
    folder = LOGS / "big"
    folder.mkdir(exist_ok=True)
    try:
        for path in LOGS.glob("*.jsonl"):
            with (folder / path.name).open("wb") as out:
                for _ in range(10):
                    with path.open("rb") as plain:
                        shutil.copyfileobj(plain, out, 1 << 20)
        os.environ["BRIDGE_CACHE"] = str(folder / "cache")
        questions = (
            ("count", f"count {folder}/*.jsonl --level ERROR --per template --every 15m --output jsonl --no-cache"),
            ("ingest", f"ingest {folder}/*.jsonl --output jsonl"),
            ("count, cached", f"count {folder}/*.jsonl --level ERROR --per template --every 15m --output jsonl"),
        )
        for name, words in questions:
            line("ten times the set", f"bridge, {name}", run(f"{BRIDGE} {words}"), "(largest process)")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.environ["BRIDGE_CACHE"] = str(CACHE)


def grown() -> None:
    """A file that grew by a hundredth: only what is new is read."""
    path = LOGS / "grown.log"
    source = next(iter(sorted(LOGS.glob("*.jsonl"))))
    data = source.read_bytes()
    cut = data.rfind(b"\n", 0, len(data) * 99 // 100) + 1
    try:
        path.write_bytes(data[:cut])
        whole = run(f"{BRIDGE} ingest {path} --output jsonl")
        with path.open("ab") as stream:
            stream.write(data[cut:])
        more = run(f"{BRIDGE} ingest {path} --output jsonl")
        line("ingest of a file that grew", "bridge, first", whole, f"{cut / 1e6:.0f} MB")
        line("", "bridge, 1 % more", more, more[2].strip()[-60:])
    finally:
        path.unlink(missing_ok=True)


def main() -> int:
    global HARNESS  # noqa: PLW0603 - measured once, before everything
    os.environ["BRIDGE_CACHE"] = str(CACHE)
    os.environ["PYTHONHASHSEED"] = "0"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed is compiled once, for us and for the peers
    if not list(LOGS.glob("*.jsonl")):
        if not MAKER.exists():
            print(f"skipped: no logs in {LOGS}, and no generator at {MAKER}")
            return 0
        sizes = () if LOGS == FULL or os.environ.get("LOGS") else (str(SMALL), str(max(6, SMALL // 4)), str(max(6, SMALL // 4)))
        print(f"making logs in {LOGS}" + (f": {SMALL} MB only (BENCH_LOGS_MB); the set of 1 GB: LOGS=folder" if sizes else ""), flush=True)
        subprocess.run([sys.executable, str(MAKER), str(LOGS), *sizes], check=True, stdout=subprocess.DEVNULL)
    HARNESS = statistics.median(run("true")[0] for _ in range(9))
    import duckdb

    print(
        f"machine: {platform.machine()}, {os.cpu_count()} cores, {platform.system()}; Python {platform.python_version()}, DuckDB {duckdb.__version__}"
    )
    for tool in ("rg", "gawk", "zstd"):
        if shutil.which(tool):
            print(f"  {subprocess.run([tool, '--version'], capture_output=True, text=True, check=True).stdout.splitlines()[0]}")
    print(f"medians of {ROUNDS}; load {os.getloadavg()[0]:.1f}\n")
    chosen = sys.argv[1:] or ["narrow", "broad", "ingest", "lost", "cached", "grown", "compressed", "cores", "big"]
    questions = {
        "narrow": narrow, "broad": broad, "ingest": ingest, "lost": lost, "cached": cached, "grown": grown, "compressed": compressed,
        "cores": cores, "big": big,
    }  # fmt: skip
    for name in chosen:
        questions[name]()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
