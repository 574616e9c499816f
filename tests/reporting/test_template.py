"""Templates: look-up, the sandbox, what may be printed, and errors that name the line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import InputError, NotFoundError
from bridge.reporting import context, template
from bridge.reporting.facts import ReportFacts
from bridge.reporting.safe import Safe, code_span, escaped

Load = Callable[[str], ReportFacts]


def rendered(folder: Path, text: str, values: dict[str, Any] | None = None) -> str:
    path = folder / "try.md.j2"
    path.write_text(text, encoding="utf-8")
    return template.render(path, values or {}, {"mono": code_span})


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("a\n{{ nothing }}", "'nothing' is undefined", 2),
        ("a\n\n{{ values.x }}", "has no attribute 'x'", 3),
        ("a\n{{ none }}", "missing (None)", 2),
        ("{{ values }}", "a dict can't be printed", 1),
        ("a\n{{ 0.0 / 0 }}", "division by zero", 2),
        ("a\n{{ infinite }}", "not a number to print", 2),
        ("a\nb\n{% for x in %}", "Expected an expression", 3),
        ("a\n{{ x | safe }}", "No filter named 'safe'", 2),
        ("a\n{{ values.update({'a': 1}) }}", "", 2),
        ("{{ ''.__class__.__mro__ }}", "", 1),
        ("{{ range(10**9) | list }}", "Range too big", 1),
        ("{% include 'gone.md.j2' %}", "'gone.md.j2' does not exist", 1),
        ("{% macro m(x) %}\n{{ x.y }}\n{% endmacro %}\n{{ m(none) }}", "has no attribute 'y'", 2),
    ],
)
def test_an_error_names_the_line(tmp_path: Path, text: str, message: str, line: int) -> None:
    with pytest.raises(InputError) as caught:
        rendered(tmp_path, text, {"values": {}, "none": None, "infinite": float("inf"), "x": "y"})
    assert message in caught.value.message
    assert caught.value.where == f"{tmp_path / 'try.md.j2'}:{line}"
    assert caught.value.hint


def test_a_near_name_is_offered(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        rendered(tmp_path, "{{ cohrot }}", {"cohort": "x"})
    assert caught.value.hint == "did you mean 'cohort'?"


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("{{ v }}", "*a*", "\\*a\\*"),
        ("{{ v }}", 1234567, "1\\,234\\,567"),
        ("{{ v }}", True, "yes"),
        ("{{ mono(v) }}", "a`b", "``a`b``"),
        ("{{ mono(v) }}", "a|b", "a&#124;b"),
        ("{% macro m(x) %}**{{ x }}**{% endmacro %}{{ m(v) }}", "*a*", "**\\*a\\***"),
        ("{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}{{ v }}{% endcall %}", "_", "<\\_>"),
        # What was safe is a plain text once it was worked on: escaped twice is ugly, never live.
        ("{{ mono(v) ~ v }}", "a", "\\`a\\`a"),
        ("{{ mono(v) | upper }}", "a", "\\`A\\`"),
        ("{{ [v, v] | join(', ') }}", "*", "\\*\\, \\*"),
        ("{{ ', ' if true }}", "", "\\, "),
        ("{{ v if false }}", "a", ""),
    ],
)
def test_values_are_escaped_unless_our_code_wrote_them(tmp_path: Path, text: str, value: object, expected: str) -> None:
    assert rendered(tmp_path, text, {"v": value}) == expected


def test_blocks_of_a_parent_template_are_not_escaped_twice(tmp_path: Path) -> None:
    (tmp_path / "base.md.j2").write_text("{% block a %}**{{ v }}**{% endblock %}", encoding="utf-8")
    assert rendered(tmp_path, "{% extends 'base.md.j2' %}{% block a %}{{ super() }}!{% endblock %}", {"v": "*"}) == "**\\***!"


def test_template_code_in_a_value_is_words(tmp_path: Path, hostile: tuple[str, ...]) -> None:
    for text in hostile:
        assert rendered(tmp_path, "{{ v }}", {"v": text}) == escaped(text)


def test_a_template_that_writes_too_much_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="wrote more than"):
        rendered(tmp_path, "{% for a in range(9999) %}{% for b in range(9999) %}xxxxxxxxxxxxxxxx{{ b }}{% endfor %}{% endfor %}")


def test_a_template_that_takes_too_long_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "SECONDS", 0.05)
    with pytest.raises(InputError, match="took longer"):
        rendered(tmp_path, "{% for a in range(9999) %}{% for b in range(9999) %}{{ '' }}{% endfor %}{% endfor %}")


def test_own_templates_lie_over_the_built_in_ones(tmp_path: Path) -> None:
    (tmp_path / "bug_report.md.j2").write_text("{# Ours,\n short. #}\n# x", encoding="utf-8")
    (tmp_path / "customer.md.j2").write_text("# y", encoding="utf-8")
    found = {info.name: info for info in template.list_templates(tmp_path)}
    assert found["bug_report"].path == tmp_path / "bug_report.md.j2"
    assert found["bug_report"].hides
    assert found["bug_report"].description == "Ours, short."
    assert found["customer"].origin == "workspace"
    assert "macros" not in found
    assert template.find_template("bug_report").parent != tmp_path
    built_in = {info.name: info for info in template.list_templates(tmp_path / "absent")}
    assert built_in["bug_report"].description.startswith("Bug report")


def test_an_unknown_template_answers_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        template.find_template("bug_reprot", tmp_path)
    assert caught.value.hint == "did you mean 'bug_report'?"


def test_a_template_sees_no_message_and_no_person(load: Load) -> None:
    facts = load("empty-exports")
    values = {name: value for name, value in context.values(facts).items() if name != "evidence"}
    shown = json.dumps(values, default=repr)
    for words in ("the file we got this morning", "Maria Example", "maria@", "they are angry"):
        assert words not in shown


def test_every_name_a_template_may_use_is_documented(load: Load) -> None:
    facts = load("empty-exports")
    page = (Path(__file__).parents[2] / "docs" / "templates.md").read_text(encoding="utf-8")
    names = [*context.values(facts), *(f"{name}(" for name in context.functions(facts, {}))]
    assert [name for name in names if f"`{name}" not in page] == []


def test_safe_text_loses_its_safety_when_it_is_worked_on() -> None:
    text = Safe("*a*")
    for changed in (text + "b", text.upper(), text[1:], text.replace("a", "b"), text.strip("x")):
        assert not isinstance(changed, Safe)
