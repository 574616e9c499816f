"""Runs of a scenario on a target: every request checked by the rules, paced, counted."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from bridge.errors import RefusedError
from bridge.model.exchange import Request, Response
from bridge.reproduction import safety
from bridge.reproduction.atoms import json_of, route
from bridge.reproduction.identities import filled
from bridge.reproduction.scenario import Played, Scenario, plan, play

if TYPE_CHECKING:
    from bridge.ports import Clock, HttpTarget
    from bridge.workflow.reproduction_settings import Hook, TargetSettings

_CREATED = 201
_JSON = (("Content-Type", "application/json"),)


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
    created: dict[str, str] = field(default_factory=dict)
    """What the last run made: path to the route that made it."""
    _begun: datetime | None = None
    _last: datetime | None = None

    def run(self, scenario: Scenario, kept: Iterable[int], clocks: Mapping[int, datetime] | None = None) -> Played:
        """Run the kept steps once, on a target that was reset where it can be; `clocks` says what its clock shows at which step.

        RefusedError when a rule stops it, RetryLaterError when no answer comes.
        """
        self.runs += 1
        if self.settings.reset:
            self._hook(self.settings.reset, None)
            self.created.clear()
        if self.settings.clock:
            self._hook(self.settings.clock, None, method="DELETE")

        def send(request: Request, index: int) -> Response:
            if clocks and self.settings.clock and index in clocks:
                self._hook(self.settings.clock, clocks[index])
            return self._send(request)

        played = play(plan(scenario), kept, send)
        if played.outcome == "other":
            self.others[played.detail] += 1
        return played

    def _send(self, request: Request) -> Response:
        rules = self.settings.rules
        shown = route(request)
        safety.check_request(request, rules, shown)
        ready = safety.fresh(filled(request, self.settings.identities), lambda: str(uuid.uuid4()))
        response = self._checked(ready)
        if response.status == _CREATED:
            body = json_of(response.body, response.header("content-type"))
            made = str(body.get("id", "")) if isinstance(body, dict) else ""
            if made:
                self.created[f"{request.path}/{made}"] = shown
        return response

    def _checked(self, request: Request) -> Response:
        rules = self.settings.rules
        where = f"{request.method} {self.target.url}{request.path}"
        safety.check_target(self.target.url + request.path, rules)
        now = self.clock.now()
        self._begun = self._begun or now
        if self.sent >= rules.requests:
            raise RefusedError(
                f"the budget of {rules.requests:,} requests is used up", where=where, hint="raise requests under reproduction.targets"
            )
        if (now - self._begun).total_seconds() > rules.seconds:
            raise RefusedError(
                f"the budget of {rules.seconds:,.0f} seconds is used up", where=where, hint="raise seconds under reproduction.targets"
            )
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
        """Ask the target what it is, with the credentials of the first identity's token if there is one."""
        if not self.settings.about:
            return {}
        response = self._checked(Request(method="GET", path=self.settings.about))
        body = json_of(response.body, response.header("content-type"))
        if not isinstance(body, dict):
            return {}
        return {str(key): str(value) for key, value in body.items() if isinstance(value, str | int | float)}

    def clean_up(self) -> tuple[str, ...]:
        """Delete what the last run made, newest first; return what could not be deleted."""
        left = []
        for path in reversed(list(self.created)):
            response = self._checked(Request(method="DELETE", path=path))
            if response.status >= 400:  # noqa: PLR2004 - HTTP's numbers are names
                left.append(path)
        self.created.clear()
        return tuple(left)
