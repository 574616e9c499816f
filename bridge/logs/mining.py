"""Mine templates from distinct masked texts, with no threshold that depends on the data set.

Three questions are asked of all texts at once, never of one line after another, so the order of lines changes nothing:

1. Which texts are equal but for *soft* tokens (values by their shape) and optional values (`()` and `(<*>)`)?
2. Where texts are equal but for one token, is that place a variable? It is when the place says so (behind `user`,
   inside quotes; behind `=` where a value by its shape is seen as well), when many words were seen there, or when
   most of them were seen in such a place elsewhere. Never the first word, a key, or a truth value.
3. Are they records of the same keys, in which several values vary at once?

What is joined becomes one template: the tokens on which all members agree, wildcards elsewhere.
Ideas: masks before mining and work on distinct texts (measured in the reference), positions by their words rather than
a similarity threshold (Brain, TSC 2023; IPLoM, KDD 2009), merging of templates that differ in one place (PIPLUP 2025).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from bridge.logs.tokens import Tokens, is_name, is_soft, is_word, skeleton, tokens
from bridge.text.mask import WILDCARD

MANY: Final = 5
"""Different words in one place of otherwise equal texts that make it a variable."""
_RECORD: Final = 3
"""Keys from which a text is a record."""
_TRUTH: Final = frozenset({"true", "false", "yes", "no", "on", "off"})
_NOUNS: Final = frozenset({"user", "username", "login", "account", "tenant", "customer", "host", "hostname", "server"})
"""Words behind which a name stands, in any product."""
_OPEN: Final = {"(": ")", "[": "]", "{": "}", '"': '"', "'": "'"}
_FEWEST_WORDS: Final = 2
"""Words that must stay the same around a variable: one word says too little."""

Slot = dict[str, Tokens]


class Groups:
    """Sets that are joined step by step (union-find); the root of a set does not depend on the order of joining."""

    __slots__ = ("_parent",)

    def __init__(self, keys: Iterable[Tokens]) -> None:
        self._parent = {key: key for key in keys}

    def root(self, key: Tokens) -> Tokens:
        """Return the smallest key of the set."""
        parent = self._parent
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    def join(self, keys: Sequence[Tokens]) -> None:
        """Put the sets of these keys together."""
        roots = sorted({self.root(key) for key in keys})
        for other in roots[1:]:
            self._parent[other] = roots[0]


def mine(texts: Sequence[str], together: Sequence[Sequence[str]] = ()) -> list[str]:
    """Return the template of each masked text; equal texts have equal templates, whatever their order.

    `together`: texts (among `texts`) of templates that are known already; they stay together whatever else is seen.
    """
    split = {text: tokens(text) for text in dict.fromkeys(texts)}
    keys = {text: skeleton(parts) for text, parts in split.items()}
    groups = Groups(keys.values())
    known = [sorted({keys[text] for text in members}) for members in together]
    for same in known:
        groups.join(same)
    _join_optional(groups, sorted(set(keys.values())))
    _join_slots(groups, sorted(set(keys.values())))
    _join_records(groups, sorted(set(keys.values())))
    _join_known(groups, sorted(set(keys.values())), known)
    members: dict[Tokens, set[Tokens]] = defaultdict(set)
    for text, key in keys.items():
        members[groups.root(key)].add(split[text])
    templates = {root: _render(parts) for root, parts in members.items()}
    return [templates[groups.root(keys[text])] for text in texts]


def _render(members: set[Tokens]) -> str:
    """Return the tokens on which all members agree; of members that differ in length, the longest ones."""
    longest = max(map(len, members))
    columns = zip(*(parts for parts in members if len(parts) == longest), strict=True)
    shown = (column[0] if len(set(column)) == 1 else WILDCARD for column in columns)
    # What is a value and partly masked is masked: `/dev/sda<*>` would only widen when the next disk comes.
    return "".join(WILDCARD if len(part) > 1 and WILDCARD in part and is_soft(part) else part for part in shown)


def _join_optional(groups: Groups, keys: Sequence[Tokens]) -> None:
    """Join texts that are equal but for values in brackets that may be missing, or a bracket's value of several tokens."""
    by_rest: dict[Tokens, list[Tokens]] = defaultdict(list)
    for key in keys:
        by_rest[_without_optional(key)].append(key)
    for same in by_rest.values():
        groups.join(same)


def _without_optional(key: Tokens) -> Tokens:
    found: list[str] = []
    for place, part in enumerate(key):
        if part == WILDCARD and found and place + 1 < len(key) and _OPEN.get(found[-1]) == key[place + 1]:
            continue
        found.append(part)
        if part in _OPEN.values() and part not in "\"'":
            _shorten(found)
    return tuple(found)


def _shorten(found: list[str]) -> None:
    """Make `(name=Window - <*>)` end as `(name=`: a value of several tokens, up to the closing bracket."""
    start = next((at for at in range(len(found) - 2, -1, -1) if found[at] in "([{,;" or len(found) - at > 12), 0)  # noqa: PLR2004 - a short value
    inside = found[start + 1 : -1]
    if found[start] in "([{" and "=" in inside and any(WILDCARD in part for part in inside):
        del found[start + 2 + inside.index("=") : -1]


def _join_slots(groups: Groups, keys: Sequence[Tokens]) -> None:
    names = {
        key[place]
        for key in keys
        for place in range(2, len(key))
        if key[place - 1] == "=" and key[place - 2].lower() in _NOUNS and key[place].isalpha()
    }
    unsure: list[Slot] = []
    for (place, before, after), slot in _slots(keys).items():
        verdict = _is_variable(before, after, slot)
        if verdict:
            groups.join(list(slot.values()))
            if before[place - 1 :] != ("=",):
                names.update(slot)
        elif verdict is None:
            unsure.append(slot)
    names.discard(WILDCARD)
    for slot in unsure:
        if 2 * len(names & slot.keys()) >= len(slot):
            groups.join(list(slot.values()))


def _slots(keys: Sequence[Tokens]) -> Mapping[tuple[int, Tokens, Tokens], Slot]:
    """Return the places at which otherwise equal texts differ: (place, tokens before, tokens after) to word to text."""
    numbers: dict[str, int] = {}
    buckets: dict[tuple[int, int, int], list[Tokens]] = defaultdict(list)
    for key in keys:
        # A sum over (token, place) lets one token be taken out without building the rest: few places need the full key.
        parts = [hash((numbers.setdefault(part, len(numbers)), place)) for place, part in enumerate(key)]
        total = sum(parts)
        for place in _places(key):
            buckets[len(key), place, total - parts[place]].append(key)
    found: dict[tuple[int, Tokens, Tokens], Slot] = defaultdict(dict)
    for (_, place, _), same in buckets.items():
        if len(same) > 1:
            for key in same:
                found[place, key[:place], key[place + 1 :]][key[place]] = key
    return {where: slot for where, slot in found.items() if len(slot) > 1}


def _places(key: Tokens) -> list[int]:
    """Return where a text may have a variable: not at its first word, not at a key, not where little else is said."""
    words = [place for place, part in enumerate(key) if is_word(part)]
    values = [place for place, part in enumerate(key) if part == WILDCARD]
    first = words[0] if words else len(key)
    last = len(key) - 1
    enough = [place for place in words[1:] if len(words) - 1 >= _FEWEST_WORDS and not (place < last and key[place + 1] == "=")]
    return enough + ([place for place in values if place > first] if len(words) >= _FEWEST_WORDS else [])


def _is_variable(before: Tokens, after: Tokens, slot: Slot) -> bool | None:
    """Tell whether a place holds a variable; None: only if its words are known as values from elsewhere."""
    if not _TRUTH.isdisjoint(word.lower() for word in slot):
        return False
    near = next((part for part in reversed(before) if part != " "), "")
    words = slot.keys() - {WILDCARD}
    if near == "=":
        return WILDCARD in slot or len(slot) >= MANY
    if near in _OPEN and after[:1] == (_OPEN[near],):
        return WILDCARD in slot or near in "\"'" or len(slot) >= MANY
    if near.lower() in _NOUNS or len(slot) >= MANY:
        return True
    if WILDCARD in slot and all(is_name(word) for word in words):
        return True
    return None


def _join_known(groups: Groups, keys: Sequence[Tokens], known: Sequence[Sequence[Tokens]]) -> None:
    """Join a text to the known template that it fits: equal but for places at which the template was seen to vary."""
    fitting: dict[tuple[int, ...], dict[Tokens, Tokens]] = defaultdict(dict)
    for members in known:
        for size in {len(key) for key in members}:
            same = [key for key in members if len(key) == size]
            free = tuple(place for place in range(size) if len({key[place] for key in same}) > 1)
            if free:
                fitting[size, *free].setdefault(_but(same[0], free), same[0])
    roots = {groups.root(key) for members in known for key in members}
    for key in keys:
        if groups.root(key) not in roots:
            found = next(
                (one[_but(key, form[1:])] for form, one in fitting.items() if form[0] == len(key) and _but(key, form[1:]) in one), None
            )
            if found is not None:
                groups.join([key, found])


def _but(key: Tokens, places: Sequence[int]) -> Tokens:
    return tuple(WILDCARD if place in places else part for place, part in enumerate(key))


def _join_records(groups: Groups, keys: Sequence[Tokens]) -> None:
    """Join records of the same keys in which two values or more vary at once, and none of them is a truth value."""
    by_keys: dict[Tokens, list[tuple[Tokens, Tokens]]] = defaultdict(list)
    for key in keys:
        places = [place for place in range(1, len(key)) if key[place - 1] == "=" and (is_word(key[place]) or key[place] == WILDCARD)]
        quoted = [place for place in range(2, len(key)) if key[place - 1] in "\"'" and key[place - 2] == "=" and is_word(key[place])]
        if len(places) + len(quoted) < _RECORD:
            continue
        values = {*places, *quoted}
        rest = tuple(WILDCARD if place in values else part for place, part in enumerate(key))
        by_keys[rest].append((key, tuple(key[place] for place in sorted(values))))
    for records in by_keys.values():
        first_of: dict[Tokens, list[tuple[Tokens, Tokens]]] = defaultdict(list)
        for key, values_of in records:
            truths = tuple(value if value.lower() in _TRUTH else "" for value in values_of)
            first_of[truths].append((key, values_of))
        for same in first_of.values():
            if any(sum(a != b for a, b in zip(one, two, strict=True)) > 1 for _, one in same[:50] for _, two in same[:50]):
                groups.join([key for key, _ in same])
