"""Every small change to a query of the catalogue is noticed by one of its own tests; what can't change anything is named here.

All of them take two minutes: `make mutants`. The suite takes one in BRIDGE_MUTANTS (default 40), evenly over the catalogue.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge import resources
from bridge.catalog.catalog import Catalog
from bridge.catalog.testing import run_test
from tests.investigations.mutants import mutants

STRIDE = int(os.environ.get("BRIDGE_MUTANTS", "40"))
CATALOG = Catalog(builtin=resources.folder("investigations"), workspace=None)
IDS = [entry.id for entry in CATALOG.list()]
EQUIVALENT = (
    # Nothing in it can be NULL here: WHERE has left out such rows, or the other side of OR is FALSE as well.
    "failed-webhooks/events: without COALESCE: COALESCE((d.status",
    "stuck-jobs/events: without COALESCE: COALESCE(EXTRACT",
    "undelivered-messages/events: without COALESCE: COALESCE((m.status",
    "wrong-charges/events: without COALESCE: COALESCE(COALESCE(t.kept",
    "wrong-charges/events: without COALESCE: COALESCE(t.kept, 0)",
    "wrong-charges/wrong: without COALESCE: COALESCE(t.kept, 0)",
    # Only bounds what the server reads; the outer query has the same bounds.
    "d.due_at",
    'failed-logins/password_tries: only one side of AND: l."at" >=',
    'failed-logins/password_tries: lt -> lte: l."at" <',
)
"""Changes after which the query gives the same rows, whatever is in the tables."""


@pytest.mark.parametrize("name", IDS)
def test_a_changed_query_is_noticed(name: str) -> None:
    investigation = CATALOG.get(name)
    # What finds most comes first: as soon as one test fails, the change is noticed.
    files = sorted(Path(investigation.folder).glob(investigation.tests), key=lambda path: (path.name != "tables.yaml", path.name))
    first = IDS.index(name) % STRIDE
    tried = [each for each in list(mutants(investigation))[first::STRIDE] if not any(part in each[0] for part in EQUIVALENT)]
    assert [what for what, changed in tried if all(run_test(changed, file).passed for file in files)] == []
