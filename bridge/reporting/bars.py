"""Pictures of shares: affected against control, now against before, and impact by tier. Bars from left to right, the numbers beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from bridge.model.finding import Contrast, NovelTemplate
from bridge.reporting import formats
from bridge.reporting.charts import WIDTH, Chart, coordinate, label
from bridge.text.terminal import visible

_MOST = 8
"""Bars of one picture; the rest is in the table."""
_SAID = 100
"""Characters of a name in the words beside a picture: log templates can be pages long."""
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
    pairs = [
        Pair(
            name=name,
            first=(item.affected, item.affected_total),
            second=(item.control, item.control_total),
            words=f"affected {item.unit} {formats.of(item.affected, item.affected_total)}, "
            f"comparable others {formats.of(item.control, item.control_total)}",
        )
        for item, name in zip(found, names, strict=True)
    ]
    return _pairs("contrast.svg", "What the affected share and comparable others don't", ("affected", "others"), pairs)


def novel(found: Sequence[NovelTemplate]) -> Chart | None:
    """Return the share of traces with each new log template, now and in the baseline, as pairs of bars; None without one."""
    pairs = [
        Pair(
            name=item.template,
            below=item.service,
            first=(item.traces, item.traces_total),
            second=(item.traces_before, item.traces_before_total),
            words=f"{item.service}, now {formats.of(item.traces, item.traces_total, 'traces')}, "
            f"before {formats.of(item.traces_before, item.traces_before_total)}",
        )
        for item in found
    ]
    return _pairs("novel.svg", "Traces with each new log template, now and before", ("now", "before"), pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two bars under one name: (part, total) each."""

    name: str
    first: tuple[int, int]
    second: tuple[int, int]
    words: str
    """Both with their numbers."""
    below: str = ""
    """A second line under the name."""


def _pairs(file: str, caption: str, sides: tuple[str, str], found: Sequence[Pair]) -> Chart | None:
    shown = found[:_MOST]
    if not shown:
        return None
    room = WIDTH - _LABEL - _RIGHT
    parts: list[str] = []
    words: list[str] = []
    for row, item in enumerate(shown):
        y = _TOP + row * (_ROW + 6)
        parts.append(label(_LABEL - 8, y + (16 if item.below else 24), _short(item.name), "", "end"))
        if item.below:
            parts.append(label(_LABEL - 8, y + 33, _short(item.below), "c-dim", "end"))
        for line, (level, who, (part, total)) in enumerate(zip(("c-told", "c-other"), sides, (item.first, item.second), strict=True)):
            share = part / total if total else 0.0
            top = y + line * 19
            parts.append(f'<rect class="c-0" x="{_LABEL}" y="{coordinate(top + 1)}" width="{room}" height="16" rx="1"/>')
            if part:
                width = coordinate(max(room * share, 2))
                parts.append(f'<rect class="{level}" x="{_LABEL}" y="{coordinate(top + 1)}" width="{width}" height="16" rx="1"/>')
            parts.append(label(_LABEL + room + 8, top + 13, f"{who} {formats.of(part, total)}", "c-dim", "start"))
        words.append(f"{_short(item.name, _SAID)}: {item.words}")
    height = _TOP + len(shown) * (_ROW + 6)
    return Chart(
        name=file,
        caption=caption,
        alt=visible(f"{'. '.join(words)}."),
        body="\n".join(parts),
        height=height,
    )


def _accounts(count: int) -> str:
    return "account" if count == 1 else "accounts"


def _short(text: str, most: int = 26) -> str:
    """Return at most `most` characters; 26 fit the label's room."""
    text = visible(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"
