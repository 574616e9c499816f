"""Make characters visible that a terminal, a log or a browser would act on instead of showing."""

from __future__ import annotations

import unicodedata

_ACTING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")


def visible(text: str, *, keep: str = "") -> str:
    r"""Return `text` with every control, format, bidi and lone surrogate character written as an escape.

    ESC becomes `\x1b`, a right-to-left override `\u202e`; `keep` names characters to leave alone
    ("\n\t" for a block of lines). Joiners between two non-ASCII characters stay: they belong to
    scripts and emoji. The result can be encoded as UTF-8 and never moves a cursor or starts a line.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(text, index, keep) for index in range(len(text)))


def _shown(text: str, index: int, keep: str) -> str:
    """Return the character at `index`, or its escape."""
    char = text[index]
    if char in keep:
        return char
    code = ord(char)
    acting = unicodedata.category(char) in _ACTING or (code & 0xFFFE) == 0xFFFE or 0xFDD0 <= code <= 0xFDEF  # noqa: PLR2004  # Unicode's noncharacters
    if not acting or (char in _JOINERS and 0 < index < len(text) - 1 and not (text[index - 1] + text[index + 1]).isascii()):
        return char
    known = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(char)
    if known:
        return known
    if code <= 0xFF:  # noqa: PLR2004  # two hex digits hold it
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004  # four hex digits hold it
