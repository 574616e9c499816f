"""The template of one message by masks alone: it needs no other message to be decided. Ids are made by `bridge.logs.miner`."""

from __future__ import annotations

import re
from typing import Final

from bridge.text.mask import mask

_LONGEST: Final = 2_000
_EXCEPTION: Final = re.compile(
    r"^(?:Caused by: )?((?:[\w$]+\.)+[\w$]*(?:Exception|Error|Throwable)|[A-Z]\w*(?:Exception|Error))\b", re.MULTILINE
)
_MOST_EXCEPTIONS: Final = 3


def template_of(message: str) -> str:
    """Return the template of a message: its first line masked, and the classes of the exceptions below it."""
    first, _, below = message.partition("\n")
    return mask(first[:_LONGEST]) + exceptions_below(below)


def exceptions_below(below: str) -> str:
    """Return the classes of the exceptions that the lines below the first one name, as the end of a template."""
    classes = dict.fromkeys(_EXCEPTION.findall(below)) if below else {}
    return f" | {', '.join(list(classes)[:_MOST_EXCEPTIONS])}" if classes else ""
