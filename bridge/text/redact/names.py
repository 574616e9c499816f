"""Names that nobody gave, guessed by a spaCy model: an extra (`names`), off unless a model is named.

Models miss one name in five and take one word in three for a name that is none (figures of others: docs/redaction.md),
so known values stay the way; redacting twice may find more than once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from bridge.errors import InputError
from bridge.text.redact.kinds import PERSON, Span

Finder = Callable[[str], Iterator[Span]]
_PEOPLE: Final = frozenset({"PERSON", "PER"})
_LONGEST: Final = 100_000
"""Characters given to the model at once; it needs about a kilobyte for each."""


def finder(model: str) -> Finder:
    """Return what finds names with a model that is installed; InputError says how to install it."""
    try:
        import spacy
    except ImportError as error:
        raise InputError(
            "names need spaCy", where="--names", hint="pip install 'ticket-bridge[names]', then a model: python -m spacy download NAME"
        ) from error
    try:
        language: Any = spacy.load(model, disable=["parser", "lemmatizer", "attribute_ruler", "textcat"])
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"no spaCy model '{model}': {reason}", where="--names", hint=f"python -m spacy download {model}") from error
    if "ner" not in language.pipe_names and "entity_ruler" not in language.pipe_names:
        raise InputError(
            f"the model '{model}' finds no names", where="--names", hint=f"it has: {', '.join(language.pipe_names) or 'nothing'}"
        )

    def found(text: str) -> Iterator[Span]:
        for at in range(0, len(text), _LONGEST):
            for entity in language(text[at : at + _LONGEST]).ents:
                if entity.label_ in _PEOPLE and "\0" not in entity.text:  # what stands for a label is no name
                    yield Span(start=at + entity.start_char, end=at + entity.end_char, kind=PERSON)

    return found
