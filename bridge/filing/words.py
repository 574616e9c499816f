"""What became of an issue, in our words; and how each is told, internally and to the customer.

Trackers name statuses and resolutions as they like. The category (new, in progress, done) is theirs; end states
that are not a fix are recognised by their usual names, and `filing.statuses` and `filing.resolutions` in
bridge.yaml name the others. `done` without a resolution counts as fixed only when nothing says otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.model.filing import IssueState

Word = Literal[
    "waiting", "in progress", "needs information", "fixed", "released", "won't fix", "duplicate", "cannot reproduce", "closed", "reopened"
]
WORDS: Final[tuple[Word, ...]] = get_args(Word)
OVER: Final = frozenset({"released", "won't fix", "duplicate", "cannot reproduce", "closed"})
"""Nothing more will come of it by itself."""
_ENDS: Final[tuple[tuple[str, Word], ...]] = (
    (r"won'?t|will not|declin|reject|by design|as designed|not a bug|obsolete|abandon", "won't fix"),
    (r"duplicate", "duplicate"),
    (r"reproduc|incomplete", "cannot reproduce"),
    (r"done|fixed|resolved|complete|deployed|released|closed|erledigt|gel[oö]st", "fixed"),
)
_NEEDS = re.compile(r"need.*info|more info|waiting for (customer|support|info|reporter)|feedback|r[uü]ckfrage", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """One thing to tell, once."""

    word: Word
    detail: str = ""
    """The version, the other issue's key, or the tracker's own word."""
    cycle: int = 0
    """How often the issue was opened again: then everything may be told anew."""

    @property
    def name(self) -> str:
        """Return what tells it from every other occasion of the issue."""
        return f"{self.cycle}|{self.word}|{self.detail}"

    @property
    def slug(self) -> str:
        """Return it as one word, for templates and markers."""
        return re.sub(r"[^a-z]+", "-", self.word.replace("'", ""))


def occasion(
    state: IssueState,
    *,
    cycle: int,
    statuses: Mapping[str, Word] | None = None,
    resolutions: Mapping[str, Word] | None = None,
    target: str = "",
) -> Occasion:
    """Return what an issue's state means; `target` is the key of what it duplicates."""
    word = _word(state, statuses or {}, resolutions or {})
    detail = ""
    if word == "fixed" and state.fix_versions:
        detail = ", ".join(version.name for version in state.fix_versions)
        if all(version.released for version in state.fix_versions):
            word = "released"
    elif word == "duplicate":
        detail = target
    elif word == "closed":
        detail = state.resolution or state.status
    return Occasion(word=word, detail=detail, cycle=cycle)


def _word(state: IssueState, statuses: Mapping[str, Word], resolutions: Mapping[str, Word]) -> Word:
    named = {name.casefold(): word for name, word in statuses.items()}.get(state.status.casefold())
    if named is not None and (state.category != "done" or state.resolution is None):
        return named
    if state.category != "done":
        if _NEEDS.search(state.status):
            return "needs information"
        return "in progress" if state.category == "indeterminate" else "waiting"
    given = (state.resolution or state.status).casefold()
    known = {name.casefold(): word for name, word in resolutions.items()}
    if given in known:
        return known[given]
    if state.duplicate_of and state.resolution is None:
        return "duplicate"
    return next((word for pattern, word in _ENDS if re.search(pattern, given)), "closed")


def note(key: str, status: str, said: Occasion, *, question: str = "") -> str:
    """Return the first lines of the internal note for an occasion. Plain text."""
    version = f" in {said.detail}" if said.detail else ""
    sentences: dict[Word, str] = {
        "waiting": f"{key} waits to be worked on ({status}).",
        "in progress": f"{key} is being worked on ({status}).",
        "needs information": f"Engineering needs information for {key} ({status})." + (f"\nThe question: {question}" if question else ""),
        "fixed": f"{key} is fixed{version}, which is not released yet." if version else f"{key} is fixed ({status}).",
        "released": f"{key} is fixed, and {said.detail} is released: the customer can be told.",
        "won't fix": f"{key} will not be fixed ({said.detail or status}). The customer does not know that yet.",
        "duplicate": f"{key} was closed as a duplicate of {said.detail}: that issue is followed from now on."
        if said.detail
        else f"{key} was closed as a duplicate, but of which issue is not said there.",
        "cannot reproduce": f"Engineering could not reproduce {key}. New details from the customer would help to open it again.",
        "closed": f"{key} was closed as '{said.detail}'.",
        "reopened": f"{key} was opened again ({status}).",
    }
    return sentences[said.word]


_GERMAN = frozenset(
    [
        "der",
        "die",
        "das",
        "und",
        "ist",
        "nicht",
        "wir",
        "ich",
        "sie",
        "mit",
        "bei",
        "auch",
        "aber",
        "seit",
        "unsere",
        "unser",
        "unserem",
        "wurde",
        "werden",
        "kein",
        "keine",
        "einen",
        "eine",
        "haben",
    ]
)
_ENGLISH = frozenset(
    [
        "the",
        "and",
        "is",
        "not",
        "we",
        "our",
        "with",
        "since",
        "but",
        "also",
        "was",
        "were",
        "has",
        "have",
        "are",
        "this",
        "that",
        "from",
        "when",
        "it",
    ]
)


def language(text: str) -> Literal["en", "de"]:
    """Return the language that most of a text's small words belong to; English when they tell nothing."""
    found = re.findall(r"[a-zäöüß]+", text.casefold())
    german, english = sum(word in _GERMAN for word in found), sum(word in _ENGLISH for word in found)
    return "de" if german > english else "en"
