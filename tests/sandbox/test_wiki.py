"""Wiki markup as HTML: what it shows, and that nothing in it can run."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sandbox.pages.wiki import is_web_address, render

CASES = json.loads((Path(__file__).parents[1] / "cases" / "sandbox" / "wiki.json").read_text())
PICTURES = {"timeline.svg": "/files/1"}
ALLOWED = {
    *("a", "blockquote", "br", "code", "div", "em", "h2", "h3", "h4", "h5", "h6", "hr", "img", "li", "ol", "p", "pre", "s", "strong"),
    *("table", "td", "th", "tr", "ul"),
}
VOID = {"br", "hr", "img"}


@pytest.mark.parametrize(("text", "html"), CASES, ids=lambda value: value[:40])
def test_markup_becomes(text: str, html: str) -> None:
    assert str(render(text, PICTURES)) == html


class _Check(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED, tag
        for name, value in attrs:
            assert name in {"href", "src", "alt", "rel", "class"}, name
            if name == "href":
                assert value is not None
                assert is_web_address(value)
            if name == "src":
                assert value in PICTURES.values()
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)


PIECES = st.sampled_from(
    [
        *("*", "_", "-", "|", "||", "#", "h1. ", "\n", "\n* ", "\n## ", "{code}", "{quote}", "{{", "}}", "[", "]", "!", "\\", "\\\\"),
        *("<b>", "</p>", "<!--", "&", '"', "'", "javascript:", "https://a.example", "timeline.svg", "{panel:title=<i>}", "word", " "),
    ]
)


@given(st.lists(PIECES | st.text(max_size=5), max_size=40).map("".join))
def test_whatever_is_written_only_known_tags_come_out_closed(text: str) -> None:
    check = _Check()
    check.feed(str(render(text, PICTURES)))
    check.close()
    assert check.open == []


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("https://a.example/x", True),
        ("http://127.0.0.1:8765/x", True),
        ("HTTPS://a.example", True),
        ("javascript:alert(1)", False),
        ("https:/a.example", False),
        ("//a.example", False),
        ("https://a.example/\u202e", False),
        ("java\nscript:x", False),
        ("https://[::1", False),
        ("mailto:a@b.example", False),
    ],
)
def test_an_address_is_for_the_web(address: str, *, safe: bool) -> None:
    assert is_web_address(address) is safe
