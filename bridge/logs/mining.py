"""Mine templates from distinct masked texts, with no threshold that depends on the data set.

Five questions are asked of all texts at once, never of one line after another, so the order of lines changes nothing:

1. Which texts are equal but for *soft* tokens (values by their shape, quoted or in records) and optional values (`()` and `(<*>)`)?
2. Which differ in identifiers only (`module_wait`, `TermUpdate`), however many, and say enough besides?
3. Which differ only in words that are rare at their place, beside words that lots of texts have there?
4. Where groups are equal but for one token, is that place a variable? It is when the place says so (behind `user`, behind `=`
   in the middle of a record), when several words were seen there (the fewer words stay the same, the more), when a value by
   its shape was seen there as well, or when most of its words were seen in such a place elsewhere. Never a truth value, an
   exception, a key; the first word only when much is the same behind it. Asked again of what the answers made equal.
5. Which have a few words where another has one value (`invalid user test user from`)?

What is joined becomes one template: the tokens on which all members agree, wildcards elsewhere.
Ideas: masks before mining and work on distinct texts (measured in the reference), positions by their words rather than
a similarity threshold (Brain, TSC 2023; IPLoM, KDD 2009), merging of templates that differ in one place (PIPLUP 2025).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from bridge.logs.tokens import TRUTH, Tokens, is_constant, is_identifier, is_plain, is_soft, is_word, skeleton, tokens
from bridge.text.mask import WILDCARD

FEW: Final = 3
"""Different words in one place of otherwise equal texts that make it a variable; two where they are names."""
MANY: Final = 5
"""The same where only two words stay the same, and for the value of a last key, which may be what a text is about."""
LOTS: Final = 10
"""The same where only one word stays the same."""
_ENOUGH: Final = 3
"""Words that must stay the same around names, and around few words."""
_MOST: Final = 4
"""Words that must stay the same behind a first word that varies, one more where it is no label (`eth0: ...`)."""
_ROUNDS: Final = 4
_PHRASE: Final = (3, 5)
"""Tokens of two and three words."""
_NOUNS: Final = frozenset({"user", "username", "login", "account", "tenant", "customer", "host", "hostname", "server"})
"""Words behind which a name stands, in any product."""
_OPEN: Final = {"(": ")", "[": "]", "{": "}", '"': '"', "'": "'"}

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
    order = sorted(set(keys.values()))
    _join_optional(groups, order)
    _join_named(groups, order)
    _join_frequent(groups, order)
    _join_slots(groups, order)
    _join_phrases(groups, order)
    _join_known(groups, order, known)
    members: dict[Tokens, set[Tokens]] = defaultdict(set)
    for text, key in keys.items():
        members[groups.root(key)].add(split[text])
    templates = {root: _render(parts) for root, parts in members.items()}
    return [templates[groups.root(keys[text])] for text in texts]


def _render(members: set[Tokens]) -> str:
    """Return the tokens on which all members agree; of members that differ in length, those of the most frequent one, then with more wildcards."""
    by_length: dict[int, list[Tokens]] = defaultdict(list)
    for parts in members:
        by_length[len(parts)].append(parts)
    forms = [(len(same), _common(same)) for same in by_length.values()]
    _, shown = max(forms, key=lambda form: (form[0], form[1].count(WILDCARD), len(form[1])))
    # What is a value and partly masked is masked: `/dev/sda<*>` would only widen when the next disk comes.
    return "".join(WILDCARD if len(part) > 1 and WILDCARD in part and is_soft(part) else part for part in shown)


def _common(same: Sequence[Tokens]) -> Tokens:
    return same[0] if len(same) == 1 else tuple(column[0] if len(set(column)) == 1 else WILDCARD for column in zip(*same, strict=True))


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


def _join_named(groups: Groups, keys: Sequence[Tokens]) -> None:
    """Join texts that differ in identifiers only, in several at once."""
    by_rest: dict[Tokens, list[Tokens]] = defaultdict(list)
    for key in keys:
        words = [place for place, part in enumerate(key) if is_word(part)]
        names = [place for place in words[1:] if is_identifier(key[place]) and key[place + 1 : place + 2] != ("=",)]
        if names and len(words) - len(names) >= _ENOUGH:
            by_rest[_but(key, names)].append(key)
    for same in by_rest.values():
        groups.join(same)


def _join_frequent(groups: Groups, keys: Sequence[Tokens]) -> None:
    """Join lots of texts that differ in several plain words at once: those that are rare at their place, beside frequent ones."""
    counts: Counter[tuple[int, int, str]] = Counter()
    for key in keys:
        size = len(key)
        counts.update((size, place, part) for place, part in enumerate(key) if is_word(part))
    by_rest: dict[Tokens, list[Tokens]] = defaultdict(list)
    for key in keys:
        size = len(key)
        found = {place: counts[size, place, part] for place, part in enumerate(key) if is_word(part)}
        if len(found) < _ENOUGH:
            continue
        most = max(found.values())
        rare = [place for place, count in found.items() if count * LOTS <= most and key[place + 1 : place + 2] != ("=",)]
        if rare and 2 * len(rare) <= len(found) and rare[0] != min(found):
            by_rest[_but(key, rare)].append(key)
    for same in by_rest.values():
        if len(same) >= LOTS:
            groups.join(same)


def _join_slots(groups: Groups, keys: Sequence[Tokens]) -> None:
    names = {
        key[place]
        for key in keys
        for place in range(2, len(key))
        if key[place - 1] == "=" and key[place - 2].lower() in _NOUNS and key[place].isalpha()
    }
    forms = {key: key for key in keys}
    for _ in range(_ROUNDS):
        unsure: list[Slot] = []
        for (place, before, after), slot in _slots(sorted(forms)).items():
            verdict = _is_variable(before, after, slot)
            if verdict:
                groups.join([forms[form] for form in slot.values()])
                if before[place - 1 :] != ("=",):
                    names.update(slot)
            elif verdict is None:
                unsure.append(slot)
        names.discard(WILDCARD)
        for slot in unsure:
            if 2 * len(names & slot.keys()) >= len(slot):
                groups.join([forms[form] for form in slot.values()])
        joined = _forms(groups, keys)
        if joined.keys() == forms.keys():
            break
        forms = joined


def _forms(groups: Groups, keys: Sequence[Tokens]) -> dict[Tokens, Tokens]:
    """Return what the texts of each group have in common, for each length, and one text of the group."""
    same: dict[tuple[Tokens, int], list[Tokens]] = defaultdict(list)
    for key in keys:
        same[groups.root(key), len(key)].append(key)
    return {_common(members): members[0] for members in same.values()}


def _join_phrases(groups: Groups, keys: Sequence[Tokens]) -> None:
    """Join a text that has a few plain words where another has one value, and is equal before and behind it."""
    forms = _forms(groups, keys)
    gaps: dict[tuple[Tokens, Tokens], Tokens] = {}
    around: set[tuple[int, int, str, str]] = set()
    for form in sorted(forms):
        words = [place for place, part in enumerate(form) if is_word(part)]
        for place in range(words[0] + 1, words[-1]) if words else ():
            if form[place] == WILDCARD:
                gaps[form[:place], form[place + 1 :]] = forms[form]
                around.add((len(form), place, form[place - 1], form[place + 1]))
    for form in sorted(forms):
        for start in range(1, len(form) - min(_PHRASE)):
            for size in _PHRASE:
                end = start + size
                if end >= len(form) or (len(form) - size + 1, start, form[start - 1], form[end]) not in around:
                    continue
                gap = gaps.get((form[:start], form[end:]))
                if gap is not None and all(word == " " if at % 2 else word.isalpha() for at, word in enumerate(form[start:end])):
                    groups.join([forms[form], gap])


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
    """Return where a text may have a variable: not at a key, at its first word only where much else is said."""
    words = [place for place, part in enumerate(key) if is_word(part)]
    if not words:
        return []
    last = len(key) - 1
    behind = range(words[0] + 1, last + 1)
    return [
        place
        for place in ((0, *behind) if len(words) >= _MOST else behind)
        if key[place] == WILDCARD or (is_word(key[place]) and not (place < last and key[place + 1] == "="))
    ]


def _is_variable(before: Tokens, after: Tokens, slot: Slot) -> bool | None:
    """Tell whether a place holds a variable; None: only if its words are known as values from elsewhere."""
    words = slot.keys() - {WILDCARD}
    if any(word.lower() in TRUTH or is_constant(word) for word in words):
        return False
    shared = sum(map(is_word, before)) + sum(map(is_word, after))
    seen = any(WILDCARD in word for word in slot)
    if not before:
        return (seen or len(slot) >= FEW) and shared >= _MOST + (after[0] != ":")
    near = next((part for part in reversed(before) if part != " "), "")
    if near == "=" and shared > 1:
        return seen or len(slot) >= MANY or "=" in after
    named = not any(map(is_plain, words))
    if shared == 1:
        sure = len(slot) >= LOTS or (seen and named)
        return sure or (None if seen else False)
    if seen and (named or (near in _OPEN and after[:1] == (_OPEN[near],))):
        return True
    enough = shared >= _ENOUGH
    # Two words in capitals are rather verbs of a protocol (`Sending PUBREC to`) than names.
    names = named and enough and not all(map(str.isupper, words))
    return names or near.lower() in _NOUNS or len(slot) >= (FEW if enough else MANY) or None


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
