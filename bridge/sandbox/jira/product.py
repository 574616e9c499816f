"""All routes of the tracker under its prefix."""

from __future__ import annotations

from dataclasses import replace

from bridge.sandbox.calls import Personality, Product
from bridge.sandbox.jira import answers, attachments, comments, issues, links, properties, search, site, transitions

_API = (
    *site.ROUTES,
    *issues.ROUTES,
    *comments.ROUTES,
    *attachments.ROUTES,
    *links.ROUTES,
    *properties.ROUTES,
    *transitions.ROUTES,
    *search.ROUTES,
)


def product(personality: Personality) -> Product:
    """Return the tracker: every API path under /rest/api/{version}, attachments as a browser reads them beside it."""
    versions = '"2","3"' if personality == "cloud" else '"2","latest"'
    routes = tuple(replace(route, path=f"/rest/api/<any({versions}):version>/{route.path}") for route in _API)
    return Product(
        prefix="/jira",
        routes=(*routes, attachments.FILE_ROUTE, site.APPLINKS_ROUTE),
        authenticate=answers.authenticate,
        unauthorised=answers.unauthorised,
        missing=answers.missing,
    )
