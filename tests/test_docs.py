"""The documents keep step with the program."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from bridge.cli.parser import build
from bridge.errors import ExitCode

ROOT = Path(__file__).resolve().parent.parent


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "tests" / "generate_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_commands_is_the_program() -> None:
    module = generator()
    assert (ROOT / "docs" / "commands.md").read_text(encoding="utf-8") == module.page(), "run: make docs"


def test_every_exit_code_is_explained() -> None:
    assert set(generator().EXIT_CODES) == set(ExitCode)


def documents() -> list[Path]:
    return sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "ARCHITECTURE.md"])


@pytest.mark.parametrize("path", documents(), ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_in_the_documents_exist(path: Path) -> None:
    known = set(generator().subcommands(build()))
    text = path.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|[`$ ])bridge ([a-z][a-z-]+)(?= |`|$)", "\n".join(code(text)), re.MULTILINE))
    assert named <= known, f"{path.name} names commands that do not exist: {sorted(named - known)}"


def code(text: str) -> list[str]:
    """Return what stands as code in a Markdown text: fenced blocks and `spans` that begin with bridge."""
    fenced = [
        line
        for block in re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL)
        for line in block.splitlines()
        if re.match(r"(\$ )?bridge ", line)
    ]
    return fenced + [f"`{span}`" for span in re.findall(r"`(bridge [^`]+)`", text)]


@pytest.mark.parametrize("path", documents(), ids=lambda p: str(p.relative_to(ROOT)))
def test_links_between_the_documents_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#: ]+)(?:#[^)]*)?(?: \"[^\"]*\")?\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_the_architecture_page_is_short_and_names_every_room() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60
    rooms = {p.stem for p in (ROOT / "bridge").iterdir() if (p.is_dir() and (p / "__init__.py").exists()) or p.suffix == ".py"} - {
        "__init__"
    }
    assert not {room for room in rooms if f"`{room}`" not in text}


def test_the_index_lists_every_page() -> None:
    assert (ROOT / "docs" / "index.md").read_text(encoding="utf-8") == generator().index(), "run: make docs"
    assert "docs/index.md" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for path in documents():
        named = set(re.findall(r"`make ([a-z-]+)", path.read_text(encoding="utf-8")))
        assert named <= targets, f"{path.name} names {sorted(named - targets)}"
