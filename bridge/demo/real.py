"""The workspace of `bridge demo --real`: logs of a real microservice system, read where they lie, with invented accounts and tickets.

The logs are evaluation material (BRIDGE_CORPORA, or ../shared/corpora) and are never copied. What the tickets say is
what a customer of that system would have seen; which service is at fault is for the investigation to find.
"""

from __future__ import annotations

import csv
import gzip
import os
import random
import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.demo import files
from bridge.demo.embedded_postgres import PostgresUrls
from bridge.demo.names import PEOPLE, company_names, slug
from bridge.demo.tickets import AGENT, FIRST_TICKET
from bridge.demo.workspace import ASIDE, DemoWorkspace, ticket_id, write_json, write_settings, zulu
from bridge.demo.writers import write_postgres
from bridge.errors import NotFoundError
from bridge.model.window import Window

if TYPE_CHECKING:
    import pyarrow as pa

WINDOW = Window(start=datetime(2023, 1, 29, 8, 58, 16, tzinfo=UTC), end=datetime(2023, 1, 29, 9, 0, 10, tzinfo=UTC))
"""From the first complaint to the end of the recording."""
BASELINE = Window(start=datetime(2023, 1, 29, 8, 48, 16, tzinfo=UTC), end=datetime(2023, 1, 29, 8, 51, 5, tzinfo=UTC))
"""Minutes without that complaint."""
AS_OF = datetime(2023, 1, 29, 9, 5, tzinfo=UTC)
ACCOUNTS = 40

_TITLE = "The workspace of `bridge demo --real`: logs of a real system, invented accounts and tickets."
_FILES = ("normal_08_50_log.csv.gz", "08_58_log.csv.gz", "08_59_log.csv.gz", "09_00_log.csv.gz")
_ACCOUNT_ID = re.compile(r"(?:account|user) ?id: ?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)

_TICKETS = (
    (
        0,
        timedelta(seconds=49),
        "high",
        "Passenger is not found when we book",
        (
            "Hello,\n\nsince a minute ago our clerks pick a passenger from the saved contacts and the confirmation comes back without them: "
            "'contact not found'. The contacts are still in the list. Every booking is affected.\n\nWe have people standing at the counter."
        ),
    ),
    (
        0,
        timedelta(seconds=140),
        "urgent",
        "contact not found - again",
        "My colleague wrote already. Same thing on my desk: choosing the passenger fails, 'no contact for this id'. The id is right, I compared it.",
    ),
    (
        1,
        timedelta(seconds=190),
        "normal",
        "Gespeicherter Reisender wird nicht gefunden",
        "Guten Tag, beim Buchen wird der gespeicherte Reisende nicht mehr gefunden. Gestern ging es noch. Bitte um Rückmeldung.",
    ),
    (
        2,
        timedelta(seconds=265),
        None,
        "Order without passenger data",
        "We received an order confirmation with no passenger data in it. Price and seat are there. Is the order valid?",
    ),
)


def logs_folder() -> Path:
    """Return the folder of the real logs; NotFoundError says what was looked for."""
    named = os.environ.get("BRIDGE_CORPORA")
    root = Path(__file__).resolve().parents[2]
    candidates = [Path(named)] if named else [Path.cwd().parent / "shared" / "corpora", root.parent / "shared" / "corpora"]
    folders = [candidate / "trainticket" / "logs" for candidate in candidates]
    for folder in folders:
        if all((folder / name).is_file() for name in _FILES):
            return folder.resolve()
    looked = " and ".join(dict.fromkeys(str(folder / _FILES[1]) for folder in folders))
    raise NotFoundError(f"the real logs are not here: no {looked}", hint="set BRIDGE_CORPORA to the folder that holds trainticket/logs")


def write_real_workspace(folder: Path, *, postgres: PostgresUrls, sandbox_url: str) -> DemoWorkspace:
    """Write bridge.yaml, views, accounts (into the given PostgreSQL) and seed.json; the logs stay where they are.

    Raises:
        NotFoundError: the logs are not on this machine.
    """
    logs = logs_folder()
    paths = [str(logs / name) for name in _FILES]
    accounts = _account_ids(paths)
    made = _tables(accounts)
    write_postgres(postgres.owner, made)
    setting = f'{{product: postgres, url: "{postgres.reader}"}}'
    text = files.BRIDGE_YAML.format(
        severity=files.REAL_SEVERITY,
        title=_TITLE,
        as_of=zulu(AS_OF),
        sandbox=sandbox_url,
        database=setting,
        sources=files.real_sources(paths),
    )
    write_settings(folder, text, files.REAL_VIEWS)
    desk = _seed(made["clients"].to_pylist())
    write_json(folder / ASIDE / "seed.json", desk)
    return DemoWorkspace(
        folder=folder,
        seed=desk,
        investigation="new-errors",
        parameters={name: f"{zulu(window.start)}..{zulu(window.end)}" for name, window in (("window", WINDOW), ("baseline", BASELINE))},
        tickets=tuple(ticket_id(index) for index in range(len(_TICKETS))),
        log_lines=0,
    )


def _account_ids(paths: Sequence[str]) -> list[str]:
    """Return the account ids that the logs name, the most frequent first, and invented ones up to 40."""
    counts: dict[str, int] = {}
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
            for row in csv.reader(text):
                for found in _ACCOUNT_ID.findall(row[-1]):
                    counts[found] = counts.get(found, 0) + 1
    seen = sorted(counts, key=lambda found: (-counts[found], found))
    draw = random.Random("real accounts")
    invented = (str(uuid.UUID(int=draw.getrandbits(128), version=4)) for _ in range(ACCOUNTS))
    return [*seen, *invented][: max(ACCOUNTS, len(seen))]


def _tables(ids: Sequence[str]) -> dict[str, pa.Table]:
    import pyarrow as pa

    draw = random.Random("real clients")
    names = company_names("en")
    time, text = pa.timestamp("us", tz="UTC"), pa.string()
    clients = [
        {
            "client_id": identity,
            "client_name": names[index],
            "tariff": draw.choice(("basic", "basic", "agency", "corporate")),
            "country": draw.choice(("CN", "CN", "SG", "DE", "GB")),
            "booking_channel": draw.choice(("web", "web", "app", "api")),
            "payment": draw.choice(("invoice", "card")),
            "yearly_volume": Decimal(draw.randint(90_000, 9_000_000)).scaleb(-2),
            "travellers": draw.randint(5, 900),
            "since": AS_OF - timedelta(days=draw.randint(90, 1400)),
        }
        for index, identity in enumerate(ids)
    ]
    columns = [(name, text) for name in ("client_id", "client_name", "tariff", "country", "booking_channel", "payment")]
    columns += [("yearly_volume", pa.decimal128(18, 2)), ("travellers", pa.int32()), ("since", time)]
    releases = [
        {"product": "booking-site", "version": "2023.1.2", "taken_live_at": datetime(2023, 1, 24, 9, 30, tzinfo=UTC)},
        {"product": "mobile-app", "version": "8.4.0", "taken_live_at": datetime(2023, 1, 26, 13, 5, tzinfo=UTC)},
    ]
    jobs = [{"job": "seat-inventory", "began_at": datetime(2023, 1, day, 18, 0, tzinfo=UTC)} for day in range(24, 29)]
    return {
        "clients": pa.Table.from_pylist(clients, schema=pa.schema(columns)),
        "releases": pa.Table.from_pylist(releases, schema=pa.schema([("product", text), ("version", text), ("taken_live_at", time)])),
        "nightly_jobs": pa.Table.from_pylist(jobs, schema=pa.schema([("job", text), ("began_at", time)])),
    }


def _seed(clients: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the help desk's start: the first client's two clerks, and two other clients."""
    organizations = [
        {
            "id": 5001 + index,
            "name": client["client_name"],
            "external_id": client["client_id"],
            "domain_names": [f"{slug(client['client_name'])}.example.test"],
        }
        for index, client in enumerate(clients)
    ]
    users, tickets = [], []
    for index, (client, after, priority, subject, body) in enumerate(_TICKETS):
        name = PEOPLE["en"][index]
        domain = organizations[client]["domain_names"][0]
        users.append(
            {
                "id": 2001 + index,
                "name": name,
                "email": f"{slug(name).replace('-', '.')}@{domain}",
                "organization_id": 5001 + client,
                "role": "end-user",
            }
        )
        at = (WINDOW.start + after).isoformat()
        tickets.append(
            {
                "id": FIRST_TICKET + index,
                "subject": subject,
                "description": body,
                "requester_id": 2001 + index,
                "created_at": at,
                "updated_at": at,
                "status": "new",
                "priority": priority,
                "tags": ["booking"],
                "comments": [],
                "assignee_id": AGENT if index == 0 else None,
            }
        )
    return {"organizations": organizations, "users": users, "tickets": tickets}
