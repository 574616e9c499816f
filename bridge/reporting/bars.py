"""Pictures of shares: affected against control, and impact by tier. Bars from left to right, the numbers beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from bridge.model.finding import Contrast
from bridge.reporting import formats
from bridge.reporting.charts import WIDTH, Chart, coordinate, label
from bridge.text.terminal import visible

_MOST = 8
"""Bars of one picture; the rest is in the table."""
_LABEL, _RIGHT, _ROW, _TOP = 190, 190, 44, 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One bar: the affected accounts of a plan or region."""

    value: str
    accounts: int
    silent: int
    revenue: Decimal


def tiers(groups: Sequence[Tier], currency: str, *, title: str = "Affected accounts by tier") -> Chart | None:
    """Return accounts as bars, the silent ones lighter, revenue in words; None without an affected account."""
    shown = [group for group in groups if group.accounts][:_MOST]
    if not shown:
        return None
    most = max(group.accounts for group in shown)
    room = WIDTH - _LABEL - _RIGHT
    parts: list[str] = []
    words: list[str] = []
    for row, group in enumerate(shown):
        y = _TOP + row * (_ROW - 12)
        told, silent = group.accounts - group.silent, group.silent
        parts.append(label(_LABEL - 8, y + 16, _short(group.value), "", "end"))
        x = float(_LABEL)
        for count, level in ((told, "c-told"), (silent, "c-silent")):
            size = room * count / most
            if count:
                parts.append(
                    f'<rect class="{level}" x="{coordinate(x)}" y="{coordinate(y + 2)}" width="{coordinate(max(size, 2))}" height="20" rx="1"/>'
                )
            x += size
        money = f", {formats.money(group.revenue, currency)}" if currency else ""
        parts.append(label(x + 8, y + 16, f"{formats.number(group.accounts)} {_accounts(group.accounts)}{money}", "c-dim", "start"))
        words.append(
            f"{group.value}: {formats.number(group.accounts)} {_accounts(group.accounts)}, {formats.number(silent)} of them silent{money}"
        )
    height = _TOP + len(shown) * (_ROW - 12) + 30
    parts.append(f'<rect class="c-told" x="{_LABEL}" y="{height - 22}" width="12" height="12"/>')
    parts.append(label(_LABEL + 18, height - 11, "wrote a ticket", "c-dim", "start"))
    parts.append(f'<rect class="c-silent" x="{_LABEL + 130}" y="{height - 22}" width="12" height="12"/>')
    parts.append(label(_LABEL + 148, height - 11, "silent", "c-dim", "start"))
    return Chart(name="tiers.svg", caption=title, alt=visible(f"{'. '.join(words)}."), body="\n".join(parts), height=height)


def contrast(found: Sequence[Contrast], names: Sequence[str]) -> Chart | None:
    """Return the share of affected and of comparable others with each condition, as pairs of bars; None without a contrast."""
    shown = list(zip(found, names, strict=True))[:_MOST]
    if not shown:
        return None
    room = WIDTH - _LABEL - _RIGHT
    parts: list[str] = []
    words: list[str] = []
    for row, (item, name) in enumerate(shown):
        y = _TOP + row * (_ROW + 6)
        parts.append(label(_LABEL - 8, y + 24, _short(name), "", "end"))
        pairs = (("c-told", "affected", item.affected, item.affected_total), ("c-other", "others", item.control, item.control_total))
        for line, (level, who, part, total) in enumerate(pairs):
            share = part / total if total else 0.0
            top = y + line * 19
            parts.append(f'<rect class="c-0" x="{_LABEL}" y="{coordinate(top + 1)}" width="{room}" height="16" rx="1"/>')
            if part:
                width = coordinate(max(room * share, 2))
                parts.append(f'<rect class="{level}" x="{_LABEL}" y="{coordinate(top + 1)}" width="{width}" height="16" rx="1"/>')
            parts.append(label(_LABEL + room + 8, top + 13, f"{who} {formats.of(part, total)}", "c-dim", "start"))
        words.append(
            f"{name}: affected {item.unit} {formats.of(item.affected, item.affected_total)}, "
            f"comparable others {formats.of(item.control, item.control_total)}"
        )
    height = _TOP + len(shown) * (_ROW + 6)
    return Chart(
        name="contrast.svg",
        caption="What the affected share and comparable others don't",
        alt=visible(f"{'. '.join(words)}."),
        body="\n".join(parts),
        height=height,
    )


def _accounts(count: int) -> str:
    return "account" if count == 1 else "accounts"


def _short(text: str) -> str:
    """Return at most 26 characters: what fits the label's room."""
    text = visible(text)
    return text if len(text) <= 26 else f"{text[:25]}…"  # noqa: PLR2004  # said above
