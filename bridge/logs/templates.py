"""Templates: messages with their variable parts masked, under ids that stay the same across runs and machines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from bridge.text.mask import ALGORITHM, PASSES, mask, template_id

if TYPE_CHECKING:
    import pyarrow as pa

_LONGEST: Final = 2_000
_FEW: Final = 2_000
"""Distinct texts up to which `re` is as fast as RE2 over columns, whose import is spared."""
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
        """Return the template id of each message, in order; messages that are alike are masked once."""
        templates = templates_of(messages)
        identities = {template: _identity(template) for template in dict.fromkeys(templates)}
        self.texts.update((identity, template) for template, identity in identities.items())
        return [identities[template] for template in templates]

    def table(self) -> pa.Table:
        """Return the templates: template_id, template; sorted by id."""
        import pyarrow as pa

        ids = sorted(self.texts)
        schema = pa.schema([pa.field("template_id", pa.string(), nullable=False), pa.field("template", pa.string(), nullable=False)])
        return pa.table({"template_id": ids, "template": [self.texts[identity] for identity in ids]}, schema=schema)


def template_of(message: str) -> str:
    """Return the template of a message: its first line masked, and the classes of the exceptions below it."""
    first, _, below = message.partition("\n")
    return mask(first[:_LONGEST]) + exceptions_below(below)


def templates_of(messages: Sequence[str]) -> list[str]:
    """Return the template of each message, as `template_of` does: texts that are alike once, many of them over columns."""
    from bridge.logs.alike import alike  # numpy: who only reads templates does not pay for it

    firsts = [message.partition("\n")[0][:_LONGEST] if "\n" in message else message[:_LONGEST] for message in messages]
    short = alike(firsts)
    distinct = list(dict.fromkeys(short))
    masked = dict(zip(distinct, _masked(distinct), strict=True))
    return [
        masked[text] if "\n" not in message else masked[text] + exceptions_below(message.partition("\n")[2])
        for text, message in zip(short, messages, strict=True)
    ]


def alike_first(messages: Sequence[str]) -> list[str]:
    """Return for each message one that has the same template; of many messages few different ones are left."""
    from bridge.logs.alike import alike

    if "\n" in "".join(messages):
        return list(messages)
    return alike([message[:_LONGEST] for message in messages])


def _masked(texts: Sequence[str]) -> list[str]:
    if len(texts) <= _FEW:
        return [mask(text) for text in texts]
    import pyarrow as pa
    import pyarrow.compute as pc

    column = pa.array(texts, pa.string())
    for pattern, replacement in PASSES:
        column = pc.replace_substring_regex(column, pattern, replacement)
    found: list[str] = pc.utf8_trim(column, " ").to_pylist()
    return found


def exceptions_below(below: str) -> str:
    """Return the classes of the exceptions that the lines below the first one name, as the end of a template."""
    classes = dict.fromkeys(_EXCEPTION.findall(below)) if below else {}
    return f" | {', '.join(list(classes)[:_MOST_EXCEPTIONS])}" if classes else ""


_identity = lru_cache(maxsize=65_536)(template_id)
