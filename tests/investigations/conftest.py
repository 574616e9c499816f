from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from bridge.catalog.testing import Engine
from bridge.demo.engines import missing, opened


@pytest.fixture(scope="module")
def engine_of() -> Iterator[Callable[[str], Engine]]:
    """Return what starts an engine when it is first asked for.

    For a module, not a session: a process holds one ClickHouse folder at a time, and other rooms' tests need theirs.
    """
    started: dict[str, Engine] = {}
    with ExitStack() as stack:

        def engine(name: str) -> Engine:
            if missing(name):
                pytest.skip(f"{name} is not at hand: {missing(name)}")
            if name not in started:
                (started[name],) = stack.enter_context(opened((name,)))
            return started[name]

        yield engine
