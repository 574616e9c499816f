"""One map from personal values to made-up ones that keep their form, for requests and rows; reports use the same digits.

`Person 3f2a1b` in a row is `[person-3f2a1b]` in the report of the same case: both come from the workspace's key, the kind
and the value, however it is written. Nobody without the key can test a guess.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from bridge.text.redact.kinds import ADDRESS, EMAIL, IBAN, KNOWN, ORGANIZATION, PERSON, PHONE
from bridge.text.redact.known import index
from bridge.text.redact.pseudonyms import Labels, same
from bridge.text.redact.redactor import Redactor

_FORMS: Final[Mapping[str, str]] = {
    EMAIL: "person-{}@example.test",
    PERSON: "Person {}",
    ORGANIZATION: "Account {}",
    PHONE: "+1-555-0100 ext {}",
    ADDRESS: "1 Street {}",
}
_KINDS: Final = frozenset({EMAIL, PERSON, ORGANIZATION, PHONE, IBAN, ADDRESS})
_LONG: Final = 16


@dataclass(slots=True)
class Pseudonyms:
    """Gives pseudonyms and sees to it that no two values share one."""

    key: bytes
    known: tuple[tuple[str, str], ...] = ()
    """Names that are looked for in texts: value and kind."""
    _given: dict[tuple[str, str], str] = field(default_factory=dict)
    """(kind, digits) -> the value that has them, in the form in which two are the same."""
    _finder: Redactor | None = None

    def of(self, kind: str, value: str) -> str:
        """Return the pseudonym of one value; whoever comes second to digits that are taken gets longer ones."""
        plain = same(kind, value)
        short = Labels(key=self.key).of(kind, value).rpartition("-")[2].rstrip("]")
        if self._given.setdefault((kind, short), plain) != plain:
            short = hmac.digest(self.key, f"{kind}\0{plain}".encode("utf-8", "surrogatepass"), "sha256").hex()[:_LONG]
            self._given[kind, short] = plain
        return _FORMS.get(kind, "value-{}").format(short)

    def text(self, text: str) -> str:
        """Return text with the people in it replaced: addresses, telephones in international form, accounts at banks, known names."""
        if not any(char in text for char in "@+") and not self.known and not re.search(r"[A-Z]{2}\d{2}", text):
            return text
        parts, at = [], 0
        for span in self._redactor().spans(text):
            value = text[span.start : span.end]
            if span.kind not in _KINDS or (span.kind == PHONE and not value.startswith("+")) or value.endswith("@example.test"):
                continue
            parts += [text[at : span.start], self.of(span.kind, value)]
            at = span.end
        return "".join([*parts, text[at:]])

    def document(self, body: str) -> str:
        """Return a body with its people replaced; in JSON each text on its own, so that nothing else changes."""
        if body[:1] in {"{", "["}:
            try:
                return json.dumps(self._values(json.loads(body)), ensure_ascii=False) if self.text(body) != body else body
            except (ValueError, RecursionError):
                pass
        return self.text(body)

    def _values(self, value: object) -> object:
        if isinstance(value, dict):
            return {key: self._values(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._values(item) for item in value]
        return self.text(value) if isinstance(value, str) else value

    def _redactor(self) -> Redactor:
        if self._finder is None:
            self._finder = Redactor(known=index(self.known))
        return self._finder


_COLUMNS: Final = (
    (EMAIL, re.compile(r"e?_?mail(_address)?|.*_e?mail", re.IGNORECASE)),
    (PHONE, re.compile(r"(tele)?phone(_number)?|mobile|fax|.*_phone", re.IGNORECASE)),
    (
        PERSON,
        re.compile(
            r"(first|last|full|middle|given|family|user|contact|person|sur|nick)_?name|.*_(full|first|last)_?name|name_of_.*", re.IGNORECASE
        ),
    ),
    (ADDRESS, re.compile(r"street|(street_|postal_|home_|billing_|shipping_)?address(_?line)?_?\d?|zip(_code)?|postcode", re.IGNORECASE)),
    (IBAN, re.compile(r"iban|.*_iban|bank_account", re.IGNORECASE)),
    (KNOWN, re.compile(r"birth.*|date_of_birth|dob|ssn|tax_id|passport.*|national_id|salary", re.IGNORECASE)),
)


def kind_of_column(table: str, column: str, tagged: Iterable[str] = ()) -> str:
    """Return the kind of personal value that a column holds, by its name or because it is tagged; empty: none."""
    found = next((kind for kind, pattern in _COLUMNS if pattern.fullmatch(column)), "")
    words = {word.lower() for word in tagged}
    if found or not ({column.lower(), f"{table}.{column}".lower()} & words):
        return found
    return PERSON if column.lower() == "name" else KNOWN
