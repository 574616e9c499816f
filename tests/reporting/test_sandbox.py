"""Foreign templates in a process of their own: the same text, the same messages, and an end."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bridge.errors import InputError
from bridge.reporting import example, sandbox, template


def rendered(folder: Path, text: str) -> str:
    path = folder / "own.md.j2"
    path.write_text(text, encoding="utf-8")
    return sandbox.render(path, example.load("new-errors"), {})


def test_a_copy_of_a_built_in_template_gives_the_same_text(tmp_path: Path) -> None:
    facts = example.full()
    built_in = template.find_template("regression")
    copy = tmp_path / "mine.md.j2"
    copy.write_bytes(built_in.read_bytes())
    assert sandbox.render(copy, facts, {}) == sandbox.render(built_in, facts, {})


def test_an_error_crosses_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        rendered(tmp_path, "a\n{{ cohrot }}")
    assert "'cohrot' is undefined" in caught.value.message
    assert caught.value.where == f"{tmp_path / 'own.md.j2'}:2"
    assert caught.value.hint == "did you mean 'cohort'?"


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 9 ** (9 ** 9) }}",
    ],
)
def test_what_would_run_for_ever_is_stopped(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "SECONDS", 0.5)
    monkeypatch.setattr(sandbox, "_GRACE", 0.5)
    started = time.monotonic()
    with pytest.raises(InputError, match=r"took longer than 0\.5 s"):
        rendered(tmp_path, text)
    assert time.monotonic() - started < 20  # the machine may be busy; without a bound it would be hours


@pytest.mark.parametrize("text", ["{{ 'x' * 10 ** 10 }}", "{{ ([1] * 10 ** 9) | length }}", "{{ range(10**9) | list }}"])
def test_memory_is_bounded(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"needed more than|Range too big"):
        rendered(tmp_path, text)
