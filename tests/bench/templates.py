"""Template mining, end to end, against drain3: lines per CPU second on the same messages.

Run: python -m tests.bench.templates [MiB of JSON lines, default 128]
The set is made by ../shared/bench/make_logs.py (BRIDGE_BENCH names another generator). drain3 is no dependency of
this project: BRIDGE_PEERS names a Python interpreter that has it; without one its rows are skipped and say so.
End to end: from the messages in memory to one template id for each of them. Each side runs in a process of its own,
children included, median of three.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GENERATOR = Path(os.environ.get("BRIDGE_BENCH", ROOT / ".." / "shared" / "bench" / "make_logs.py"))
ROUNDS = 3
BARS = {"drain3, no masks": 6.0, "drain3, 6 masks": 15.0}

_READ = """
import json, pathlib, sys, time
messages = pathlib.Path(sys.argv[1]).read_text("utf-8").split("\\n")
"""
_BRIDGE = (
    _READ
    + """
import pyarrow.compute  # as with drain3 the import is no part of the work
from bridge.logs.miner import mined
started = time.process_time()
found = mined(messages)
ids = found.assigned()
print(json.dumps({"seconds": time.process_time() - started, "lines": len(ids), "templates": len(found.ids)}))
"""
)
_DRAIN = (
    _READ
    + """
from importlib.metadata import version
from drain3 import TemplateMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig
config = TemplateMinerConfig()
if sys.argv[2] == "masks":
    config.masking_instructions = [MaskingInstruction(pattern, name) for pattern, name in (
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
        (r"\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}(?::\\d+)?", "IP"),
        (r"0x[0-9a-fA-F]+", "HEX"),
        (r"\\b[0-9a-f]{10,}\\b", "HEX"),
        (r"\\bacc_[0-9a-f]+", "ID"),
        (r"\\d+", "NUM"),
    )]
miner = TemplateMiner(config=config)
started = time.process_time()
ids = [miner.add_log_message(message)["cluster_id"] for message in messages]
print(json.dumps({"seconds": time.process_time() - started, "lines": len(ids), "templates": len(miner.drain.clusters), "version": version("drain3")}))
"""
)


def main() -> int:
    """Print the table; 1 when a ratio is below its bar."""
    size = sys.argv[1] if len(sys.argv) > 1 else "128"
    if not GENERATOR.is_file():
        print(f"skipped: no generator {GENERATOR}; set BRIDGE_BENCH")
        return 0
    with tempfile.TemporaryDirectory(prefix="bridge-bench-") as folder:
        subprocess.run([sys.executable, str(GENERATOR), folder, size, "0", "0"], check=True, timeout=3600)
        path = Path(folder) / "messages.txt"
        write_messages(Path(folder), path)
        ours = measure(sys.executable, _BRIDGE, path, "")
        print(f"{'':<22} {'lines':>10} {'templates':>9} {'CPU s':>7} {'lines per CPU s':>16} {'ratio':>6}")
        show("bridge", ours, 1.0)
        return peers(path, ours)


def peers(path: Path, ours: dict[str, float]) -> int:
    """Measure drain3 with and without masks, or say why not."""
    python = os.environ.get("BRIDGE_PEERS", "")
    if not python or subprocess.run([python, "-c", "import drain3"], check=False, capture_output=True, timeout=60).returncode:
        print("drain3: skipped, no interpreter that has it; set BRIDGE_PEERS=/path/to/python")
        return 0
    missed = 0
    for name, masks in (("drain3, no masks", "none"), ("drain3, 6 masks", "masks")):
        theirs = measure(python, _DRAIN, path, masks)
        ratio = speed(ours) / speed(theirs)
        show(name, theirs, ratio)
        missed |= int(ratio < BARS[name])
    print(f"bars: {', '.join(f'{bar:g} x {name}' for name, bar in BARS.items())}")
    return missed


def write_messages(folder: Path, path: Path) -> None:
    """Write the message of every line, one a line."""
    from bridge.logs.messages import messages

    with path.open("w", encoding="utf-8") as stream:
        for source in sorted(folder.glob("*.jsonl")):
            for batch in messages(source):
                stream.writelines(f"{message}\n" for message in batch)


def measure(python: str, code: str, path: Path, option: str) -> dict[str, float]:
    """Return the median run of a program in a process of its own."""
    runs: list[dict[str, float]] = []
    for _ in range(ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([python, "-c", code, str(path), option], check=True, capture_output=True, text=True, timeout=3600, cwd=ROOT)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        whole = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        runs.append({**json.loads(done.stdout), "whole": whole})
    middle = statistics.median(run["seconds"] for run in runs)
    return next(run for run in runs if run["seconds"] == middle)


def speed(run: dict[str, float]) -> float:
    """Return lines per CPU second."""
    return run["lines"] / run["seconds"]


def show(name: str, run: dict[str, float], ratio: float) -> None:
    """Print one row; the ratio says how many times faster bridge is."""
    label = f"{name} ({run['version']})" if "version" in run else name
    print(f"{label:<30} {run['lines']:10,.0f} {run['templates']:9,.0f} {run['seconds']:7.2f} {speed(run):16,.0f} {ratio:6.1f}")


if __name__ == "__main__":
    sys.exit(main())
