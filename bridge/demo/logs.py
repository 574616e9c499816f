"""Write the demo's logs: a folder for each service, a file for each day, all but the last two gzipped."""

from __future__ import annotations

import gzip
import io
from datetime import timedelta
from pathlib import Path

import numpy as np

from bridge.demo.company import build
from bridge.demo.exports import DAY, microseconds
from bridge.demo.log_lines import SERVICES, Lines, all_lines
from bridge.demo.truth import Truth

_PLAIN_DAYS = 2


def write_logs(folder: Path, truth: Truth, *, megabytes: float = 60.0) -> dict[str, int]:
    """Write `folder/<service>/<service>-2026-03-03.log[.gz]`; return the number of lines of each service.

    Args:
        folder: made if it is not there; files of an earlier run with the same names are replaced.
        truth: what to write.
        megabytes: size of the text before compression. Planted events are always there: about 2 is the least.
    """
    company = build(truth)
    by_service: dict[str, list[Lines]] = {service: [] for service in SERVICES}
    for lines in all_lines(company, round(megabytes * 1e6)):
        by_service[lines.service].append(lines)
    return {service: _write_service(folder / service, truth, parts) for service, parts in by_service.items()}


def _write_service(folder: Path, truth: Truth, parts: list[Lines]) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    at = np.concatenate([part.at for part in parts])
    text = [line for part in parts for line in part.text]
    order = np.argsort(at, kind="stable")
    day = np.clip((at[order] - microseconds(truth.start)) // DAY, 0, truth.days - 1)
    bounds = np.searchsorted(day, np.arange(truth.days + 1))
    places = order.tolist()
    lines = 0
    for number in range(truth.days):
        body = "".join(f"{text[place]}\n" for place in places[bounds[number] : bounds[number + 1]]).encode()
        lines += body.count(b"\n")
        name = f"{folder.name}-{truth.start + timedelta(days=number):%Y-%m-%d}.log"
        if number < truth.days - _PLAIN_DAYS:
            (folder / f"{name}.gz").write_bytes(_gzipped(body))
        else:
            (folder / name).write_bytes(body)
    return lines


def _gzipped(body: bytes) -> bytes:
    """Compress without a name and a time in the header: the same text gives the same bytes."""
    sink = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=sink, compresslevel=4, mtime=0) as stream:
        stream.write(body)
    return sink.getvalue()
