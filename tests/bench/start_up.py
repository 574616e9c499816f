"""What `bridge --help` costs, against the bare interpreter, in CPU time (user + system). Exit 1 above the limit.

Run: make bench
"""

from __future__ import annotations

import os
import platform
import resource
import statistics
import subprocess
import sys
from pathlib import Path

ROUNDS = 15
LIMIT = 5.0


def cpu_seconds(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def measure() -> tuple[float, float]:
    """Return the medians of `python -c pass` and `bridge --help`, run in turn so that load hits both alike."""
    bare = [sys.executable, "-c", "pass"]
    ours = [str(Path(sys.executable).with_name("bridge")), "--help"]
    for command in (bare, ours):
        cpu_seconds(command)  # the first run writes the bytecode
    pairs = [(cpu_seconds(bare), cpu_seconds(ours)) for _ in range(ROUNDS)]
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def main() -> int:
    bare, ours = measure()
    ratio = ours / bare
    print(f"machine: {platform.machine()}, {os.cpu_count()} cores, {platform.system()}; Python {platform.python_version()}")
    print(f"python -c pass   {bare * 1000:6.1f} ms CPU (median of {ROUNDS})")
    print(f"bridge --help    {ours * 1000:6.1f} ms CPU (median of {ROUNDS})")
    print(f"ratio            {ratio:6.2f}   limit {LIMIT}")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    raise SystemExit(main())
