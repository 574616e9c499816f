"""Recorded people become holes: a scenario names nobody, and a target fills the holes with its own identities."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bridge.errors import AccessError
from bridge.model.exchange import Exchange, Request
from bridge.reproduction.atoms import request_atoms, substitute
from bridge.reproduction.capture import PASSWORD, STAND_IN

HOLE: Final = re.compile(r"\$\{(?P<what>user|password|token)(?P<number>\d*)\}")
_USER_KEYS: Final = frozenset({"user", "username", "user_name", "login", "email", "mail", "e_mail"})
_STAND_IN = re.compile(rf"{STAND_IN}[0-9a-f]{{24}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Somebody of the target."""

    user: str = ""
    password: str = ""
    token: str = ""
    """For recordings whose sign-in is not in them."""

    def __repr__(self) -> str:
        """Show the user only."""
        return f"Identity(user={self.user!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anonymous:
    """Steps without people."""

    steps: tuple[Exchange, ...]
    recorded: tuple[str, ...]
    """Recorded identities in the order of their holes: `${user}`, `${user2}`, ..."""


def anonymous(steps: Sequence[Exchange]) -> Anonymous:
    """Put a hole where a request that carries a password names its user, and wherever that name occurs again in a request."""
    people: dict[str, str] = {}
    changed: list[Exchange] = []
    for step in steps:
        request = step.request
        if PASSWORD in request.body:
            for atom in request_atoms(request):
                if atom.where.place in {"json", "form"} and atom.where.key.strip("/").lower() in _USER_KEYS:
                    people.setdefault(atom.text, str(len(people) + 1) if people else "")
    for step in steps:
        request = step.request
        number = ""
        for name, own in people.items():
            if name in request.body or any(name == value for _, value in request.query):
                number = own
                request = replace(
                    request,
                    body=request.body.replace(name, f"${{user{own}}}"),
                    query=tuple((key, f"${{user{own}}}" if value == name else value) for key, value in request.query),
                )
        if number:
            request = replace(request, body=request.body.replace(PASSWORD, f"${{password{number}}}"))
        changed.append(replace(step, request=request))
    return Anonymous(steps=tuple(changed), recorded=tuple(people))


def without_stand_ins(step: Exchange, linked: Sequence[object]) -> Exchange:
    """Return the step with stand-ins that no link will replace made token holes; `linked` holds its links' targets.

    A stand-in in a path stays: it is part of what was asked for, not of who asked.
    """
    request = step.request
    for atom in request_atoms(request):
        if atom.where not in linked and atom.where.place != "path" and _STAND_IN.fullmatch(atom.text):
            request = substitute(request, atom.where, f"{atom.before}${{token}}{atom.after}")
    return replace(step, request=request)


def filled(request: Request, identities: Sequence[Identity]) -> Request:
    """Fill the holes; AccessError names what the target's settings lack."""

    def value(match: re.Match[str]) -> str:
        at = int(match["number"] or 1) - 1
        who = identities[min(at, len(identities) - 1)] if identities else Identity()
        found = str(getattr(who, match["what"]))
        if not found:
            raise AccessError(
                f"the target has no {match['what']} to sign in with",
                hint="set user, password or token under reproduction.targets.NAME.identities",
            )
        return found

    def escaped(match: re.Match[str]) -> str:
        return value(match).replace("\\", "\\\\").replace('"', '\\"')

    body = HOLE.sub(escaped if request.body[:1] in {"{", "["} else value, request.body)
    return replace(
        request,
        body=body,
        query=tuple((name, HOLE.sub(value, text)) for name, text in request.query),
        headers=tuple((name, HOLE.sub(value, text)) for name, text in request.headers),
    )


def environment(texts: Sequence[str]) -> Mapping[str, str]:
    """Return the environment variables that stand for the holes in artefacts: {"${user}": "BRIDGE_USER"}."""
    found = dict.fromkeys(match[0] for text in texts for match in HOLE.finditer(text))
    return {hole: f"BRIDGE_{hole.strip('${}').upper()}" for hole in found}
