"""A failure that spans several steps: what one request made stands on none of the pages that should show it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from bridge.errors import InputError
from bridge.model.exchange import Exchange
from bridge.reproduction.atoms import Location, extract, json_of, response_atoms, route
from bridge.reproduction.oracle import Absent, Check, Oracle

_IDS: Final = ("id", "key", "uuid")
_SUCCESS: Final = range(200, 300)


def absent_oracle(exchanges: Sequence[Exchange], made: Exchange, anchor: Exchange, checks: tuple[Check, ...] = ()) -> Oracle:
    """Return the oracle `what `made` made stands on none of the pages of the anchor's list`.

    Pages are the requests to the anchor's path after `made`, the last one for each query. InputError when the recording does
    not show it.
    """
    source = _source(made)
    if source is None:
        raise InputError(f"request {made.index + 1} {route(made.request)} answered no id", hint="name the request that made the thing")
    pages = _pages(exchanges, made, anchor)
    oracle = Oracle(
        anchor=anchor.index,
        route=route(anchor.request),
        status=anchor.response.status,
        checks=checks,
        absent=Absent(producer=made.index, source=source, pages=tuple(page.index for page in pages), field=_field(source)),
    )
    answers = {exchange.index: exchange.response for exchange in (made, *pages)}
    if not oracle.sees(anchor.request, anchor.response, answers):
        raise InputError(
            f"what request {made.index + 1} made stands on a recorded page, or the pages are no lists",
            where=f"requests {', '.join(str(page.index + 1) for page in pages)}",
            hint="is this the failing session? --anchor N names the last page",
        )
    return oracle


def lost(exchanges: Sequence[Exchange], keys: Collection[str]) -> Iterator[tuple[Exchange, Exchange]]:
    """Yield (maker, last page) for things with one of these ids that an answer made and later lists of their kind don't show."""
    for made in exchanges:
        source = _source(made) if made.request.method == "POST" and made.response.status in _SUCCESS else None
        value = extract(made.response, source) if source is not None else None
        if value is None or value not in keys:
            continue
        lists = [
            page
            for page in exchanges
            if page.index > made.index
            and page.account == made.account
            and page.request.method == "GET"
            and page.request.path.rstrip("/") == made.request.path.rstrip("/")
            and _rows(page) is not None
        ]
        if lists and not any(str(row.get(_field(source))) == value for page in lists for row in _rows(page) or () if source is not None):
            yield made, lists[-1]


def _pages(exchanges: Sequence[Exchange], made: Exchange, anchor: Exchange) -> list[Exchange]:
    found: dict[tuple[tuple[str, str], ...], Exchange] = {}
    for exchange in exchanges:
        same = exchange.request.method == anchor.request.method and exchange.request.path == anchor.request.path
        if made.index < exchange.index <= anchor.index and same and exchange.account == anchor.account:
            found[tuple(sorted(exchange.request.query))] = exchange
    return sorted(found.values(), key=lambda exchange: exchange.index)


def _source(made: Exchange) -> Location | None:
    for name in _IDS:
        for atom in response_atoms(made.request, made.response):
            if atom.where.place == "json" and atom.where.key.endswith(f"/{name}"):
                return atom.where
    return None


def _field(source: Location | None) -> str:
    return source.key.rpartition("/")[2] if source is not None else "id"


def _rows(page: Exchange) -> list[dict[str, Any]] | None:
    """Return the rows of a list answer, None when it is none."""
    body = json_of(page.response.body, page.response.header("content-type"))
    lists = (
        [body] if isinstance(body, list) else [item for item in body.values() if isinstance(item, list)] if isinstance(body, dict) else []
    )
    if not lists:
        return None
    return [row for items in lists for row in items if isinstance(row, dict)]
