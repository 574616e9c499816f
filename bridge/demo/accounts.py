"""The demo company's accounts: their attributes, and the roles they play in the planted defect."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bridge.demo.names import company_names, slug
from bridge.demo.truth import Truth
from bridge.model.finding import Condition

FLAGS = ("snapshot_cache_v2", "parallel_upload", "compact_headers")

_PLANS = {"starter": 0.38, "team": 0.32, "business": 0.20, "enterprise": 0.10}
_SEATS = {"starter": (3, 15), "team": (10, 60), "business": (40, 250), "enterprise": (150, 1800)}
_SEAT_PRICE = {"starter": 96, "team": 144, "business": 216, "enterprise": 252}
_REGIONS = {"DACH": 0.46, "UK and Nordics": 0.2, "North America": 0.24, "APAC": 0.1}
_LOCALES = {
    "DACH": ("de-DE", "de-DE", "de-AT", "de-CH", "en-GB"),
    "UK and Nordics": ("en-GB", "en-GB", "en-IE"),
    "North America": ("en-US", "en-US", "en-CA"),
    "APAC": ("en-AU", "en-NZ", "en-SG"),
}
_SITES = {
    "DACH": ("fra1", "fra1", "fra2", "zrh1"),
    "UK and Nordics": ("lon1", "lon1", "fra2"),
    "North America": ("iad1", "iad1", "pdx1"),
    "APAC": ("syd1", "sin1"),
}
_CHOICES = {
    "industry": {"logistics": 2, "retail": 3, "insurance": 2, "health": 2, "manufacturing": 3, "energy": 1, "media": 1, "travel": 1},
    "sso": {"none": 4, "saml": 3, "oidc": 2},
    "storage_provider": {"s3": 5, "gcs": 2, "azure-blob": 2, "sftp": 2},
    "api_client": {"none": 4, "python-sdk": 2, "java-sdk": 1, "rest": 2},
    "billing_cycle": {"monthly": 3, "yearly": 4},
    "onboarded_by": {"self-service": 4, "sales": 3, "partner": 2},
}
_FLAG_SHARE = {"snapshot_cache_v2": 0.21, "parallel_upload": 0.25, "compact_headers": 0.5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account; `attributes` are the standard view's further columns (flags as `true` and `false`)."""

    id: str
    name: str
    domain: str
    language: str
    """de or en: what its people write."""
    plan: str
    region: str
    arr: Decimal
    seats: int
    created_at: datetime
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Who plays which part: indices into the accounts, disjoint but for `writers` (a part of `affected`)."""

    affected: tuple[int, ...]
    writers: tuple[int, ...]
    once: tuple[int, ...]
    spare: tuple[int, ...]
    """They meet the cause, and none of their exports falls into the window."""
    in_window: tuple[int, ...]
    """They don't meet the cause, and a nightly export of theirs falls into the window."""
    empty_filter: tuple[int, ...]
    expired: tuple[int, ...]

    @property
    def holders(self) -> tuple[int, ...]:
        """All accounts that meet the cause."""
        return (*self.affected, *self.once, *self.spare)


def make_roles(truth: Truth) -> Roles:
    """Deal the parts out, at random by the seed."""
    draw = random.Random(f"roles {truth.seed}")
    deck = list(range(truth.accounts))
    draw.shuffle(deck)

    def deal(count: int) -> tuple[int, ...]:
        taken, deck[:] = deck[:count], deck[count:]
        return tuple(sorted(taken))

    affected = deal(truth.affected)
    return Roles(
        affected=affected,
        writers=tuple(sorted(draw.sample(affected, truth.wrote))),
        once=deal(truth.once),
        spare=deal(max(12, truth.affected * 4 // 5)),
        in_window=deal(64),
        empty_filter=deal(truth.empty_filter),
        expired=deal(truth.expired),
    )


def make_accounts(truth: Truth, roles: Roles) -> tuple[Account, ...]:
    """Return the accounts, by id; exactly the holders of `roles` meet the truth's cause."""
    draw = random.Random(f"accounts {truth.seed}")
    numbers = sorted(draw.sample(range(1000, 9999), truth.accounts))
    names = {language: iter(company_names(language)) for language in ("de", "en")}
    holders = frozenset(roles.holders)
    # One part of a pair alone has to be common too, or either part would explain as much as both.
    partial = _partial(truth, draw, holders)
    made = []
    for index, number in enumerate(numbers):
        values = _attributes(draw)
        values.update(_forced(draw, truth.cause, values, holder=index in holders, keep=partial.get(index)))
        language = values["locale"][:2]
        name = next(names[language])
        seats = draw.randint(*_SEATS[values["plan"]])
        price = _SEAT_PRICE[values["plan"]] * seats * draw.uniform(0.8, 1.1)
        made.append(
            Account(
                id=f"ac-{number}",
                name=name,
                domain=f"{slug(name)}.example.test",
                language=language,
                plan=values.pop("plan"),
                region=values.pop("region"),
                arr=Decimal(round(price * 100)).scaleb(-2),
                seats=seats,
                created_at=truth.start - timedelta(days=draw.randint(40, 1500), minutes=draw.randint(0, 1439)),
                attributes=values,
            )
        )
    return tuple(made)


def _pick(draw: random.Random, weights: Mapping[str, float]) -> str:
    return draw.choices(list(weights), weights=list(weights.values()))[0]


def _attributes(draw: random.Random) -> dict[str, str]:
    region = _pick(draw, _REGIONS)
    values = {
        "plan": _pick(draw, _PLANS),
        "region": region,
        "locale": draw.choice(_LOCALES[region]),
        "data_center": draw.choice(_SITES[region]),
    }
    values.update({name: _pick(draw, weights) for name, weights in _CHOICES.items()})
    # A natural correlate: big accounts sign in through their own identity provider.
    if values["plan"] == "enterprise" and values["sso"] == "none":
        values["sso"] = "saml"
    values.update({flag: str(draw.random() < share).lower() for flag, share in _FLAG_SHARE.items()})
    return values


def _partial(truth: Truth, draw: random.Random, holders: Iterable[int]) -> dict[int, int]:
    """For a pair: which other accounts keep one of its parts (index of the part), a third each."""
    if len(truth.cause) == 1:
        return {}
    others = sorted(set(range(truth.accounts)) - set(holders))
    return {index: draw.randint(0, len(truth.cause) - 1) for index in others if draw.random() < 0.6}


def _forced(
    draw: random.Random, cause: tuple[Condition, ...], values: Mapping[str, str], *, holder: bool, keep: int | None
) -> dict[str, str]:
    """Return the attribute values that make (or keep) an account a holder of the cause."""
    if holder:
        return {part.attribute: part.value for part in cause}
    forced = {part.attribute: _another(draw, part) for part in cause if values[part.attribute] == part.value}
    if keep is not None:
        other = cause[1 - keep]
        forced[cause[keep].attribute] = cause[keep].value
        if values[other.attribute] == other.value:
            forced[other.attribute] = _another(draw, other)
    return forced


def _another(draw: random.Random, part: Condition) -> str:
    if part.value in {"true", "false"}:
        return "false" if part.value == "true" else "true"
    known: Mapping[str, float]
    if part.attribute == "plan":
        known = _PLANS
    elif part.attribute == "data_center":
        known = dict.fromkeys(("fra1", "zrh1", "lon1", "iad1"), 1.0)
    else:
        known = _CHOICES[part.attribute]
    return _pick(draw, {value: weight for value, weight in known.items() if value != part.value})
