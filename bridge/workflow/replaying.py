"""Runs of a scenario on a target: every request checked by the rules, paced, counted."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from bridge.errors import RefusedError
from bridge.model.exchange import Pairs, Request, Response
from bridge.reproduction import safety
from bridge.reproduction.atoms import CREDENTIAL_HEADERS, json_of, route
from bridge.reproduction.identities import filled
from bridge.reproduction.scenario import Played, Scenario, plan, play

if TYPE_CHECKING:
    from bridge.ports import Clock, HttpTarget
    from bridge.workflow.reproduction_settings import Hook, TargetSettings

_CREATED = 201
_JSON = (("Content-Type", "application/json"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Something that a run made on the target."""

    route: str
    """What made it."""
    path: str
    """Where it is deleted: its Location, else where it was read later, else below the path that made it."""
    key: str
    credentials: Pairs
    """Headers that say who asked, for deleting it; they live in memory only."""


@dataclass(slots=True, kw_only=True)
class Runner:
    """Counts what it sends and remembers what it made."""

    target: HttpTarget
    settings: TargetSettings
    clock: Clock
    sent: int = 0
    runs: int = 0
    others: Counter[str] = field(default_factory=Counter)
    """Failures that are not this one, with how often."""
    made: list[Made] = field(default_factory=list)
    """What is there since the last reset, oldest first."""
    _begun: datetime | None = None
    _last: datetime | None = None
    _more: int = 0
    """Requests beyond the budget: cleaning up must always be possible."""

    def run(
        self,
        scenario: Scenario,
        kept: Iterable[int],
        clocks: Mapping[int, datetime] | None = None,
        waits: Mapping[int, float] | None = None,
    ) -> Played:
        """Run the kept steps once, on a target that was reset where it can be.

        `clocks` says what the target's clock shows at which step, `waits` how many seconds pass before which step; the wait
        of a step that is left out passes before the next one. RefusedError when a rule stops it, RetryLaterError when no
        answer comes.
        """
        self.runs += 1
        if self.settings.reset:
            self._hook(self.settings.reset, None)
            self.made.clear()
        if self.settings.clock:
            self._hook(self.settings.clock, None, method="DELETE")
        passed = -1

        def send(request: Request, index: int) -> Response:
            nonlocal passed
            pause = sum(seconds for at, seconds in (waits or {}).items() if passed < at <= index)
            passed = index
            if pause > 0:
                self._wait(pause)
            if clocks and self.settings.clock and index in clocks:
                self._hook(self.settings.clock, clocks[index])
            return self._send(request)

        played = play(plan(scenario), kept, send)
        if played.outcome == "other":
            self.others[played.detail] += 1
        return played

    @property
    def left(self) -> int:
        """How many requests the budget still allows."""
        return self.settings.rules.requests - self.sent

    def _wait(self, seconds: float) -> None:
        """Let time pass between two requests; refused when the budget of seconds would end in it."""
        rules = self.settings.rules
        spent = (self.clock.now() - self._begun).total_seconds() if self._begun else 0.0
        if spent + seconds > rules.seconds:
            raise _used_up(f"{rules.seconds:,.0f} seconds", "seconds", self.target.url)
        self.clock.sleep(seconds)

    def _send(self, request: Request) -> Response:
        rules = self.settings.rules
        shown = route(request)
        safety.check_request(request, rules, shown)
        ready = safety.fresh(filled(request, self.settings.identities), lambda: str(uuid.uuid4()))
        response = self._checked(ready)
        if response.status == _CREATED:
            self._note(ready, response, shown)
        elif request.method == "GET":
            self._read(request.path)
        elif request.method == "DELETE":
            self.made = [made for made in self.made if made.path != request.path]
        return response

    def _note(self, request: Request, response: Response, shown: str) -> None:
        body = json_of(response.body, response.header("content-type"))
        key = str(body.get("id", "")) if isinstance(body, dict) else ""
        path = urlsplit(response.header("location")).path or (f"{request.path}/{quote(key, safe='')}" if key else "")
        if path:
            who = tuple((name, value) for name, value in request.headers if name.lower() in CREDENTIAL_HEADERS)
            self.made.append(Made(route=shown, path=path, key=key or path.rpartition("/")[2], credentials=who))

    def _read(self, path: str) -> None:
        """Prefer the address under which a thing was read: it may lie elsewhere than where it was made."""
        last = path.rpartition("/")[2]
        self.made = [
            Made(route=made.route, path=path, key=made.key, credentials=made.credentials) if made.key == last else made
            for made in self.made
        ]

    def _checked(self, request: Request) -> Response:
        rules = self.settings.rules
        where = f"{request.method} {self.target.url}{request.path}"
        safety.check_target(self.target.url + request.path, rules)
        now = self.clock.now()
        self._begun = self._begun or now
        if self.sent >= rules.requests + self._more:
            raise _used_up(f"{rules.requests:,} requests", "requests", where)
        if (now - self._begun).total_seconds() > rules.seconds and not self._more:
            raise _used_up(f"{rules.seconds:,.0f} seconds", "seconds", where)
        if self._last is not None:
            wait = 1 / rules.rate - (now - self._last).total_seconds()
            if wait > 0:
                self.clock.sleep(wait)
        self._last = self.clock.now()
        self.sent += 1
        response = self.target.send(request)
        safety.check_answer(response, where, rules)
        return response

    def _hook(self, hook: Hook, now: datetime | None, *, method: str = "") -> None:
        body = json.dumps({"now": now.isoformat().replace("+00:00", "Z")}) if now else ""
        self._checked(Request(method=method or hook.method, path=hook.path, headers=_JSON if body else (), body=body))

    def about(self) -> dict[str, str]:
        """Ask the target what it is."""
        if not self.settings.about:
            return {}
        response = self._checked(Request(method="GET", path=self.settings.about))
        body = json_of(response.body, response.header("content-type"))
        if not isinstance(body, dict) or response.status >= 400:  # noqa: PLR2004 - HTTP's numbers are names
            return {}
        return {str(key): str(value) for key, value in body.items() if isinstance(value, str | int | float)}

    def clean_up(self) -> None:
        """Delete what the runs made, newest first, as who made it; `made` keeps what could not be deleted."""
        if not self.settings.rules.writes:
            return
        self._more = len(self.made)
        left: list[Made] = []
        while self.made:
            made = self.made.pop()
            try:
                response = self._checked(Request(method="DELETE", path=made.path, headers=made.credentials))
            except RefusedError:
                self.made += [made, *reversed(left)]
                raise
            if response.status >= 400:  # noqa: PLR2004 - HTTP's numbers are names
                left.append(made)
        self.made = left[::-1]


def _used_up(what: str, key: str, where: str) -> RefusedError:
    return RefusedError(f"the budget of {what} is used up", where=where, hint=f"raise {key} under reproduction.targets")
