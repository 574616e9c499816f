"""A scenario: recorded requests, the links between them, and the oracle; and one run of any part of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from bridge.model.exchange import Exchange, Request, Response
from bridge.reproduction.atoms import Location, extract, substitute
from bridge.reproduction.oracle import Oracle, signature

Send = Callable[[Request, int], Response]
"""Send one request (the second argument is its index in the recording) and return the answer."""
_SUCCESS = range(200, 400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A value of an earlier answer that a later request carries."""

    producer: int
    source: Location
    consumer: int
    target: Location
    resource: str = ""
    status: Literal["proven", "guessed"] = "guessed"
    """proven: in a replay the value was another one, and with it the later request answered as recorded."""
    how: str = ""
    """typed, opaque, alias, replay."""
    before: str = ""
    after: str = ""
    """Text around the value in the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What can be run."""

    steps: tuple[Exchange, ...]
    links: tuple[Link, ...]
    oracle: Oracle

    def producers(self) -> dict[int, frozenset[int]]:
        """Return for each step the steps it needs directly."""
        found: dict[int, set[int]] = {step.index: set() for step in self.steps}
        for link in self.links:
            if link.consumer in found:
                found[link.consumer].add(link.producer)
        return {index: frozenset(needed) for index, needed in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request of a run."""

    index: int
    recorded: int
    """The status in the recording."""
    status: int
    request: Request
    """As it was sent."""
    response: Response

    @property
    def differs(self) -> bool:
        """Tell whether the status is another one than recorded."""
        return self.status != self.recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What one run showed."""

    outcome: Literal["seen", "clean", "other", "invalid"]
    """seen: this failure; other: the anchor failed in another way; invalid: the run broke before the anchor."""
    steps: tuple[Step, ...]
    detail: str = ""

    @property
    def seen(self) -> bool:
        """Tell whether it showed this failure."""
        return self.outcome == "seen"

    @property
    def mismatches(self) -> tuple[Step, ...]:
        """Steps that answered with another status than recorded."""
        return tuple(step for step in self.steps if step.differs)


@dataclass(frozen=True, slots=True)
class Plan:
    """A scenario, indexed for running."""

    scenario: Scenario
    by_consumer: Mapping[int, tuple[Link, ...]] = field(default_factory=dict)


def plan(scenario: Scenario) -> Plan:
    """Index the links by consumer, inner parts of a field last."""
    by: dict[int, list[Link]] = {}
    for link in scenario.links:
        by.setdefault(link.consumer, []).append(link)
    return Plan(scenario, {consumer: tuple(links) for consumer, links in by.items()})


def play(planned: Plan, kept: Iterable[int], send: Send) -> Played:
    """Run the kept steps in the recorded order, every linked value replaced by what this run's answers gave.

    A producer that is left out leaves the recorded value in place. A producer that failed where it had worked makes the
    run invalid: what follows would show nothing.
    """
    wanted = frozenset(kept)
    oracle = planned.scenario.oracle
    answers: dict[int, Response] = {}
    steps: list[Step] = []
    for exchange in planned.scenario.steps:
        if exchange.index not in wanted:
            continue
        request = exchange.request
        for link in planned.by_consumer.get(exchange.index, ()):
            if link.producer not in answers:
                continue
            value = extract(answers[link.producer], link.source)
            if value is None:
                return Played(
                    outcome="invalid",
                    steps=tuple(steps),
                    detail=f"request {link.producer + 1} gave no {link.resource or 'value'} for request {exchange.index + 1}",
                )
            request = substitute(request, link.target, f"{link.before}{value}{link.after}")
        response = send(request, exchange.index)
        answers[exchange.index] = response
        steps.append(
            Step(index=exchange.index, recorded=exchange.response.status, status=response.status, request=request, response=response)
        )
    return _judged(oracle, steps, answers)


def _judged(oracle: Oracle, steps: list[Step], answers: Mapping[int, Response]) -> Played:
    last = next((step for step in steps if step.index == oracle.anchor), None)
    if last is None:
        return Played(outcome="invalid", steps=tuple(steps), detail="the failing request itself is not among the steps")
    if oracle.sees(last.request, last.response, answers):
        return Played(outcome="seen", steps=tuple(steps))
    broken = next((step for step in steps if step.recorded in _SUCCESS and step.status not in _SUCCESS), None)
    if broken is not None and broken.index != oracle.anchor:
        words = signature(broken.response)
        return Played(
            outcome="invalid",
            steps=tuple(steps),
            detail=f"request {broken.index + 1} answered {broken.status} instead of {broken.recorded}{f' ({words})' if words else ''}",
        )
    if last.status not in _SUCCESS:
        return Played(outcome="other", steps=tuple(steps), detail=f"{last.status} {signature(last.response)}".strip())
    return Played(outcome="clean", steps=tuple(steps), detail=f"the failing request answered {last.status}, without the failure")
