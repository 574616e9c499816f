"""Strict reading of an adapter's part of bridge.yaml: every problem at once, unknown keys with the nearest known one."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from bridge.errors import BridgeError, InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.plugins import AdapterOptions


class OptionReader:
    """Collects problems while the options are read; `finish` raises them together."""

    def __init__(self, options: AdapterOptions, known: Iterable[str]) -> None:
        """`known` are all keys that this adapter takes."""
        self._options = options
        self._problems: list[Problem] = []
        keys = tuple(known)
        for key in options.values:
            if key not in keys:
                near = difflib.get_close_matches(str(key), keys, n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(sorted(keys))}"
                self.wrong(f"unknown key {options.name}.{key}", hint)

    def wrong(self, message: str, hint: str = "") -> None:
        """Add a problem."""
        self._problems.append(Problem(message=message, where=self._options.where, hint=hint))

    def text(self, key: str, *, default: str | None = None, example: str = "") -> str:
        """Return a text; required without a default."""
        value = self._options.values.get(key, default)
        if isinstance(value, str) and (value.strip() or value == default):
            return value.strip()
        self.wrong(f"{self._options.name}.{key} must be a text, not {value!r}", f"{key}: {example}" if example else "")
        return ""

    def number(self, key: str, *, default: float, least: float, most: float) -> float:
        """Return a number within bounds."""
        value = self._options.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            self.wrong(f"{self._options.name}.{key} must be a number from {least:g} to {most:g}, not {value!r}")
            return default
        return float(value)

    def choice(self, key: str, known: tuple[str, ...]) -> str:
        """Return one of the known words; the first is the default."""
        value = self._options.values.get(key, known[0])
        if value not in known:
            self.wrong(f"{self._options.name}.{key} must be one of {', '.join(known)}, not {value!r}")
            return known[0]
        return str(value)

    def checked(self, check: Any, *values: Any) -> Any:
        """Return what a check returns; its error becomes one of the problems."""
        try:
            return check(*values)
        except BridgeError as error:
            self.wrong(error.message, error.hint)
            return ""

    def finish(self) -> None:
        """Raise InputError if anything was wrong."""
        if self._problems:
            name = self._options.name
            message = self._problems[0].message if len(self._problems) == 1 else f"{len(self._problems)} problems in '{name}'"
            raise InputError(message, where=self._options.where, hint=self._problems[0].hint, problems=tuple(self._problems))
