"""Texts that are alike come together, with the words that group them."""

from __future__ import annotations

import random

from bridge.text.similarity.groups import groups

ABOUT = {
    "login": ["Login fails after the password reset", "Can't log in since my password reset", "password reset: login is refused"],
    "invoice": ["Wrong VAT on the invoice", "The invoice shows the wrong VAT rate", "VAT rate of invoice 4711 is wrong"],
}
ALONE = ["How do I invite a colleague?"]


def test_alike_texts_come_together_with_their_words() -> None:
    texts = [(text, "") for own in ABOUT.values() for text in own] + [(text, "") for text in ALONE]
    found = groups(texts)
    assert sorted(group.members for group in found) == [(0, 1, 2), (3, 4, 5)]
    words = {group.members: set(group.words) for group in found}
    assert {"password", "reset"} <= words[0, 1, 2]
    assert {"invoice", "vat"} <= words[3, 4, 5]


def test_the_groups_do_not_depend_on_what_else_is_there() -> None:
    texts = [(text, "") for own in ABOUT.values() for text in own]
    chance = random.Random(1)
    order = list(range(len(texts)))
    chance.shuffle(order)
    again = groups([texts[at] for at in order])
    assert sorted(sorted(order[at] for at in group.members) for group in again) == [[0, 1, 2], [3, 4, 5]]


def test_nothing_to_group() -> None:
    assert groups([]) == ()
    assert groups([("", ""), ("the of and", "")]) == ()
    assert groups([("one thing", ""), ("another matter", "")]) == ()
