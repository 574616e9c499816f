"""Labels that tell values apart without telling the values: the same value has the same label as long as the key lives."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import Final

from bridge.text.redact.kinds import CARD, DIGITS, EMAIL, IBAN, IP, KEY, LABELS, PHONE, SECRET, SSN
from bridge.text.redact.known import words

_NUMBERS: Final = frozenset({CARD, PHONE, SSN})
_EXACT: Final = frozenset({SECRET, KEY, IP})
_STAND_IN: Final = re.compile(r"\bperson-([0-9a-f]{6,16})@example\.test\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What is written in place of a value: `[phone]`, or with a key `[phone-3f2a1b]`."""

    key: bytes = b""
    """Empty: no pseudonyms. Whoever has it can test guesses, so it is a secret of the workspace."""

    def of(self, kind: str, value: str) -> str:
        """Return the label; how a value is written (spaces, hyphens, case) makes no difference."""
        word = LABELS[kind]
        if not self.key:
            return f"[{word}]"
        digest = hmac.digest(self.key, f"{word}\0{same(kind, value)}".encode("utf-8", "surrogatepass"), "sha256")
        return f"[{word}-{digest.hex()[:DIGITS]}]"


def labelled(text: str) -> str:
    """Return text with the addresses that stand for people in requests and rows as their labels: the digits are the same."""
    return _STAND_IN.sub(rf"[{LABELS[EMAIL]}-\1]", text)


def same(kind: str, value: str) -> str:
    """Return the form in which two values of a kind are the same."""
    if kind in _NUMBERS:
        digits = re.sub(r"(?i)(?:x|ext\.? ?|extension ).*|\(0\)|[^0-9+]", "", value) if kind == PHONE else re.sub(r"[^0-9]", "", value)
        return re.sub(r"\A(?:\+|00)", "", digits)
    if kind in _EXACT:
        return value
    return re.sub(r"[\s\-]", "", value).upper() if kind == IBAN else " ".join(words(value))
