"""Build the wheel, install it into an empty environment, and use it in an empty folder.

Run: make wheel
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def call(*command: str, cwd: Path, expect: int = 0) -> str:
    """Run one command away from the source tree; its output is shown when it does not end as expected."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600, env=environment, check=False)
    if done.returncode != expect:
        sys.stderr.write(f"$ {' '.join(command)}\n{done.stdout}{done.stderr}\nexit {done.returncode}, expected {expect}\n")
        raise SystemExit(1)
    return done.stdout


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print("==> building the wheel")
        call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder / "dist"), str(ROOT), cwd=folder)
        wheel = next((folder / "dist").glob("*.whl"))
        print(f"==> installing {wheel.name} into an empty environment")
        venv.create(folder / "empty", with_pip=True)
        python = str(folder / "empty" / "bin" / "python")
        pip = (python, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet")
        call(*pip, "--require-hashes", "-r", str(ROOT / "requirements" / "run.lock"), cwd=folder)
        call(*pip, "--no-deps", str(wheel), cwd=folder)
        call(python, "-m", "pip", "check", cwd=folder)
        bridge = str(folder / "empty" / "bin" / "bridge")
        listed = call(bridge, "investigations", "list", "--output", "jsonl", cwd=folder)
        wanted = sorted(p.name for p in (ROOT / "investigations").iterdir() if (p / "investigation.yaml").is_file())
        missing = [name for name in wanted if f'"{name}"' not in listed]
        if missing:
            raise SystemExit(f"the wheel lacks investigations: {missing}")
        print("==> the demo, from the wheel alone")
        call(bridge, "demo", "--folder", "shown", "--port", "0", cwd=folder)
        report = next((folder / "shown" / "cases").glob("*/report/report.html"))
        print(f"==> well: {len(wanted)} investigations, report of {report.stat().st_size:,} bytes from the built-in template")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
