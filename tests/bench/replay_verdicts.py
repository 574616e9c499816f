"""Re-run verdicts compared: `bridge verify` against Schemathesis' `st replay`, on the same small API with the same failure.

Run: make bench-reproduction BRIDGE_PEERS=a Python that has schemathesis (pip install schemathesis==4.32.5, an environment of its own).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bridge.cli.main import main
from bridge.model.exchange import Request, Response
from tests.reproduction.kit import JSON, answer, played, serving, workspace

SCHEMA = {
    "openapi": "3.0.2",
    "info": {"title": "export", "version": "1"},
    "paths": {
        "/export": {
            "post": {
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"type": "object", "properties": {"n": {"enum": [1]}}, "required": ["n"]}}},
                },
                "responses": {"200": {"description": "fine"}},
            }
        }
    },
}
ASKED = Request(method="POST", path="/export", headers=JSON, body='{"n": 1}')
State = Callable[[], Response]


class Api:
    """Answers by its present state."""

    def __init__(self) -> None:
        self.draw = random.Random(7)
        self.state: State = self.failing(1.0)

    def failing(self, rate: float) -> State:
        return lambda: answer(500, {"error": "RoundingError"}) if self.draw.random() < rate else answer(200, {"rows": 3})

    def __call__(self, request: Request) -> Response:
        return answer(200, SCHEMA) if request.path == "/openapi.json" else self.state()


def bridge(folder: Path, *words: str) -> dict[str, object]:
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()):
        main([*words, "--workspace", str(folder), "--output", "json"])
    found: dict[str, object] = json.loads(out.getvalue())
    return found


def st(peers: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(peers).absolute().parent / "st"), *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def compare(peers: str, trials: int) -> None:
    print("\n== verdicts of a re-run: right answers")
    version = st(peers, Path.cwd(), "--version").stdout.strip() if peers else "not installed: set BRIDGE_PEERS"
    print(f"peer: {version}; trials a row: {trials}")
    print(f"{'what the system does now':44}{'right answer':>16}{'bridge verify':>15}{'st replay':>11}   what they said")
    api = Api()
    with tempfile.TemporaryDirectory() as name, serving(api) as server:
        root = Path(name)
        for rate in (1.0, 0.6, 0.3):
            api.state = api.failing(rate)
            ours = workspace(root / f"ours-{rate}", played(lambda _: answer(500, {"error": "RoundingError"}), [ASKED]), server.url)
            made: dict[str, object] = {}
            while not made.get("files"):
                # Four clean runs of a failure that shows in 30 % happen: then a person asks again.
                made = bridge(ours, "reproduce", "BR-0001", "--target", "staging", "--send", "--anchor", "1")
            theirs = root / f"theirs-{rate}"
            theirs.mkdir()
            if peers:
                api.state = api.failing(1.0)
                st(
                    peers,
                    theirs,
                    "run",
                    f"{server.url}/openapi.json",
                    "--max-examples",
                    "3",
                    "--checks",
                    "not_a_server_error",
                    "--phases",
                    "fuzzing",
                )
            states: list[tuple[str, str, State]] = [
                (f"still fails in {rate:.0%} of runs ({made['verdict']})", "still failing", api.failing(rate))
            ]
            if rate == 1.0:
                states += [
                    ("is fixed", "fixed", api.failing(0.0)),
                    ("answers 500 of another error", "can't tell", lambda: answer(500, {"error": "DiskFull"})),
                    ("refuses the sign-in (401)", "can't tell", lambda: answer(401, {"error": "not signed in"})),
                ]
            for words, right, state in states:
                _row(peers, trials, api, state, (ours, theirs), words, right)


def _row(peers: str, trials: int, api: Api, state: State, folders: tuple[Path, Path], words: str, right: str) -> None:
    api.state = state
    said: Counter[str] = Counter(str(bridge(folders[0], "verify", "BR-0001", "--target", "staging")["verdict"]) for _ in range(trials))
    codes = {0: "fixed", 1: "still failing", 2: "can't tell"}
    other: Counter[str] = Counter()
    for _ in range(trials if peers else 0):
        other[codes.get(st(peers, folders[1], "replay", "--keep").returncode, "error")] += 1
    told = f"{dict(said)} | {dict(other)}"
    theirs = f"{other[right]}/{trials}" if peers else "-"
    print(f"{words:44}{right:>16}{f'{said[right]}/{trials}':>15}{theirs:>11}   {told}")


if __name__ == "__main__":
    compare(os.environ.get("BRIDGE_PEERS", ""), int(os.environ.get("BRIDGE_TRIALS", "10")))
