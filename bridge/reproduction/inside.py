"""Shrink what stands inside the requests: headers, query parameters, JSON keys."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from bridge.model.exchange import Exchange, Request
from bridge.reproduction.atoms import json_of
from bridge.reproduction.scenario import Scenario

_STAY: Final = frozenset({"content-type"})


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Part:
    """Something inside a request that may be superfluous."""

    step: int
    kind: str
    """header, query or json."""
    key: str
    """Name, or the path of keys joined by slashes."""


def parts(steps: Sequence[Exchange]) -> tuple[Part, ...]:
    """Return everything that could go, in the order of the requests."""
    return tuple(part for step in steps for part in _of(step.index, step.request))


def _of(index: int, request: Request) -> Iterator[Part]:
    for name in dict.fromkeys(name.lower() for name, _ in request.headers):
        if name not in _STAY:
            yield Part(step=index, kind="header", key=name)
    for name in dict.fromkeys(name for name, _ in request.query):
        yield Part(step=index, kind="query", key=name)
    body = json_of(request.body, request.header("content-type"))
    if isinstance(body, dict):
        yield from (Part(step=index, kind="json", key=key) for key in _keys(body))


def _keys(body: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in body.items():
        if "/" in key:
            continue
        yield prefix + key
        if isinstance(value, dict):
            yield from _keys(value, f"{prefix}{key}/")


def without(scenario: Scenario, gone: Iterable[Part]) -> Scenario:
    """Return the scenario without these parts; links into them go with them."""
    by_step: dict[int, list[Part]] = {}
    for part in gone:
        by_step.setdefault(part.step, []).append(part)
    if not by_step:
        return scenario
    steps = tuple(replace(s, request=_cut(s.request, by_step[s.index])) if s.index in by_step else s for s in scenario.steps)
    cut = {(part.step, part.kind, part.key) for part in by_step_values(by_step)}
    links = tuple(
        link
        for link in scenario.links
        if (link.consumer, link.target.place, link.target.key.strip("/")) not in cut
        and not (link.target.place == "cookie" and (link.consumer, "header", "cookie") in cut)
        and not any(link.target.key.strip("/").startswith(f"{key}/") for step, kind, key in cut if step == link.consumer and kind == "json")
    )
    return replace(scenario, steps=steps, links=links)


def by_step_values(by_step: dict[int, list[Part]]) -> list[Part]:
    """Return all parts of a grouping."""
    return [part for some in by_step.values() for part in some]


def _cut(request: Request, gone: Sequence[Part]) -> Request:
    headers = {part.key for part in gone if part.kind == "header"}
    query = {part.key for part in gone if part.kind == "query"}
    request = replace(
        request,
        headers=tuple((name, value) for name, value in request.headers if name.lower() not in headers),
        query=tuple((name, value) for name, value in request.query if name not in query),
    )
    keys = [part.key for part in gone if part.kind == "json"]
    body = json_of(request.body, request.header("content-type")) if keys else None
    if not isinstance(body, dict):
        return request
    for key in keys:
        _drop(body, key.split("/"))
    return replace(request, body=json.dumps(body, ensure_ascii=False))


def _drop(body: Any, steps: Sequence[str]) -> None:
    for step in steps[:-1]:
        body = body.get(step) if isinstance(body, dict) else None
    if isinstance(body, dict):
        body.pop(steps[-1], None)
