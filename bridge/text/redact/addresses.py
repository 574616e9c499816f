"""Network addresses. Loopback, unspecified ones and masks are nobody's and stay."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Final

from bridge.text.redact.kinds import IP, Span

_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
# A fifth part makes it a version or an object id; a letter before (v1.2.3.4) a version.
_V4: Final = re.compile(rf"(?<![\w.])(?<!v\.)(?:{_BYTE}\.){{3}}{_BYTE}(?![0-9]|\.[0-9]|[A-Za-z_])")
_V6: Final = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|(?:[0-9]{1,3}\.){3}[0-9]{1,3})?(?![\w:]|\.\d)")
_VERSION: Final = re.compile(
    r"(?i)\b(?:version|release|build|ver|agent|chrome|safari|firefox|edge|opera|section|chapter|clause|oid)[ :=/v]{0,3}\Z"
)
_REACH: Final = 12


def addresses(text: str) -> Iterator[Span]:
    """Yield IPv4 and IPv6 addresses; what is called a version is one."""
    if text.count(".") >= 3:  # noqa: PLR2004  # an IPv4 address has three points
        for found in _V4.finditer(text):
            if not _VERSION.search(text, max(0, found.start() - _REACH), found.start()) and _somebodys(found[0]):
                yield Span(start=found.start(), end=found.end(), kind=IP)
    if text.count(":") >= 2:  # noqa: PLR2004  # as has the shortest IPv6 address
        for found in _V6.finditer(text):
            if any(char.isdigit() for char in found[0]) and ("::" in found[0] or found[0].count(":") == 7) and _somebodys(found[0]):  # noqa: PLR2004  # eight groups
                yield Span(start=found.start(), end=found.end(), kind=IP)


def _somebodys(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or text.startswith("255."))
