"""The lines of the demo's five services, as (time, text) columns. Nothing in a failing export's trace says error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from bridge.demo.company import Company
from bridge.demo.exports import DAY, EXPIRED, FAILING, FORMATS, MINUTE, ORDINARY, Ints, microseconds
from bridge.demo.tables import export_numbers
from bridge.demo.truth import REFRESH_JOB

SERVICES = ("gateway", "scheduler", "exports", "cache", "worker")
BYTES_AN_EXPORT = 890
"""Measured: the lines of one export, in all services."""
BYTES_A_REQUEST = 265

_FIRST_GENERATION = 871
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:135.0) Gecko/20100101 Firefox/135.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/133.0 Safari/537.36",
    "reporting-python/3.4.1",
)
_PAGES = (
    ("GET", "/api/v1/dashboards/{n}", 200),
    ("GET", "/api/v1/dashboards/{n}/tiles", 200),
    ("GET", "/api/v1/reports", 200),
    ("GET", "/api/v1/reports/{n}", 200),
    ("POST", "/login", 302),
    ("GET", "/api/v1/me", 200),
    ("GET", "/assets/app.js", 304),
    ("GET", "/api/v1/reports/{n}/preview", 404),
    ("POST", "/login", 401),
)
_PAGE_WEIGHTS = (0.3, 0.25, 0.14, 0.14, 0.05, 0.06, 0.045, 0.01, 0.005)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Lines of one service in any order; a line may hold line breaks (a stack trace)."""

    service: str
    at: Ints
    text: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trace:
    """Columns of the exports that are logged."""

    account: list[str]
    export: list[str]
    report: list[int]
    file_format: list[str]
    trace: list[str]
    rows: list[int]
    ok: list[bool]
    manual: list[bool]


def stamps(at: Ints) -> list[str]:
    """Return `2026-03-03T02:00:00.123` for each time, UTC without a zone."""
    return [str(text) for text in np.datetime_as_string(at.astype("datetime64[us]"), unit="ms")]


def all_lines(company: Company, budget: int) -> Iterator[Lines]:
    """Yield the lines of all services, about `budget` bytes together, at least what is planted needs.

    A small budget leaves out ordinary exports (whole traces), never planted ones.
    """
    rng = np.random.default_rng([company.truth.seed, 2])
    exports = company.exports
    planted = exports.kind != ORDINARY
    room = max(0, round(budget * 0.86) - int(planted.sum()) * BYTES_AN_EXPORT)
    share = min(1.0, room / (int((~planted).sum()) * BYTES_AN_EXPORT))
    logged = np.nonzero(planted | (rng.random(len(exports)) < share))[0]
    yield from _export_lines(rng, company, logged)
    yield _refresh_lines(company)
    yield _job_lines(company)
    rest = max(50_000, budget - len(logged) * BYTES_AN_EXPORT)
    yield _requests(rng, company, rest // BYTES_A_REQUEST)


def _export_lines(rng: np.random.Generator, company: Company, logged: Ints) -> Iterator[Lines]:
    exports = company.exports
    numbers = export_numbers(exports)
    columns = _Trace(
        account=[company.accounts[index].id for index in exports.account[logged].tolist()],
        export=[numbers[index] for index in logged.tolist()],
        report=(exports.account[logged] * 100 + exports.report[logged]).tolist(),
        file_format=[FORMATS[index] for index in exports.format[logged].tolist()],
        trace=[exports.trace[index] for index in logged.tolist()],
        rows=exports.rows[logged].tolist(),
        ok=exports.ok[logged].tolist(),
        manual=exports.manual[logged].tolist(),
    )
    start, end = exports.start[logged], exports.end[logged]
    yield _scheduler_lines(columns, np.where(exports.manual[logged], start, exports.due[logged]) + 12_000, start)
    yield _post_lines(rng, company, columns, exports.account[logged], start - 90_000)
    yield _exports_service_lines(columns, start, end)
    yield _snapshot_lines(rng, company, columns, logged)
    yield from _worker_lines(rng, columns, exports.kind[logged], end - 60_000)


def _scheduler_lines(columns: _Trace, queued: Ints, start: Ints) -> Lines:
    wait = ((start - queued) // 1000).tolist()
    rows = zip(stamps(queued), columns.account, columns.trace, columns.export, wait, columns.manual, strict=True)
    chosen = [
        f'{{"time":"{at}Z","severity":"INFO","message":"export queued","account_id":"{account}","trace_id":"{trace}",'
        f'"export":"{export}","waits_ms":{wait_ms}}}'
        for at, account, trace, export, wait_ms, manual in rows
        if not manual
    ]
    return Lines(service="scheduler", at=queued[~np.array(columns.manual)], text=chosen)


def _post_lines(rng: np.random.Generator, company: Company, columns: _Trace, owner: Ints, at: Ints) -> Lines:
    manual = np.array(columns.manual)
    took = rng.integers(20, 180, len(at)).tolist()
    rows = zip(nginx_times(company, at), columns.account, columns.trace, columns.report, owner.tolist(), took, columns.manual, strict=True)
    chosen = [
        f'{_address(who)} - - [{clock}] "POST /api/v1/reports/{report}/exports HTTP/1.1" 202 187 "-" "{_AGENTS[who % 3]}" '
        f"rt={millis / 1000} account={account} trace={trace}"
        for clock, account, trace, report, who, millis, by_hand in rows
        if by_hand
    ]
    return Lines(service="gateway", at=at[manual], text=chosen)


def _exports_service_lines(columns: _Trace, start: Ints, end: Ints) -> Lines:
    """JSON lines whose clock is an hour ahead of UTC and says so."""
    begun = [
        f'{{"ts":"{at}+01:00","level":"info","service":"exports","account":"{account}","trace":"{trace}","msg":"export started",'
        f'"export_id":"{export}","format":"{kind}"}}'
        for at, account, trace, export, kind in zip(
            stamps(start + 60 * MINUTE), columns.account, columns.trace, columns.export, columns.file_format, strict=True
        )
    ]
    took = ((end - start) // 1000).tolist()
    done = [
        f'{{"ts":"{at}+01:00","level":"{"info" if ok else "error"}","service":"exports","account":"{account}","trace":"{trace}",'
        f'"msg":"export {"finished" if ok else "failed"}","export_id":"{export}","rows":{rows},"took_ms":{millis}}}'
        for at, account, trace, export, rows, millis, ok in zip(
            stamps(end + 60 * MINUTE), columns.account, columns.trace, columns.export, columns.rows, took, columns.ok, strict=True
        )
    ]
    return Lines(service="exports", at=np.concatenate([start, end]), text=begun + done)


def _snapshot_lines(rng: np.random.Generator, company: Company, columns: _Trace, logged: Ints) -> Lines:
    """The tell-tale: a failing export reads the generation that is still being made."""
    truth, exports = company.truth, company.exports
    at = exports.start[logged] + rng.integers(20_000, 90_000, len(logged))
    since = exports.start[logged] - microseconds(truth.start) - (truth.refresh_minute + truth.width_minutes) * MINUTE
    generation = (_FIRST_GENERATION + np.floor_divide(since, DAY)).tolist()
    age = (np.mod(since, DAY) // 1_000_000).tolist()
    pending = (exports.kind[logged] == FAILING).tolist()
    rows = zip(stamps(at), columns.account, columns.trace, exports.source_rows[logged].tolist(), generation, age, pending, strict=True)
    text = [
        f'ts={clock}Z level=info msg="snapshot read generation=pending rows=0 age=0s" account={account} trace={trace}'
        if unfinished
        else f'ts={clock}Z level=info msg="snapshot read generation={number} rows={count} age={seconds}s" account={account} trace={trace}'
        for clock, account, trace, count, number, seconds, unfinished in rows
    ]
    return Lines(service="cache", at=at, text=text)


def _worker_lines(rng: np.random.Generator, columns: _Trace, kind: Ints, at: Ints) -> Iterator[Lines]:
    """Text without a zone. Honest errors, too: expired credentials, and timeouts that the second attempt gets over."""
    thread = rng.integers(1, 17, len(at)).tolist()
    timeout = rng.random(len(at)) < 0.002
    head = [text.replace("T", " ").replace(".", ",") for text in stamps(at)]
    done = list(zip(head, thread, columns.rows, columns.file_format, columns.account, columns.trace, columns.ok, strict=True))
    written = [
        f"{clock} INFO  [pool-2-thread-{number}] c.example.worker.FileWriter - wrote {rows} rows as {form} account={account} trace={trace}"
        for clock, number, rows, form, account, trace, ok in done
        if ok
    ]
    yield Lines(service="worker", at=at[np.array(columns.ok)], text=written)
    expired = np.nonzero(kind == EXPIRED)[0]
    yield Lines(
        service="worker", at=at[expired], text=[_expired_credentials(*done[index][:2], *done[index][4:6]) for index in expired.tolist()]
    )
    slow = np.nonzero(timeout & (kind == ORDINARY))[0]
    earlier = at[slow] - 5_000
    clocks = [text.replace("T", " ").replace(".", ",") for text in stamps(earlier)]
    text = [_timeout(clock, done[index][1], *done[index][4:6]) for clock, index in zip(clocks, slow.tolist(), strict=True)]
    yield Lines(service="worker", at=earlier, text=text)


def _expired_credentials(clock: str, thread: int, account: str, trace: str) -> str:
    return (
        f"{clock} ERROR [pool-2-thread-{thread}] c.example.worker.Upload - upload refused, giving up account={account} trace={trace}\n"
        "com.example.storage.CredentialsExpiredException: the storage credentials of this account have expired\n"
        "\tat com.example.storage.Client.sign(Client.java:118)\n"
        "\tat com.example.storage.Client.put(Client.java:74)\n"
        "\tat com.example.worker.Upload.run(Upload.java:52)\n"
        "Caused by: com.example.storage.HttpStatusException: 403 Forbidden\n"
        "\t... 3 more"
    )


def _timeout(clock: str, thread: int, account: str, trace: str) -> str:
    return (
        f"{clock} ERROR [pool-2-thread-{thread}] c.example.worker.Upload - attempt 1 failed, will retry account={account} trace={trace}\n"
        "java.net.SocketTimeoutException: Read timed out\n"
        "\tat java.base/sun.nio.ch.NioSocketImpl.timedRead(NioSocketImpl.java:278)\n"
        "\tat com.example.storage.Client.put(Client.java:81)\n"
        "\tat com.example.worker.Upload.run(Upload.java:52)"
    )


def _refresh_lines(company: Company) -> Lines:
    """The refresh itself: begins, reports each minute, ends."""
    truth = company.truth
    at, text = [], []
    for day in range(truth.days):
        start = microseconds(truth.start + timedelta(days=day, minutes=truth.refresh_minute))
        number = _FIRST_GENERATION + day
        steps = [(0, f"snapshot refresh started generation={number}")]
        steps += [
            (minute * MINUTE, f"snapshot refresh running generation={number} tables={minute * 37}")
            for minute in range(1, truth.width_minutes)
        ]
        steps.append((truth.width_minutes * MINUTE, f"snapshot refresh finished generation={number} now current"))
        for after, message in steps:
            at.append(start + after)
            text.append(message)
    column = np.array(at, dtype=np.int64)
    lines = [f'ts={clock}Z level=info msg="{message}"' for clock, message in zip(stamps(column), text, strict=True)]
    return Lines(service="cache", at=column, text=lines)


def _job_lines(company: Company) -> Lines:
    """The scheduler starts jobs, the refresh among them."""
    at = np.array([microseconds(run.started_at) for run in company.jobs], dtype=np.int64)
    names = [run.job for run in company.jobs]
    text = [
        f'{{"time":"{clock}Z","severity":"{"INFO" if name == REFRESH_JOB else "DEBUG"}","message":"job {name} started"}}'
        for clock, name in zip(stamps(at), names, strict=True)
    ]
    return Lines(service="scheduler", at=at, text=text)


def _requests(rng: np.random.Generator, company: Company, count: int) -> Lines:
    """People at work: pages, sign-ins, and a few refused ones."""
    truth = company.truth
    hour = np.arange(24)
    weights = np.exp(-(((hour - 11) / 4.5) ** 2)) + 0.08
    picked = rng.choice(24, count, p=weights / weights.sum())
    start = microseconds(truth.start)
    at = np.sort(start + rng.integers(0, truth.days, count) * DAY + picked * 60 * MINUTE + rng.integers(0, 60 * MINUTE, count))
    owner = rng.integers(0, len(company.accounts), count).tolist()
    page = rng.choice(len(_PAGES), count, p=_PAGE_WEIGHTS).tolist()
    size = rng.integers(180, 42_000, count).tolist()
    trace = rng.bytes(16 * count).hex()
    text = []
    for index, (clock, who, which, length) in enumerate(zip(nginx_times(company, at), owner, page, size, strict=True)):
        method, path, status = _PAGES[which]
        text.append(
            f'{_address(who)} - - [{clock}] "{method} {path.format(n=length % 977)} HTTP/1.1" {status} {length} "-" "{_AGENTS[who % 3]}" '
            f"rt={length % 700 / 1000} account={company.accounts[who].id} trace={trace[32 * index : 32 * index + 32]}"
        )
    return Lines(service="gateway", at=at, text=text)


def nginx_times(company: Company, at: Ints) -> Sequence[str]:
    """Return `03/Mar/2026:02:00:00 +0000` for each time."""
    days = {
        (company.truth.start + timedelta(days=day)).strftime("%Y-%m-%d"): (company.truth.start + timedelta(days=day)).strftime("%d/%b/%Y")
        for day in range(-1, company.truth.days + 2)
    }
    return [f"{days[text[:10]]}:{text[11:19]} +0000" for text in stamps(at)]


def _address(account: int) -> str:
    return f"{'203.0.113' if account % 2 else '198.51.100'}.{account // 2 % 250 + 1}"
