"""What a raw bug report names, by its words: eleven elements, crude on purpose. Another scale than the points of a case.

The elements are those of the studies on bug reports (Chaparro et al., FSE 2017; Bettenburg et al., FSE 2008) and four that
trackers seldom hold: how often, who is hit, since when, and a way around.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_I = re.IGNORECASE
_M = re.IGNORECASE | re.MULTILINE
_STEPS: Final = re.compile(
    r"\bsteps?\b[^.\n]{0,20}:|\breproduc|\brepro\b|^\W{0,3}STR\b\W|\b(?:when|if|after) (?:I|we|you) (?:run|ran|try|tried|start|click|open|execute|set|use)\b"
    r"|\b(?:run|execut\w+)(?:ning)? the (?:following|command|test)|^\W{0,3}1[.)][^\n]{3,}\n(?:[^\n]*\n){0,3}?\W{0,3}2[.)] ",
    _M,
)
_EXPECTED: Final = re.compile(
    r"expected (?:results?|behaviou?r|outcome|output)|\bexpect(?:ed|s|ation|ing)?\b|\binstead of\b|\b(?:it|we|this|there) should\b|correct behaviou?r",
    _I,
)
_OBSERVED: Final = re.compile(
    r"actual (?:results?|behaviou?r|outcome|output)|\bobserved\b|\b(?:fail(?:s|ed|ing|ure|ures)?|crash(?:es|ed|ing)?|hangs?|hung|throws?|threw|thrown|freezes?|broken|wrong(?:ly)?|incorrect(?:ly)?|unable to)\b"
    r"|\b(?:error|exception)s?\b|does(?:n't| not) (?:work|load|show|open)|\bcan(?:'t|not) be\b",
    _I,
)
_STACK: Final = re.compile(
    r"^\s*at [\w.$<>]+\([^)\n]*\)|Traceback \(most recent|\{(?:code|noformat)|^```|\b[\w.]+(?:Exception|Error): ", re.MULTILINE
)
_VERSION: Final = re.compile(
    r"\bversions?:? ?v?\d|\bv?\d+\.\d+\.\d+\b|\b(?:build|release|branch|trunk|revision|changeset)[ -]?(?:id(?:entifier)?)?[:# -]{0,3}v?\d[\w.-]*"
    r"|\b(?:SeaMonkey|Firefox|Hadoop|Java|JDK|Python|Chrome)[ /]v?\d",
    _I,
)
_ENVIRONMENT: Final = re.compile(
    r"\buser[- ]?agent\b|\bMozilla/5\.0|\bbuild (?:id|identifier)\b|\benvironment:|\b(?:operating system|platform|OS):"
    r"|\b(?:Windows (?:NT|XP|7|8|10|11|Vista|2000|Server)|Ubuntu|CentOS|RHEL|Debian|macOS|Mac OS X|Solaris|Fedora|openSUSE|aarch64)\b",
    _I,
)
_LOGS: Final = re.compile(
    r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d|\b\d\d/\d\d/\d\d \d\d:\d\d:\d\d|^\W{0,3}\d\d:\d\d:\d\d[.,]\d+|\b(?:INFO|WARN|ERROR|FATAL|DEBUG)\b",
    re.MULTILINE,
)
_FREQUENCY: Final = re.compile(
    r"\b(?:always|sometimes|intermittent(?:ly)?|occasional(?:ly)?|every time|once in a while|frequently|rarely)\b|\breproducible:|\d+ ?(?:%|percent|out of|of) \d*[^.\n]{0,20}\b(?:times|runs|fail)",
    _I,
)
_IMPACT: Final = re.compile(
    r"\b(?:users|customers|tenants|production)\b|\bimpact(?:s|ed|ing)?\b|\baffect(?:s|ed|ing)\b|\bperformance\b|\bdata (?:loss|corruption)\b|\bblocker for\b",
    _I,
)
_SINCE: Final = re.compile(
    r"\bregression\b|\bregress(?:ion|ed)\b[^.\n]{0,30}\b(?:since|from|in|range|window)|\bsince (?:upgrad|updat|version|v?\d|the (?:upgrade|update|last|latest|change))"
    r"|\bused to work\b|\bworked (?:fine )?(?:in|before|until|with) |\bstarted (?:happening|after|failing)|\bafter (?:upgrad|updat)ing",
    _I,
)
_AROUND: Final = re.compile(r"\bwork ?-?arounds?\b|\bworkaround", _I)

ELEMENTS: Final = {
    "steps": (_STEPS, "which steps, one by one, lead to it?"),
    "expected": (_EXPECTED, "what should have happened?"),
    "observed": (_OBSERVED, "what happened, with the exact message?"),
    "stack or code": (_STACK, "is there a stack trace or an excerpt?"),
    "version": (_VERSION, "which version or build?"),
    "environment": (_ENVIRONMENT, "which system, browser or deployment?"),
    "time or log lines": (_LOGS, "when exactly, and what do the logs say?"),
    "frequency": (_FREQUENCY, "how often, of how many tries?"),
    "impact": (_IMPACT, "who is hit, and how many?"),
    "since when": (_SINCE, "since when, and what changed then?"),
    "workaround": (_AROUND, "is there a way around?"),
}
"""By name: what shows it, and what to ask when it is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Elements:
    """Which elements a text names."""

    held: dict[str, bool]

    @property
    def present(self) -> tuple[str, ...]:
        """Return what is there."""
        return tuple(name for name, there in self.held.items() if there)

    @property
    def missing(self) -> tuple[str, ...]:
        """Return what is not."""
        return tuple(name for name, there in self.held.items() if not there)

    @property
    def share(self) -> float:
        """Return the completeness, 0 to 1."""
        return len(self.present) / len(self.held)

    @property
    def ask(self) -> dict[str, str]:
        """Return the question for each element."""
        return {name: question for name, (_, question) in ELEMENTS.items()}


def elements(text: str) -> Elements:
    """Return the elements that a report's title and body name."""
    return Elements(held={name: pattern.search(text) is not None for name, (pattern, _) in ELEMENTS.items()})
