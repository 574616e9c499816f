"""Put a real run of the demo into README.md and docs: its output, its report, and pictures of both (they need chromium).

Run: make readme
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests import refresh_demo_report
from tests.refresh_demo_report import chromium

ROOT = Path(__file__).resolve().parent.parent
PORT = 8765


def demo(folder: Path) -> str:
    """Run the demo as a newcomer would; return what a terminal shows."""
    environment = dict(os.environ, COLUMNS="100", NO_COLOR="1")
    command = [str(Path(sys.executable).with_name("bridge")), "demo", "--folder", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, timeout=300, check=True)
    return done.stdout.replace(str(folder), folder.name)


def into_readme(shown: str) -> None:
    """Replace the block between the marks with what an analyst does once the tickets are chosen."""
    start = shown.index("$ bridge investigate ")
    end = shown.index("The whole road", start)
    part = re.sub(r"^ +\(\d+\.\d s\)\n", "", shown[start:end], flags=re.MULTILINE)
    block = re.sub(r"\n{3,}", "\n\n", part).strip()
    readme = ROOT / "README.md"
    before, rest = readme.read_text(encoding="utf-8").split("<!-- demo: from a run of `make demo` -->\n")
    _, after = rest.split("<!-- /demo -->", 1)
    readme.write_text(f"{before}<!-- demo: from a run of `make demo` -->\n```\n{block}\n```\n<!-- /demo -->{after}", encoding="utf-8")


def main() -> int:
    """Run the demo and renew everything that shows it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "demo-workspace"
        into_readme(demo(folder))
        refresh_demo_report.refresh(folder, ROOT / "docs")
        if shutil.which("chromium") is None:
            print("no chromium: the pictures stay as they are")
            return 0
        server = subprocess.Popen(
            [str(Path(sys.executable).with_name("bridge")), "sandbox", "start", "--workspace", str(folder), "--port", str(PORT)],
            stdout=subprocess.DEVNULL,
        )
        try:
            time.sleep(3)
            target = ROOT / "docs" / "pictures" / "issue.png"
            chromium("--window-size=1100,700", f"--screenshot={target}", f"http://127.0.0.1:{PORT}/jira/browse/REP-1")
        finally:
            server.terminate()
            server.wait(timeout=30)
    print("wrote README.md, docs/demo-report and docs/pictures")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
