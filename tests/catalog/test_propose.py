from __future__ import annotations

import pytest

from bridge.catalog.propose import Table, likeness, propose
from bridge.sql.guard import verdict

CUSTOMERS = Table(
    name="crm.customers",
    columns=(
        ("customer_no", "VARCHAR"),
        ("company_name", "VARCHAR"),
        ("sales_region", "text"),
        ("signed_up_at", "timestamptz"),
        ("Sector", "text"),
    ),
)
CONTRACTS = Table(
    name="contracts", columns=(("customer_no", "VARCHAR"), ("tariff", "text"), ("annual_revenue", "numeric(18,2)"), ("licences", "integer"))
)
LOGINS = Table(
    name="logins", columns=(("id", "uuid"), ("tenantId", "uuid"), ("user_id", "uuid"), ("timestamp", "timestamptz"), ("result", "text"))
)


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        ("account_id", "customer_no", 1, 1),
        ("account_id", "tenantId", 1, 1),
        ("started_at", "began_at", 1, 1),
        ("status", "state", 1, 1),
        ("arr", "colour", 0, 0.5),
        ("name", "", 0, 0),
    ],
)
def test_names_that_mean_the_same_are_alike(one: str, other: str, least: float, most: float) -> None:
    assert least <= likeness(one, other) <= most


def test_accounts_out_of_two_tables() -> None:
    (proposal,) = propose([CONTRACTS, CUSTOMERS])
    assert (proposal.view, proposal.table) == ("accounts", "crm.customers")
    for line in (
        "t.customer_no AS account_id,  -- sure (1.00)",
        "j.licences AS seats",
        "FROM crm.customers AS t",
        "LEFT JOIN contracts AS j ON j.customer_no = t.customer_no",
        "make sure that it has one row each",
        '"Sector" AS "Sector"',
    ):
        assert line in proposal.sql
    assert verdict(proposal.sql, "postgres").allowed


def test_what_is_not_found_is_a_remark_and_never_a_null() -> None:
    (proposal,) = propose([LOGINS])
    assert proposal.view == "logins"
    assert "t.id AS login_id" in proposal.sql
    assert 't."tenantId" AS account_id' in proposal.sql
    assert proposal.missing == ("method",)
    assert '-- ? AS "method"  (text:' in proposal.sql
    assert "NULL AS provider" in proposal.sql
    assert verdict(proposal.sql, "duckdb").allowed


def test_nothing_like_it_proposes_nothing() -> None:
    assert propose([]) == ()
    assert propose([Table(name="colours", columns=(("id", "int"), ("hex", "text")))]) == ()


def test_the_order_of_tables_changes_nothing() -> None:
    tables = [CUSTOMERS, CONTRACTS, LOGINS]
    assert propose(tables) == propose(tables[::-1])
