"""Faults that a test orders: the n-th matching request is answered wrongly, late, half or not at all.

`when` says whether the write happens: `before` means the request never reaches the product, `after` means it
was carried out and only the answer suffers. Faults live in memory: a restart forgets them.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import msgspec

from bridge.errors import InputError

FaultKind = Literal["status", "close", "reset", "hang", "html", "empty", "cut", "delay", "drip", "late"]
"""status: answer with `status` (and Retry-After); close: end the connection without an answer; reset: TCP reset;
hang: no answer for `seconds`, then close; html: a login page with 200; empty: the right status without a body;
cut: half of the body; delay: the right answer, `seconds` late; drip: the right answer, byte by byte over `seconds`;
late: the connection is closed at once, the write happens `seconds` later."""
ALIASES: dict[str, tuple[FaultKind, Literal["before", "after"]]] = {
    "lost-answer": ("close", "after"),
    "reset-after": ("reset", "after"),
    "reset-before": ("reset", "before"),
    "timeout": ("hang", "before"),
    "timeout-after": ("hang", "after"),
    "late-write": ("late", "after"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One ordered fault."""

    kind: FaultKind
    when: Literal["before", "after"] = "before"
    method: str = ""
    """Empty: any method."""
    path: str = ""
    """A regular expression, searched in the path with its prefix: `/issue$`."""
    count: int = 1
    """How many matching requests it hits; 0: all of them."""
    skip: int = 0
    """How many matching requests pass before."""
    status: int = 503
    retry_after: str = ""
    """Value of the Retry-After header: seconds, an HTTP date, or nonsense; empty: no header."""
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    """Body of a `status` answer; empty: an error in the product's shape."""
    seconds: float = 1.0

    @property
    def name(self) -> str:
        """What the journal calls it."""
        return f"{self.kind}-{self.when}" + (f"-{self.status}" if self.kind == "status" else "")


@dataclass(slots=True)
class _Armed:
    fault: Fault
    skip: int
    left: int | None


class FaultList:
    """The faults that are still to come, in the order they were given."""

    def __init__(self) -> None:
        """Start without faults."""
        self._armed: list[_Armed] = []
        self._lock = threading.Lock()

    def add(self, *faults: Fault) -> None:
        """Arm faults; a broken pattern is an InputError."""
        for fault in faults:
            try:
                re.compile(fault.path)
            except re.error as error:
                raise InputError(f"path '{fault.path}' is no regular expression: {error}", where="fault") from error
        with self._lock:
            self._armed += [_Armed(fault=fault, skip=fault.skip, left=fault.count or None) for fault in faults]

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._armed.clear()

    def pending(self) -> list[Fault]:
        """Return the faults that can still hit, with what is left of their counts."""
        with self._lock:
            return [replace(item.fault, skip=item.skip, count=item.left or 0) for item in self._armed]

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault for this request, if one is due, and count it."""
        with self._lock:
            for item in self._armed:
                fault = item.fault
                if (fault.method and fault.method.upper() != method) or not re.search(fault.path, path):
                    continue
                if item.skip:
                    item.skip -= 1
                    continue
                if item.left is not None:
                    item.left -= 1
                    if not item.left:
                        self._armed.remove(item)
                return fault
            return None


def from_json(items: Iterable[Any]) -> tuple[Fault, ...]:
    """Return faults from plain JSON objects; `kind` may be a short name: lost-answer, reset-after, timeout, ..."""
    faults = []
    for item in items:
        given = dict(item) if isinstance(item, dict) else {}
        short = ALIASES.get(str(given.get("kind")))
        if short is not None:
            given["kind"], given["when"] = short
        if "retry_after" in given:
            given["retry_after"] = str(given["retry_after"])
        unknown = sorted(set(given) - set(Fault.__dataclass_fields__))
        if unknown:
            raise InputError(f"a fault has no key '{unknown[0]}'", where="fault", hint=f"known: {', '.join(Fault.__dataclass_fields__)}")
        try:
            faults.append(msgspec.convert(given, Fault))
        except msgspec.ValidationError as error:
            raise InputError(f"not a fault: {error}", where="fault", hint="see docs/sandbox.md") from error
    return tuple(faults)
