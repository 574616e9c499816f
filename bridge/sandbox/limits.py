"""Rate limits that a test orders: so many writes of one issue, or of the help desk, in so many seconds; then 429."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from dataclasses import dataclass, field

_ISSUE = re.compile(r"/issue/([^/]+)")


@dataclass(slots=True)
class Limits:
    """Sliding windows in memory: a restart forgets them. 0: no limit."""

    issue_writes: int = 0
    """Writes of one issue."""
    desk_writes: int = 0
    """Writes of the help desk."""
    seconds: float = 1.0
    _seen: dict[str, deque[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def order(self, *, issue_writes: int, desk_writes: int, seconds: float) -> None:
        """Set the limits and forget what was counted."""
        with self._lock:
            self.issue_writes, self.desk_writes, self.seconds = issue_writes, desk_writes, seconds
            self._seen.clear()

    def wait(self, path: str) -> tuple[float, str]:
        """Count a write; return how long it has to wait (0: it may go on) and which limit says so."""
        if path.startswith("/jira/"):
            found = _ISSUE.search(path)
            limit, key, reason = self.issue_writes, found[1] if found else "", "jira-per-issue-on-write"
            if found is None:
                return 0.0, ""
        else:
            limit, key, reason = self.desk_writes, "desk", "account-limit"
        if limit <= 0:
            return 0.0, ""
        with self._lock:
            now = time.monotonic()
            seen = self._seen.setdefault(key, deque())
            while seen and seen[0] <= now - self.seconds:
                seen.popleft()
            if len(seen) >= limit:
                return seen[0] + self.seconds - now, reason
            seen.append(now)
            return 0.0, ""
