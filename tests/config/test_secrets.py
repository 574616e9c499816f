from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from bridge.config import secrets
from bridge.errors import AccessError, BridgeError, InputError


@pytest.mark.parametrize(
    "key", ["token", "api_token", "password", "db_password", "secret", "client_secret", "api_key", "apikey", "API-Key", "private_key"]
)
def test_keys_of_secrets(key: str) -> None:
    assert secrets.is_secret_key(key)


@pytest.mark.parametrize("key", ["user", "url", "key", "tokens_per_minute", "account", "token_field", "path", 3])
def test_other_keys(key: object) -> None:
    assert not secrets.is_secret_key(key)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("token: hunter2", "token: (not shown)"),
        ("a: {x: 1, password: hunter2}", "a: {x: 1, password: (not shown)"),
        ("'api_key' = hunter2", "'api_key' = (not shown)"),
        ("token: env:NAME", "token: env:NAME"),
        ("url: postgresql://u:hunter2@h/d", "url: (address with a password, not shown)h/d"),
        ("currency: EUR", "currency: EUR"),
    ],
)
def test_lines_are_shown_without_secrets(line: str, shown: str) -> None:
    assert secrets.hide(line) == shown


def test_files(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("made-up\n", encoding="utf-8")
    assert secrets.resolve("file:token", root=tmp_path, label="x") == "made-up"
    assert secrets.resolve(f"file:{tmp_path / 'token'}", root=Path("/"), label="x") == "made-up"


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (b"one\ntwo", "line break"), (b"\xff", "not UTF-8"), (b"x" * 70_000, "is larger"), (None, "does not exist")],
)
def test_files_without_a_secret(tmp_path: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    with pytest.raises(AccessError, match=said) as caught:
        secrets.resolve("file:token", root=tmp_path, label="tracker.token")
    assert "tracker.token" in caught.value.message
    assert "one" not in caught.value.message.split()


@pytest.mark.parametrize("reference", ["plain", "env:", "env:no-name", "keyring:service", "vault:x"])
def test_what_is_no_reference(tmp_path: Path, reference: str) -> None:
    with pytest.raises(InputError) as caught:
        secrets.resolve(reference, root=tmp_path, label="tracker.token")
    assert "plain" not in caught.value.message


def test_the_keyring_is_asked_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The package is an extra, and a machine that runs tests has no keyring to unlock: a stand-in with its two names.
    stand_in, errors = ModuleType("keyring"), ModuleType("keyring.errors")
    errors.__dict__["KeyringError"] = OSError
    stand_in.__dict__.update(errors=errors, get_password=lambda service, user: "made-up" if (service, user) == ("desk/eu", "me") else None)
    monkeypatch.setitem(sys.modules, "keyring", stand_in)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    assert secrets.resolve("keyring:desk/eu/me", root=tmp_path, label="x") == "made-up"
    with pytest.raises(AccessError, match="holds nothing") as caught:
        secrets.resolve("keyring:desk/you", root=tmp_path, label="x")
    assert caught.value.hint == "keyring set desk you"


def test_the_keyring_package_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(BridgeError) as caught:
        secrets.resolve("keyring:desk/me", root=tmp_path, label="x")
    assert caught.value.hint == "pip install 'ticket-bridge[keyring]'"
