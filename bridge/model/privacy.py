"""What may leave to whom: policies by destination, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, get_args

Destination = Literal["engineers", "public", "customer", "lead"]
Part = Literal["subjects", "log_lines", "account_names", "accounts", "revenue", "affected_csv", "method_json", "reproduction_files"]
DESTINATIONS: Final[tuple[Destination, ...]] = get_args(Destination)
PARTS: Final[tuple[Part, ...]] = get_args(Part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What one destination gets. Everything personal that is not kept is masked."""

    destination: Destination = "engineers"
    keep: tuple[str, ...] = ("IP_ADDRESS", "DOMAIN_NAME", "ORGANIZATION")
    """Kinds of values that stay as they are: see `bridge.text.redact.kinds`."""
    leave_out: tuple[Part, ...] = ()
    """Parts that are not there at all; names of accounts become labels. `accounts`: rows and ids of single accounts."""
    key: bytes = field(default=b"", repr=False)
    """For pseudonyms; empty: plain labels."""
    known: tuple[str, ...] = field(default=(), repr=False)
    """Further values that never leave."""


POLICIES: Final = {
    "engineers": Policy(),
    "public": Policy(
        destination="public",
        keep=(),
        leave_out=("subjects", "account_names", "accounts", "revenue", "affected_csv", "method_json", "reproduction_files"),
    ),
    "customer": Policy(
        destination="customer",
        keep=(),
        leave_out=("subjects", "log_lines", "account_names", "accounts", "revenue", "affected_csv", "method_json", "reproduction_files"),
    ),
    "lead": Policy(destination="lead", keep=("DOMAIN_NAME", "ORGANIZATION"), leave_out=("log_lines",)),
}
"""What holds unless the workspace says otherwise."""
