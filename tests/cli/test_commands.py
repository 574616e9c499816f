"""What holds for every command: machine output, completions, suggestions, exit codes, harmless text."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.cli import output
from bridge.cli.main import main
from bridge.cli.parser import STAGES, build


def subcommands() -> dict[str, argparse.ArgumentParser]:
    for action in build()._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


@pytest.mark.parametrize("name", subcommands())
def test_every_command_has_its_module_and_takes_machine_output(name: str) -> None:
    from importlib import import_module

    assert callable(import_module(f"bridge.cli.commands.{name}").run)
    flags = {flag for action in subcommands()[name]._actions for flag in action.option_strings}
    assert {"--output", "--workspace", "--verbose"} <= flags


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completions_name_every_command(shell: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["completions", shell]) == 0
    script = capfd.readouterr().out
    assert not [name for name in subcommands() if name not in script]


def test_bash_takes_the_completions(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["completions", "bash"]) == 0
    path = tmp_path / "bridge.bash"
    path.write_text(capfd.readouterr().out)
    done = subprocess.run(["bash", "-c", f"source {path} && complete -p bridge"], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert "bridge" in done.stdout


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["tickts"], "did you mean 'tickets'?"),
        (["tickets", "--qurey", "x"], "did you mean --query?"),
        (["investigate", "ZD-1"], "--with"),
        (["cases", "--output", "yaml"], "invalid choice"),
    ],
)
def test_a_mistyped_command_is_answered_with_the_nearest(words: list[str], hint: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    err = capfd.readouterr().err
    assert err.startswith("error: ")
    assert hint in err


@pytest.mark.parametrize(
    "words", [["tickts"], ["tickets", "--limit", "-1"], ["similar", "x", "-k", "0"], ["investigate", "ZD-1"], ["--nope"]]
)
def test_a_program_gets_its_mistake_as_data(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    for form in (["--output", "json"], ["--output=jsonl"]):
        assert main([*words, *form]) == 2
        out, err = capfd.readouterr()
        assert json.loads(out)["error"]["exit_code"] == 2
        assert err == ""


def test_the_help_lists_every_command_once() -> None:
    listed = [name for _, names in STAGES for name in names.split()]
    assert sorted(listed) == sorted(subcommands())
    assert max(len(line) for line in build().format_help().splitlines()) <= 100


def test_no_command_shows_the_help(capfd: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "start here:" in capfd.readouterr().out


def test_a_bug_of_ours_is_one_message_and_a_private_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(_args: object) -> int:
        raise RuntimeError("secret value 4711")

    monkeypatch.setattr("bridge.cli.commands.schema.run", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert main(["schema", "case", "--output", "json"]) == 70
    seen = capfd.readouterr()
    error = json.loads(seen.out)["error"]
    assert "4711" not in seen.out + seen.err
    assert error["exit_code"] == 70
    written = Path(error["where"])
    assert "RuntimeError: secret value 4711" in written.read_text()
    assert written.stat().st_mode & 0o077 == 0


def test_a_reader_that_goes_away_is_no_error() -> None:
    bridge = Path(sys.executable).with_name("bridge")
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{bridge} schema case | head -1"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "{\n"
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


HOSTILE = ["\x1b]0;title\x07", "\x1b[2J", "a\rb", "\u202egnp.exe", "\x9b31m", "a\x00b", "\u2028"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_customers_words_can_not_drive_the_terminal(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    output.table([output.Column(name="subject", title="subject", flexible=True)], [{"subject": f"x{text}y"}])
    out = capfd.readouterr().out
    assert not set(out) & set("\x1b\x07\r\x9b\x00\u202e\u2028")
    assert len(out.splitlines()) == 2


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_tables_fit_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    from rich.cells import cell_len

    monkeypatch.setenv("COLUMNS", str(columns))
    wide = [
        output.Column(name="id", title="id"),
        output.Column(name="words", title="words", flexible=True),
        output.Column(name="n", title="n", right=True),
    ]
    output.table(wide, [{"id": "ZD-1", "words": "日本語のテキスト" * 20, "n": 12}, {"id": "ZD-22", "words": "short", "n": None}])
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 3
    assert max(cell_len(line) for line in lines) <= columns


def test_verbose_tells_requests_and_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from bridge.sandbox.server import start

    bridge = str(Path(sys.executable).with_name("bridge"))
    with start(tmp_path / "s.sqlite", desk_token="a-word-that-must-not-show") as sandbox:
        (tmp_path / "bridge.yaml").write_text(
            f"format: 1\ntickets: {{product: zendesk, url: '{sandbox.zendesk_url}', user: agent@example.test, token: env:DESK_WORD}}\n"
        )
        monkeypatch.setenv("DESK_WORD", "a-word-that-must-not-show")
        loud = subprocess.run([bridge, "tickets", "--verbose"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
        quiet = subprocess.run([bridge, "tickets"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert "GET /zendesk/api/v2/" in loud.stderr
    assert "answered 200" in loud.stderr
    assert "a-word-that-must-not-show" not in loud.stderr + loud.stdout
    assert not quiet.stderr
