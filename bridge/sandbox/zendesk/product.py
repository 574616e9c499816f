"""All routes of the help desk under its prefix."""

from __future__ import annotations

from dataclasses import replace

from bridge.sandbox.calls import Product
from bridge.sandbox.zendesk import answers, people, search, tickets

_API = (*tickets.ROUTES, *people.ROUTES, *search.ROUTES)


def product() -> Product:
    """Return the help desk: every path under /api/v2, with or without .json."""
    return Product(
        prefix="/zendesk",
        routes=tuple(replace(route, path=f"/api/v2/{route.path}") for route in _API),
        authenticate=answers.authenticate,
        unauthorised=answers.unauthorised,
        missing=answers.missing,
        suffix=".json",
    )
