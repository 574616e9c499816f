"""The page, the pictures, the cut to a tracker's limit, and the gates."""

from __future__ import annotations

import dataclasses
import itertools
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from bridge.model.change import Change
from bridge.model.finding import DayCount
from bridge.model.window import Window
from bridge.reporting import charts, parse, wiki
from bridge.reporting.build import Report, build, find_template
from bridge.reporting.facts import ReportFacts
from bridge.reporting.gates import problems
from bridge.reporting.style import STYLE

Load = Callable[[str], ReportFacts]
VOID = {"meta", "br", "hr", "line", "rect"}
NAMES = ("empty-exports", "new-errors")


class Page(HTMLParser):
    """Checks nesting; collects elements with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_well_formed_and_stands_alone(name: str, reports: dict[str, Report], load: Load) -> None:
    text = reports[name].html
    page = Page()
    page.feed(text)
    assert page.open == []
    tags = [tag for tag, _ in page.elements]
    assert not {"script", "link", "img", "iframe", "object", "form", "base"} & set(tags)
    assert {"header", "nav", "main", "footer", "title"} <= set(tags)
    assert tags.count("h1") == 1
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(later <= earlier + 1 for earlier, later in itertools.pairwise(levels))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    urls = {ticket.url for ticket in load(name).case.tickets}
    for tag, attributes in page.elements:
        assert not [key for key in attributes if key.startswith("on") or key in {"style", "src"}]
        if "href" in attributes:
            target = attributes["href"] or ""
            assert target[1:] in ids if target.startswith("#") else target in urls
        if tag == "th":
            assert attributes["scope"] in {"row", "col"}
    assert len(text.encode()) < 100_000
    assert "url(" not in text
    assert '<html lang="en">' in text


def test_every_picture_carries_its_numbers_in_words(reports: dict[str, Report]) -> None:
    pictures = reports["empty-exports"].pictures
    assert sorted(pictures) == ["contrast.svg", "hours.svg", "tiers.svg", "timeline.svg"]
    for data in (pictures["hours.svg"], pictures["timeline.svg"]):
        root = ET.fromstring(data)  # noqa: S314  # our own bytes
        title, words = root[0].text or "", root[1].text or ""
        assert title
        numbers = {element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text") if "c-n" in (element.get("class") or "")}
        assert numbers
        for shown in numbers:
            assert (
                shown in words or sum(int(number) for number in numbers) in [int(n) for n in re.findall(r"\d+", words)] or "hour" in words
            )


def test_the_same_facts_give_the_same_bytes(load: Load, reports: dict[str, Report]) -> None:
    again = build(load("empty-exports"), find_template("bug_report"))
    assert again == reports["empty-exports"]


def test_pictures_of_odd_data() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    days = [DayCount(day=f"2026-01-{day:02d}", failures=0, events=0) for day in range(1, 32)]
    assert charts.timeline([], (), "x", None) is None
    chart = charts.timeline(days, [Change(at=start - timedelta(days=9), kind="release", name="early")], "x", None)
    assert chart is not None
    assert "early" not in chart.body
    window = Window(start=start, end=start + timedelta(days=3))
    assert charts.heat_map([], window, "x") is None
    assert charts.heat_map([start], Window(start=start, end=start + timedelta(days=90)), "x") is None
    map_ = charts.heat_map([start, start + timedelta(days=9)], window, "x")
    assert map_ is not None
    assert map_.alt.startswith("1 failures of x by hour")
    jobs = [Change(at=start + timedelta(days=day), kind="job", name="nightly") for day in range(3)]
    busy = charts.timeline(days, jobs, "x", jobs[1])
    assert busy is not None
    assert busy.body.count("c-mark") == 1


def contrast(first: str, second: str) -> float:
    """WCAG 2 contrast of two #rgb or #rrggbb colours."""

    def light(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(char * 2 for char in colour[1:])
        parts = [int(digits[index : index + 2], 16) / 255 for index in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(first), light(second)))
    return (high + 0.05) / (low + 0.05)


def test_text_can_be_read_in_every_theme() -> None:
    themes = [dict(re.findall(r"--(\w+):(#[0-9a-f]+)", part)) for part in re.findall(r":root\{[^}]*\}", STYLE)]
    assert len(themes) == 3
    for theme in themes:
        for ground in ("bg", "soft"):
            for ink in ("fg", "dim", "link", "head"):
                assert contrast(theme[ink], theme[ground]) >= 4.5, (ink, ground)
    light, rest = charts.STYLE.split("@media (prefers-color-scheme:dark)")
    dark, printed = rest.split("@media print")
    for style in (light, dark, printed):
        fills = dict(re.findall(r"\.(c-[0-4])\{fill:(#[0-9a-f]+)", style))
        inks = re.findall(r"\.c-n([12]),\.c-n\d\{fill:(#[0-9a-f]+)\}|\.c-n([34]),\.c-n\d\{fill:(#[0-9a-f]+)\}", style)
        for low, low_ink, _high, high_ink in inks:
            for level in ("1", "2") if low else ("3", "4"):
                assert contrast(fills[f"c-{level}"], low_ink or high_ink) >= 4.5, (level, style[:40])


def test_a_long_report_is_cut_at_a_section(reports: dict[str, Report]) -> None:
    document = reports["empty-exports"].document
    whole = wiki.render(document)
    assert wiki.fit(document) == (whole, False)
    for limit in (200, 900, 2_000, 5_000, 9_000, len(whole) - 1):
        text, cut = wiki.fit(document, limit)
        assert cut
        assert wiki.length(text) <= limit
        assert "attached as report.html" in text
        body = text[: text.rindex("The rest does not fit here")].rstrip()
        assert whole.startswith(body) or limit == 200
        if limit >= 2_000:
            assert whole[len(body) :].startswith("\n\nh2. ")


def test_length_counts_as_java_does() -> None:
    assert wiki.length("a👩ä") == 4


def with_source(report: Report, markdown: str) -> Report:
    return dataclasses.replace(report, source=markdown, document=parse.parse(markdown), quoted=())


@pytest.mark.parametrize(
    ("markdown", "gate"),
    [
        ("# t\n\nx {{ slot }}\n", "G2"),
        ("# t\n\n{% if %}\n", "G2"),
        ("# t\n\n## empty\n\n## next\n\nx\n", "G2"),
        ("# t\n\nx\n\n## empty at the end\n", "G2"),
        ("| a |\n| --- |\n| nan |\n", "G2"),
        ("# t\n\nit began at 02:13 in the night\n", "G4"),
        ("| a |\n| --- |\n| at 02:13 |\n", "G4"),
    ],
)
def test_gates_find(reports: dict[str, Report], markdown: str, gate: str) -> None:
    assert [problem.where for problem in problems(with_source(reports["new-errors"], markdown))] == [gate]


@pytest.mark.parametrize(
    "markdown",
    [
        "# t\n\n`{{ code }}`\n",
        "# t\n\n```\n{{ block }} None at 02:13\n```\n",
        "# t\n\nx \\{\\{ value \\}\\}\n",
        "# t\n\n02:13 UTC, 02:13:11 UTC, between 02:00 and 02:15 UTC, 02:00 to 02:15 UTC, 2026-03-11T02:04:11.113Z, 4:18.0.1, 127.0.0.1:80\n",
        "| First (UTC) |\n| --- |\n| 2026-03-11 02:04 |\n",
    ],
)
def test_gates_let_pass(reports: dict[str, Report], markdown: str) -> None:
    assert problems(with_source(reports["new-errors"], markdown)) == []


def test_gates_on_lengths_and_people(reports: dict[str, Report]) -> None:
    report = reports["new-errors"]
    for changed in ({"title": "x" * 101}, {"title": "a\nb"}, {"wiki": "x" * 32_768}, {"html": "x" * 100_001}):
        assert [problem.where for problem in problems(dataclasses.replace(report, **changed))] == ["G6"]  # type: ignore[arg-type]
    leaking = dataclasses.replace(report, markdown=report.markdown + "Maria Example")
    assert [problem.where for problem in problems(leaking)] == ["G1"]
    assert "Maria" not in problems(leaking)[0].message
