"""Put the detectors together: spans of a text, and the text with labels in their place.

Found values are collapsed to one opaque character and the rest is searched again until nothing is found. So
redacting twice is redacting once: the second run reads labels as that same character and starts where the
first one ended. Detectors never look over a blank line, so texts joined by one are redacted as they are alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from bridge.text.redact import known as known_values
from bridge.text.redact.addresses import addresses
from bridge.text.redact.emails import emails
from bridge.text.redact.kinds import LABEL, RANK, SECRET, Span
from bridge.text.redact.known import Index
from bridge.text.redact.names import Finder
from bridge.text.redact.numbers import ibans, numbers
from bridge.text.redact.phones import REGIONS
from bridge.text.redact.pseudonyms import Labels
from bridge.text.redact.secrets import secrets

_OPAQUE: Final = "\0"
_ROUNDS: Final = 8
"""More than any text needs: each round finds only what the one before uncovered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redactor:
    """What is looked for, and what is written instead."""

    known: Index = field(default_factory=dict)
    regions: tuple[str, ...] = REGIONS
    labels: Labels = field(default_factory=Labels)
    keep: Collection[str] = ()
    """Kinds that stay."""
    names: Finder | None = None
    """Guesses names that nobody gave; None: it is not done."""

    def spans(self, text: str) -> list[Span]:
        """Return what is found, in order, without overlaps; positions count characters."""
        found: list[Span] = []
        opaque = [(m.start(), m.end()) for m in LABEL.finditer(text)] if "[" in text else []
        for number in range(_ROUNDS):
            work, places = _collapsed(text, opaque)
            guessed = list(self.names(work)) if self.names is not None and number == 0 else []
            new = [_moved(span, places) for span in _joined([*self._search(work), *guessed])]
            if not new:
                break
            found += new
            opaque = sorted([*opaque, *((span.start, span.end) for span in new)])
        return sorted((span for span in found if span.kind not in self.keep), key=lambda span: span.start)

    def redact(self, text: str, counts: Counter[str] | None = None) -> str:
        """Return the text with labels; `counts` gets the number of values by kind."""
        spans = self.spans(text)
        if not spans:
            return text
        parts: list[str] = []
        at = 0
        for span in spans:
            parts += [text[at : span.start], self.labels.of(span.kind, text[span.start : span.end])]
            at = span.end
            if counts is not None:
                counts[span.kind] += 1
        return "".join([*parts, text[at:]])

    def _search(self, text: str) -> list[Span]:
        found = [*known_values.known(text, self.known), *secrets(text)]
        if "@" in text or "%40" in text:
            # In `postgresql://app:word@host` the word is a secret, not the beginning of an address.
            ends = {span.end for span in found if span.kind == SECRET}
            found += [span for span in emails(text) if not ends or text.find("@", span.start) not in ends]
        if not any(map(text.__contains__, "0123456789")) and ":" not in text:
            return found
        taken = [*found, *addresses(text), *ibans(text)]
        return [*taken, *numbers(text, self.regions, taken)]


def redactor(
    values: Iterable[tuple[str, str]] = (),
    *,
    key: bytes = b"",
    regions: tuple[str, ...] = REGIONS,
    keep: Collection[str] = (),
    names: Finder | None = None,
) -> Redactor:
    """Return a redactor for known (value, kind) pairs; with a key labels are pseudonyms, with `names` people are guessed too."""
    return Redactor(known=known_values.index(values), labels=Labels(key=key), regions=regions, keep=frozenset(keep), names=names)


def _collapsed(text: str, opaque: list[tuple[int, int]]) -> tuple[str, list[tuple[int, int]]]:
    """Return the text with each opaque stretch as one character, and where its pieces begin: (there, in the text)."""
    if not opaque:
        return text, [(0, 0)]
    parts: list[str] = []
    places = [(0, 0)]
    at = size = 0
    for start, end in opaque:
        parts += [text[at:start], _OPAQUE]
        size += start - at + 1
        places += [(size - 1, start), (size, end)]
        at = end
    return "".join([*parts, text[at:]]), places


def _moved(span: Span, places: list[tuple[int, int]]) -> Span:
    """Return a span of the collapsed text as a span of the text; no span holds the opaque character."""
    there, here = places[bisect_right(places, (span.start, 1 << 60)) - 1]
    return Span(start=span.start - there + here, end=span.end - there + here, kind=span.kind)


def _joined(found: list[Span]) -> list[Span]:
    """Join spans that overlap into one of the strongest kind among them, so that nothing of either is left."""
    if len(found) < 2:  # noqa: PLR2004  # nothing to join
        return found
    joined: list[Span] = []
    for span in sorted(found, key=lambda item: (item.start, -item.end)):
        if joined and span.start < joined[-1].end:
            last = joined[-1]
            kind = min(last.kind, span.kind, key=RANK.__getitem__) if span.end - span.start > 0 else last.kind
            joined[-1] = Span(start=last.start, end=max(last.end, span.end), kind=kind)
        else:
            joined.append(span)
    return joined
