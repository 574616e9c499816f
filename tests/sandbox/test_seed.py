from __future__ import annotations

import json
from datetime import UTC, datetime

from bridge.sandbox.seed import SandboxSeed, SeedComment, SeedOrganization, SeedTicket, SeedUser, from_json, to_json

AT = datetime(2026, 3, 11, 8, 30, tzinfo=UTC)


def small() -> SandboxSeed:
    return SandboxSeed(
        organizations=(SeedOrganization(id=500, name="Acme", external_id="acc-1", domain_names=("acme.example",)),),
        users=(SeedUser(id=600, name="Ada", email="ada@acme.example", organization_id=500),),
        tickets=(
            SeedTicket(
                id=1001,
                subject="Export is empty",
                description="It has no rows.",
                requester_id=600,
                created_at=AT,
                updated_at=AT,
                comments=(SeedComment(author_id=1, body="Looking.", public=False, created_at=AT),),
                custom_fields={360001: None},
            ),
        ),
    )


def test_a_seed_survives_json_as_text_and_as_a_dict() -> None:
    assert from_json(to_json(small())) == small()
    assert from_json(json.loads(to_json(small()))) == small()


def test_everything_has_a_default() -> None:
    seed = from_json("{}")
    assert seed == SandboxSeed()
    assert seed.project.key == "REP"
    assert seed.project.issue_types[0].required == ("customfield_10105",)
