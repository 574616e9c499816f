"""Which addresses a report may link to."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from urllib.parse import urlsplit

_MAILTO = "mailto:"


def allowed(url: str, known: AbstractSet[str] = frozenset()) -> bool:
    """Tell whether `url` may be live: https and mailto always, http only when it is in `known` (tickets and issues).

    Anything with a space, a control character or a backslash is refused: browsers read those differently.
    """
    if any(char <= " " or char in '\\<>"`{}|^' or char == "\x7f" for char in url):
        return False
    if url.lower().startswith(_MAILTO):
        return len(url) > len(_MAILTO)
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    if not host or parts.username is not None or parts.password is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and url in known)
