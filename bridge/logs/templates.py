"""Templates: messages with their variable parts masked, under ids that stay the same across runs and machines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import pyarrow as pa

from bridge.text.mask import ALGORITHM, mask, template_id

_LONGEST: Final = 2_000
_EXCEPTION: Final = re.compile(
    r"^(?:Caused by: )?((?:[\w$]+\.)+[\w$]*(?:Exception|Error|Throwable)|[A-Z]\w*(?:Exception|Error))\b", re.MULTILINE
)
_MOST_EXCEPTIONS: Final = 3

__all__ = ["ALGORITHM", "Templates", "template_of"]


@dataclass(slots=True, kw_only=True)
class Templates:
    """The templates of one table of events, gathered while ids are given out."""

    texts: dict[str, str] = field(default_factory=dict)
    """template_id to template."""

    def assign(self, messages: Iterable[str]) -> list[str]:
        """Return the template id of each message, in order."""
        ids: list[str] = []
        for message in messages:
            template = template_of(message)
            identity = _identity(template)
            self.texts.setdefault(identity, template)
            ids.append(identity)
        return ids

    def table(self) -> pa.Table:
        """Return the templates: template_id, template; sorted by id."""
        ids = sorted(self.texts)
        schema = pa.schema([pa.field("template_id", pa.string(), nullable=False), pa.field("template", pa.string(), nullable=False)])
        return pa.table({"template_id": ids, "template": [self.texts[identity] for identity in ids]}, schema=schema)


def template_of(message: str) -> str:
    """Return the template of a message: its first line masked, and the classes of the exceptions below it."""
    first, _, below = message.partition("\n")
    template = mask(first[:_LONGEST])
    if below:
        classes = dict.fromkeys(_EXCEPTION.findall(below))
        if classes:
            template = f"{template} | {', '.join(list(classes)[:_MOST_EXCEPTIONS])}"
    return template


_identity = lru_cache(maxsize=65_536)(template_id)
