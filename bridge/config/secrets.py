"""Secrets are references in bridge.yaml, resolved where they are used, and never printed.

`env:NAME`, `file:path` (relative to the workspace), `keyring:service/user`.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from bridge.errors import AccessError, InputError, Problem

MAX_BYTES: Final = 65_536
_KEY = re.compile(
    r"(^|_)(token|password|passwd|passphrase|secret|credential|credentials|api_?key|private_?key|access_?key|authorization)$", re.IGNORECASE
)
_REFERENCE = re.compile(r"(env|file|keyring):(.+)", re.DOTALL)
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# The password of an address or a libpq conninfo text: `postgresql://user:word@host`, `password=word`.
_IN_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE)
_IN_CONNINFO = re.compile(r"(^|[\s&?;])(password|pwd|token|secret|api_?key)\s*=\s*[^\s&;]", re.IGNORECASE)
_LINE = re.compile(r"(?P<key>['\"]?(?P<name>[A-Za-z_-]+)['\"]?\s*[:=]\s*)(?P<value>\S.*)")
# Mappings whose keys are other people's names: a log field called `token` is not a credential.
_NAMES_OF_OTHERS: Final = frozenset({"fields", "where", "attributes"})
_HINT: Final = "write a reference: env:NAME, file:path or keyring:service/user"


def is_secret_key(key: object) -> bool:
    """Tell whether a key holds a secret by its name: token, password, api_key, client_secret, ..."""
    return isinstance(key, str) and _KEY.search(key.replace("-", "_")) is not None


def is_reference(value: object) -> bool:
    """Tell whether a value is a reference to a secret."""
    return isinstance(value, str) and _REFERENCE.fullmatch(value) is not None


def hide(line: str) -> str:
    """Return a line of a file with the value of a secret's key left out; for messages."""
    match = _LINE.search(line)
    while match is not None:
        if is_secret_key(match["name"]) and not is_reference(match["value"].strip("'\"")):
            return f"{line[: match.start('value')]}(not shown)"
        match = _LINE.search(line, match.start("value"))
    return _IN_ADDRESS.sub("(address with a password, not shown)", line)


def plain_secrets(values: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield (path, message) for every secret that stands in the open: under a secret's key or inside an address."""
    yield from _plain(values, ())


def problems_of_plain(values: Mapping[str, Any], where: Mapping[tuple[str | int, ...], str]) -> tuple[Problem, ...]:
    """Return a problem for each secret in the open; `where` gives file:line by path."""
    return tuple(Problem(message=message, where=where.get(path, ""), hint=_HINT) for path, message in plain_secrets(values))


def _plain(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            spot = (*path, key)
            if is_secret_key(key) and not isinstance(item, Mapping | list):
                if item is not None and not is_reference(item):
                    yield spot, f"'{key}' holds a secret in the open"
            elif key not in _NAMES_OF_OTHERS:
                yield from _plain(item, spot)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _plain(item, (*path, index))
    elif isinstance(value, str) and (_IN_ADDRESS.search(value) or _IN_CONNINFO.search(value)):
        yield path, f"'{path[-1]}' holds a password inside an address"


def resolve(reference: str, *, root: Path, label: str) -> str:
    """Return the secret behind a reference. `label` names the setting in messages: `tickets.token`.

    Raises AccessError (exit 4) saying what is missing, InputError for text that is no reference. No message ever
    holds the secret.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise InputError(f"{label} is not a reference to a secret", hint=_HINT)
    kind, rest = match.groups()
    secret = {"env": _from_env, "file": _from_file, "keyring": _from_keyring}[kind](rest, root, label)
    if not secret:
        raise AccessError(f"{label} is empty: {reference} holds nothing", hint=f"put the secret into {reference}")
    if not secret.isprintable():
        # A line break in a token ends up as a second HTTP header.
        raise AccessError(f"{label} has a line break or control character: {reference}", hint="store the bare secret, on one line")
    return secret


def warnings(reference: str, *, root: Path, label: str) -> tuple[Problem, ...]:
    """Return what is careless about a reference: a secret file that others on this machine can read.

    A warning and not a refusal, because containers mount secrets readable for all.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None or match[1] != "file":
        return ()
    path = _path(match[2], root)
    try:
        mode = path.stat().st_mode
    except OSError:
        return ()
    if not mode & (stat.S_IRGRP | stat.S_IROTH):
        return ()
    return (Problem(message=f"{label}: others on this machine can read {path}", where=str(path), hint=f"chmod 600 {path}"),)


def _from_env(name: str, _root: Path, label: str) -> str:
    if not _ENV_NAME.fullmatch(name):
        raise InputError(f"{label}: '{name}' is no name of an environment variable", hint="env:NAME, letters, digits and _")
    value = os.environ.get(name)
    if value is None:
        raise AccessError(
            f"{label} needs the environment variable {name}, which is not set", where=f"env:{name}", hint=f"export {name}=..."
        )
    return value.strip()


def _from_file(name: str, root: Path, label: str) -> str:
    path = _path(name, root)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise AccessError(
            f"{label} needs the file {path}, which does not exist",
            where=f"file:{name}",
            hint=f"write the secret to {path}, then chmod 600 {path}",
        ) from error
    except OSError as error:
        raise AccessError(f"{label}: cannot read {path}: {error.strerror or error}", where=f"file:{name}", hint=f"ls -l {path}") from error
    if len(data) > MAX_BYTES:
        raise AccessError(f"{label}: {path} is larger than {MAX_BYTES:,} bytes, so it is no secret", where=f"file:{name}")
    try:
        return data.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise AccessError(f"{label}: {path} is not UTF-8 text", where=f"file:{name}") from error


def _from_keyring(name: str, _root: Path, label: str) -> str:
    service, slash, user = name.rpartition("/")
    if not slash or not service or not user:
        raise InputError(f"{label}: 'keyring:{name}' names no user", hint="keyring:service/user")
    try:
        import keyring
        import keyring.errors
    except ImportError as error:
        raise AccessError(
            f"{label} is in the keyring, and the package keyring is not installed", hint="pip install 'ticket-bridge[keyring]'"
        ) from error
    try:
        value: str | None = keyring.get_password(service, user)
    except keyring.errors.KeyringError as error:
        raise AccessError(
            f"{label}: the keyring did not answer: {error}", where=f"keyring:{name}", hint="unlock it, or use env:NAME"
        ) from error
    if value is None:
        raise AccessError(f"{label}: the keyring holds nothing for {name}", where=f"keyring:{name}", hint=f"keyring set {service} {user}")
    return value


def _path(name: str, root: Path) -> Path:
    path = Path(name).expanduser()
    return path if path.is_absolute() else root / path
