"""Templates: messages with their variable parts masked, under ids that stay the same across runs and machines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from bridge.text.mask import ALGORITHM, PASSES, mask, template_id

_LONGEST: Final = 2_000
_EXCEPTION: Final = re.compile(
    r"^(?:Caused by: )?((?:[\w$]+\.)+[\w$]*(?:Exception|Error|Throwable)|[A-Z]\w*(?:Exception|Error))\b", re.MULTILINE
)
_MOST_EXCEPTIONS: Final = 3

__all__ = ["ALGORITHM", "Templates", "template_of", "templates_of"]


@dataclass(slots=True, kw_only=True)
class Templates:
    """The templates of one table of events, gathered while ids are given out."""

    texts: dict[str, str] = field(default_factory=dict)
    """template_id to template."""

    def assign(self, messages: Sequence[str]) -> list[str]:
        """Return the template id of each message, in order; each distinct message is masked once."""
        encoded = pa.array(messages, pa.string()).dictionary_encode()
        templates = templates_of(encoded.dictionary.to_pylist())
        ids = [_identity(template) for template in templates]
        self.texts.update(zip(ids, templates, strict=True))
        return [ids[index] for index in encoded.indices.to_pylist()]

    def table(self) -> pa.Table:
        """Return the templates: template_id, template; sorted by id."""
        ids = sorted(self.texts)
        schema = pa.schema([pa.field("template_id", pa.string(), nullable=False), pa.field("template", pa.string(), nullable=False)])
        return pa.table({"template_id": ids, "template": [self.texts[identity] for identity in ids]}, schema=schema)


def template_of(message: str) -> str:
    """Return the template of a message: its first line masked, and the classes of the exceptions below it."""
    first, _, below = message.partition("\n")
    return mask(first[:_LONGEST]) + exceptions_below(below)


def templates_of(messages: Sequence[str]) -> list[str]:
    """Return the template of each message, as `template_of` does, over whole columns: RE2 instead of `re`."""
    parts = [message.partition("\n") for message in messages]
    masked = pa.array([first[:_LONGEST] for first, _, _ in parts], pa.string())
    for pattern, replacement in PASSES:
        masked = pc.replace_substring_regex(masked, pattern, replacement)
    texts: list[str] = pc.utf8_trim(masked, " ").to_pylist()
    return [f"{text}{exceptions_below(below)}" if below else text for text, (_, _, below) in zip(texts, parts, strict=True)]


def exceptions_below(below: str) -> str:
    """Return the classes of the exceptions that the lines below the first one name, as the end of a template."""
    classes = dict.fromkeys(_EXCEPTION.findall(below)) if below else {}
    return f" | {', '.join(list(classes)[:_MOST_EXCEPTIONS])}" if classes else ""


_identity = lru_cache(maxsize=65_536)(template_id)
