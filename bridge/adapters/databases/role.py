"""The belt of the role: what may do more than read runs no query, whatever the other belts hold."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bridge.errors import RefusedError


@dataclass(slots=True)
class Role:
    """What the account may do beyond reading, asked once for each adapter, before its first query; safe from several threads."""

    faults: Sequence[str] | None = None
    """None: not asked yet; empty: it can only read. Tests of the other belts alone set it to empty."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def require_reader(self, ask: Callable[[], Sequence[str]], *, where: str, grants: str) -> None:
        """RefusedError, with the statements for an administrator, when the account could write; errors of `ask` pass."""
        with self._lock:
            if self.faults is None:
                self.faults = tuple(ask())
        if self.faults:
            message = f"refused before it ran: the account can do more than read: {'; '.join(self.faults)}"
            raise RefusedError(message, where=where, hint=f"use an account that can only read; an administrator makes it with:\n{grants}")
