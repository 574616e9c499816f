"""Which value of an answer feeds which later request.

Typed matching: a path segment or a key names its resource (`/carts/17`, `cart_id`), and so does the place that gave the
value. Long opaque values need no type. Recorded values that only the client chose are no links. Where a target may be
asked, replay-and-compare proves links, finds those without a known type, and drops wrong ones (as the correlation of load
testing tools does). Figures: ../shared/reference/reproduction.md, section 2.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from bridge.model.exchange import Exchange
from bridge.reproduction.atoms import CREDENTIAL, Atom, extract, is_id, noun_of, request_atoms, response_atoms, route, singular
from bridge.reproduction.oracle import Oracle
from bridge.reproduction.scenario import Link, Played, Scenario

ROUNDS = 8
_EXPLAINED = 0.9
_GUESS = "replay, one of several"
_SUCCESS = range(200, 400)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class _Given:
    """A value that an answer gave."""

    exchange: int
    atom: Atom
    made: bool
    """The request may have made the thing: not a GET."""


@dataclass(frozen=True, slots=True)
class _Index:
    """Every value that answers gave, and every value that clients chose."""

    given: Mapping[str, tuple[_Given, ...]]
    chosen: Mapping[tuple[str, str], int]
    """(resource, text) -> index of the first request that carried it."""
    wanted: Mapping[int, tuple[Atom, ...]]
    routes: Mapping[int, str]
    nouns: frozenset[str]
    """Words of the paths: a number under a key that is none of them (`qty`) is taken for a quantity, not an id."""


def _index(steps: Sequence[Exchange]) -> _Index:
    given: dict[str, list[_Given]] = defaultdict(list)
    chosen: dict[tuple[str, str], int] = {}
    wanted: dict[int, tuple[Atom, ...]] = {}
    for step in steps:
        atoms = tuple(request_atoms(step.request))
        wanted[step.index] = atoms
        for atom in atoms:
            chosen.setdefault((atom.resource, atom.text), step.index)
        if step.response.status in _SUCCESS:
            for atom in response_atoms(step.request, step.response):
                given[atom.text].append(_Given(step.index, atom, step.request.method not in _SAFE))
    nouns = frozenset(singular(word) for step in steps for word in step.request.path.split("/") if word and not is_id(word))
    return _Index({text: tuple(found) for text, found in given.items()}, chosen, wanted, {s.index: route(s.request) for s in steps}, nouns)


def _is_reference(atom: Atom, index: _Index) -> bool:
    """Tell whether a value stands where an id is expected."""
    return atom.where.place == "path" or atom.opaque or atom.resource in index.nouns or atom.resource == CREDENTIAL


def find_links(steps: Sequence[Exchange], aliases: Mapping[str, str] | None = None) -> tuple[Link, ...]:
    """Return the links that the record alone shows, all guessed, in the order of the requests.

    `aliases` says which words mean the same resource: {"checkout": "order"}. Further ones are learned: where all ids of a
    resource were given by answers under one other word and that word's own ids are never used, the two are one.
    """
    index = _index(steps)
    known = dict(aliases or {})
    known.update(_learned(steps, index, known))
    found: list[Link] = []
    for step in steps:
        for atom in index.wanted[step.index]:
            link = _link(step.index, atom, index, known)
            if link is not None and not any(_overlaps(link, other, step.index) for other in found[-8:]):
                found.append(link)
    return tuple(found)


def _overlaps(link: Link, other: Link, consumer: int) -> bool:
    """Tell whether two links would write the same field of the same request."""
    return other.consumer == consumer and other.target == link.target


def _link(consumer: int, atom: Atom, index: _Index, aliases: Mapping[str, str]) -> Link | None:
    earlier = [g for g in index.given.get(atom.text, ()) if g.exchange < consumer]
    if not earlier:
        return None
    wanted = aliases.get(atom.resource, atom.resource) if _is_reference(atom, index) else ""
    same = [g for g in earlier if _resource(g, aliases) == wanted] if wanted else []
    if same:
        origin = _origin(same, atom, index)
        return None if origin is None else _made(consumer, atom, origin, "typed")
    if atom.opaque or (atom.resource == CREDENTIAL and len(atom.text) >= 8):  # noqa: PLR2004 - the same length as for opaque values
        origin = _origin(earlier, atom, index)
        return None if origin is None else _made(consumer, atom, origin, "opaque")
    return None


def _resource(given: _Given, aliases: Mapping[str, str]) -> str:
    return aliases.get(given.atom.resource, given.atom.resource)


def _origin(candidates: Sequence[_Given], atom: Atom, index: _Index) -> _Given | None:
    """Return who gave the value first; None when a client had chosen it before any answer carried it.

    An answer that made the thing is preferred over a list that merely shows it: a position in a list moves.
    """
    first = candidates[0]
    said = index.chosen.get((atom.resource, atom.text))
    if said is not None and said <= first.exchange:
        return None
    makers = [g for g in candidates if g.made]
    return makers[0] if makers and not first.made and first.atom.where.select is None and makers[0].exchange <= first.exchange else first


def _made(consumer: int, atom: Atom, origin: _Given, how: str) -> Link:
    return Link(
        producer=origin.exchange,
        source=origin.atom.where,
        consumer=consumer,
        target=atom.where,
        resource=atom.resource or origin.atom.resource,
        how=how,
        before=f"{atom.before}{origin.atom.before}" if not origin.atom.before else atom.before,
        after=atom.after,
    )


def _learned(steps: Sequence[Exchange], index: _Index, aliases: Mapping[str, str]) -> dict[str, str]:
    """Return producer words that stand for a consumer's resource: {"checkout": "order"}.

    A word qualifies if its own ids (the answer's `id`) are never asked for under its own name, and they explain nearly all
    ids of a resource that nothing is seen to make. With several candidates the one with the fewest spare ids wins.
    """
    own: dict[str, set[str]] = defaultdict(set)
    used = {atom.resource for atoms in index.wanted.values() for atom in atoms}
    for step in steps:
        if step.response.status in _SUCCESS and step.request.method not in _SAFE:
            noun = noun_of(step.request)
            own[noun] |= {a.text for a in response_atoms(step.request, step.response) if a.resource == noun}
    made = {(_resource(g, aliases), g.atom.text) for some in index.given.values() for g in some if g.made}
    lost: dict[str, set[str]] = defaultdict(set)
    for atoms in index.wanted.values():
        for atom in atoms:
            if atom.resource and atom.resource != CREDENTIAL and _is_reference(atom, index) and (atom.resource, atom.text) not in made:
                lost[atom.resource].add(atom.text)
    found: dict[str, tuple[int, str]] = {}
    for resource, values in lost.items():
        fitting = [
            (len(ids - values), word)
            for word, ids in own.items()
            if word and word not in used and word not in aliases and len(values & ids) >= max(1, round(_EXPLAINED * len(values)))
        ]
        if fitting and not own.get(resource):
            word = min(fitting)[1]
            found[word] = max(found.get(word, (0, "")), (len(values), resource))
    return {word: resource for word, (_, resource) in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Links after replay-and-compare."""

    links: tuple[Link, ...]
    replays: int
    mismatches_before: int
    """Requests of the first replay with another status than recorded."""
    mismatches: int
    last: Played
    """The replay that the final links gave."""


def compare(scenario: Scenario, run: Callable[[Scenario], Played], *, rounds: int = ROUNDS) -> Compared:
    """Improve the links by replaying the whole recording at most `rounds` times and comparing it with the record.

    A response field whose value differs between record and replay is dynamic. A request that answered otherwise than
    recorded gets, for each value of it that a dynamic field had given, a link to the best remaining candidate; links from
    fields that never change are dropped where they were wrong. A link is proven when its value changed and its request
    then answered as recorded. `run` plays a whole scenario.
    """
    index = _index(scenario.steps)
    tried: set[tuple[int, str, int, str]] = set()
    links = scenario.links
    best: tuple[int, tuple[Link, ...], Played] | None = None
    first = 0
    replays = 0
    while replays < rounds:
        played = run(replace(scenario, links=links))
        replays += 1
        wrong = {step.index for step in played.mismatches} | _never_sent(scenario, played)
        first = len(wrong) if replays == 1 else first
        if best is None or len(wrong) <= best[0]:
            best = (len(wrong), links, played)
        if not wrong:
            break
        proposed = _repaired(scenario, best[1], best[2], index, tried)
        if proposed == links and best[1] == links:
            break
        links = proposed
    if best is None:
        raise ValueError(f"rounds must be at least 1, not {rounds}")
    count, final, played = best
    return Compared(links=_proven(scenario, final, played), replays=replays, mismatches_before=first, mismatches=count, last=played)


def _never_sent(scenario: Scenario, played: Played) -> set[int]:
    sent = {step.index for step in played.steps}
    return {step.index for step in scenario.steps if step.index not in sent}


def _repaired(
    scenario: Scenario, links: tuple[Link, ...], played: Played, index: _Index, tried: set[tuple[int, str, int, str]]
) -> tuple[Link, ...]:
    """Return the links with one more idea for each request that went wrong and whose producers went right."""
    answers = {step.index: step for step in played.steps}
    wrong = {step.index for step in played.mismatches} | _never_sent(scenario, played)
    by_target = {(link.consumer, link.target): link for link in links}
    covered = _coverage(index)
    result = dict(by_target)
    for consumer in sorted(wrong):
        for atom in index.wanted[consumer]:
            key = (consumer, atom.where)
            present = by_target.get(key)
            if present is not None and (present.producer in wrong or present.producer not in answers):
                continue  # its producer has to be mended first
            if present is not None and present.how == "typed" and _changed(present, answers, scenario):
                continue
            for given in _ranked(atom, index, consumer, covered):
                mark = (consumer, str(atom.where), given.exchange, str(given.atom.where))
                if mark in tried or given.exchange not in answers or given.exchange in wrong:
                    continue
                link = _made(consumer, atom, given, _how(atom, given, index, consumer, covered))
                if not _changed(link, answers, scenario):
                    continue
                tried.add(mark)
                result[key] = link
                break
            else:
                if present is not None and not _changed(present, answers, scenario):
                    result.pop(key, None)
    return tuple(sorted(result.values(), key=lambda link: link.consumer))


def _how(atom: Atom, given: _Given, index: _Index, consumer: int, covered: Mapping[tuple[str, str], Counter[tuple[str, str]]]) -> str:
    """Say how a link was found: one of several sources that explain everything equally well stays a guess."""
    scores = covered[_slot(index.routes[consumer], atom)]
    rivals = {_slot(index.routes[g.exchange], g.atom) for g in index.given[atom.text] if g.exchange < consumer and g.made}
    mine = _slot(index.routes[given.exchange], given.atom)
    return _GUESS if any(scores[rival] >= scores[mine] for rival in rivals - {mine}) else "replay"


def _coverage(index: _Index) -> dict[tuple[str, str], Counter[tuple[str, str]]]:
    """Count for each place of a route how many of its values each place of an earlier answer gave.

    One value may be anybody's; over all requests of a route only the true source explains them all.
    """
    values: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for consumer, atoms in index.wanted.items():
        for atom in atoms:
            values[_slot(index.routes[consumer], atom)].setdefault(atom.text, consumer)
    found: dict[tuple[str, str], Counter[tuple[str, str]]] = {}
    for slot, texts in values.items():
        found[slot] = Counter()
        for text, consumer in texts.items():
            found[slot].update({_slot(index.routes[g.exchange], g.atom) for g in index.given.get(text, ()) if g.exchange < consumer})
    return found


def _slot(shown: str, atom: Atom) -> tuple[str, str]:
    key = "/".join("*" if step.isdigit() else step for step in atom.where.key.split("/")) if atom.where.place == "json" else atom.where.key
    return shown, f"{atom.where.place} {key}"


def _ranked(atom: Atom, index: _Index, consumer: int, covered: Mapping[tuple[str, str], Counter[tuple[str, str]]]) -> list[_Given]:
    """Return who may have given the value, likeliest first."""
    scores = covered[_slot(index.routes[consumer], atom)]
    earlier = [g for g in index.given.get(atom.text, ()) if g.exchange < consumer]
    return sorted(
        earlier, key=lambda g: (-scores[_slot(index.routes[g.exchange], g.atom)], not g.made, g.atom.resource != atom.resource, g.exchange)
    )


def _changed(link: Link, answers: Mapping[int, object], scenario: Scenario) -> bool:
    step = answers.get(link.producer)
    if step is None:
        return False
    recorded = next(s for s in scenario.steps if s.index == link.producer)
    return extract(recorded.response, link.source) != extract(step.response, link.source)  # type: ignore[attr-defined] # steps of a run


def _proven(scenario: Scenario, links: Sequence[Link], played: Played) -> tuple[Link, ...]:
    answers = {step.index: step for step in played.steps}
    good = {step.index for step in played.steps if not step.differs}
    return tuple(
        replace(link, status="proven") if link.consumer in good and link.how != _GUESS and _changed(link, answers, scenario) else link
        for link in links
    )


def scenario_of(steps: Sequence[Exchange], oracle: Oracle, aliases: Mapping[str, str] | None = None) -> Scenario:
    """Make a scenario of the exchanges up to the anchor."""
    before = tuple(step for step in steps if step.index <= oracle.anchor)
    return Scenario(steps=before, links=find_links(before, aliases), oracle=oracle)


def entities(scenario: Scenario) -> dict[int, frozenset[tuple[int, str]]]:
    """Return for each step the things it is about: (producer, source) of its linked values, credentials left out."""
    found: dict[int, set[tuple[int, str]]] = {step.index: set() for step in scenario.steps}
    for link in scenario.links:
        if link.resource != CREDENTIAL and link.consumer in found:
            origin = (link.producer, link.source.key)
            found[link.consumer].add(origin)
            found.setdefault(link.producer, set()).add(origin)
    return {index: frozenset(things) for index, things in found.items()}


def entity_slice(scenario: Scenario) -> frozenset[int]:
    """Return the requests on the entities that the failing request's closure is about; its own closure at least.

    It assumes that the cause touches those entities: a candidate to try first, never the only one.
    """
    producers = scenario.producers()
    closed = set(scenario.oracle.kept)
    waiting = list(closed)
    while waiting:
        for producer in producers.get(waiting.pop(), frozenset()) - closed:
            closed.add(producer)
            waiting.append(producer)
    things = entities(scenario)
    about = frozenset().union(*(things.get(index, frozenset()) for index in closed))
    return frozenset(closed) | {index for index, own in things.items() if own & about}


def routes(steps: Sequence[Exchange]) -> dict[int, str]:
    """Return the route of each step."""
    return {step.index: route(step.request) for step in steps}
