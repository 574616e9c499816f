"""The pages that people open, in a real browser: accessibility by axe-core in both themes, and what they print.

Run: make browser. Needs chromium (Debian: the target installs it) and node's npm, which fetches axe-core into .venv.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from bridge.model.impact import AccountImpact, CaseImpact, GroupImpact, ImpactSummary
from bridge.reporting import example
from bridge.reporting.build import build, find_template, list_templates
from bridge.reporting.impact import page_of

ROOT = Path(__file__).resolve().parent.parent
AXE = "4.14.1"
AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
THEMES = {"light": "1", "dark": "0"}
"""Blink's own numbers of the preferred colour scheme."""
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
MOST_KB = 100
HEAD = """# The pages in a browser
Written by `make browser`: every kind of page that `bridge` writes, made from the built-in examples and loaded in a headless browser, in both
themes. `incomplete` are checks that axe-core leaves to a person.

"""
PLANTED = '<p id="planted" style="color:#777;background:#888">too faint to read</p>'
RUN = """
<script>
axe.run(document, {runOnly: {type: "tag", values: TAGS}}).then(function (found) {
  var brief = function (item) { return {id: item.id, nodes: item.nodes.map(function (node) { return node.target.join(" "); })}; };
  var told = {violations: found.violations.map(brief), incomplete: found.incomplete.map(brief), passes: found.passes.length,
              dark: matchMedia("(prefers-color-scheme: dark)").matches};
  var out = document.createElement("pre");
  out.id = "axe-found";
  out.textContent = JSON.stringify(told);
  document.body.appendChild(out);
});
</script>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What axe says of one page in one theme."""

    violations: list[Mapping[str, Any]]
    incomplete: int
    passes: int


def pages() -> dict[str, str]:
    """Return every kind of page that bridge writes, from the built-in examples."""
    made = {f"report {info.name}": build(example.full(), find_template(info.name)).html for info in list_templates()}
    made["report of new-errors"] = build(example.load("new-errors"), find_template("bug_report")).html
    made["impact"] = page_of(_impact(), "bridge")
    return made


def _impact() -> ImpactSummary:
    at, money = datetime(2026, 3, 17, tzinfo=UTC), Decimal(120_000)
    case = CaseImpact(
        case_id="BR-0001",
        title="Exports come out empty",
        investigation="empty-exports",
        state="in progress",
        issue="REP-1",
        issue_url="https://tracker.example.test/browse/REP-1",
        severity="S2",
        opened_at=at,
        age_days=3,
        first_failure=at,
        accounts=2,
        population=412,
        silent=1,
        revenue=money,
        revenue_silent=money,
        seats=10,
        tickets=1,
        not_told=0,
        failures=9,
        trend="steady",
    )
    accounts = tuple(
        AccountImpact(
            account_id=f"a-{n}", name=f"Account {n}", plan="team", region="EU", revenue=money, seats=5, cases=("BR-0001",), tickets=tickets
        )
        for n, tickets in enumerate([("ZD-1",), ()])
    )
    group = GroupImpact(value="team", accounts=2, silent=1, revenue=money * 2)
    return ImpactSummary(
        as_of=at,
        currency="EUR",
        cases=(case,),
        accounts=accounts,
        tiers=(group,),
        regions=(group,),
        revenue=money * 2,
        silent=1,
        tickets=1,
        not_analysed=(),
    )


def axe() -> str:
    """Return axe-core's source, fetched once and checked by its digest."""
    folder = Path(sys.prefix) / "browser"
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        command = ["npm", "install", "--no-save", "--silent", "--prefix", str(folder), f"axe-core@{AXE}"]
        subprocess.run(command, check=True, timeout=300)
    text = script.read_bytes()
    if hashlib.sha256(text).hexdigest() != AXE_SHA256:
        raise SystemExit(f"{script} is not axe-core {AXE} as it was when this was written: delete {folder} and look")
    return text.decode()


def chromium(folder: Path, *flags: str) -> str:
    """Run the browser once; return what it prints."""
    command = [browser(), *FLAGS, f"--user-data-dir={folder / 'profile'}", *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


def browser() -> str:
    """Return the browser's name."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return name
    raise SystemExit("no chromium here: apt-get install chromium")


def judged(page: str, theme: str, source: str) -> Found:
    """Load one page with axe in it. The page's own policy forbids scripts, so it is taken out of this copy."""
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    run = RUN.replace("TAGS", json.dumps(TAGS))
    text = text.replace("</body>", f"<script>{source}</script>{run}</body>")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "page.html").write_text(text, encoding="utf-8")
        flags = [f"--blink-settings=preferredColorScheme={THEMES[theme]}", "--virtual-time-budget=20000", "--window-size=1100,1400"]
        shown = chromium(folder, *flags, "--dump-dom", (folder / "page.html").as_uri())
    block = re.search(r'<pre id="axe-found">(.*?)</pre>', shown, re.DOTALL)
    if block is None:
        raise SystemExit("axe did not finish")
    told = json.loads(html.unescape(block[1]))
    if told["dark"] != (theme == "dark"):
        raise SystemExit(f"the browser did not take the theme {theme}")
    return Found(violations=told["violations"], incomplete=len(told["incomplete"]), passes=told["passes"])


def printed(page: str) -> int:
    """Return how many pages a page prints on."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "page.html").write_text(page, encoding="utf-8")
        chromium(folder, "--no-pdf-header-footer", f"--print-to-pdf={folder / 'page.pdf'}", (folder / "page.html").as_uri())
        counts = re.findall(rb"/Count (\d+)", (folder / "page.pdf").read_bytes())
    return max(map(int, counts), default=0)


def measured(job: tuple[str, str, str, str]) -> tuple[str, ...]:
    """Return one row of the table: page, theme, violations with their ids, incomplete, passes, kB, printed pages."""
    name, page, theme, source = job
    found = judged(page, theme, source)
    ids = "; ".join(f"{item['id']}: {', '.join(item['nodes'][:3])}" for item in found.violations)
    sheets = printed(page)
    violations = f"{len(found.violations)} {ids}".strip()
    return name, theme, violations, str(found.incomplete), str(found.passes), f"{len(page.encode()) / 1000:.0f}", str(sheets)


def main() -> int:
    """Print a line a page and theme, and write docs/browser.md; exit 1 on any violation, or when a planted fault is not found."""
    source, made = axe(), pages()
    first = next(iter(made.values()))
    with tempfile.TemporaryDirectory() as folder:
        lines = [f"axe-core {AXE}, {chromium(Path(folder), '--version').strip()}. Rules: {', '.join(TAGS)}.", ""]
    bad = 0
    for theme in THEMES:
        planted = judged(first.replace("<main>", f"<main>{PLANTED}", 1), theme, source)
        seen = any("#planted" in target for item in planted.violations for target in item["nodes"])
        lines.append(f"- {theme}: a planted contrast fault was {'found' if seen else 'NOT FOUND'}.")
        bad += not seen
    lines += ["", "| page | theme | violations | incomplete | passes | kB | printed pages |", "| --- | --- | --: | --: | --: | --: | --: |"]
    jobs = [(name, page, theme, source) for name, page in made.items() for theme in THEMES]
    with ThreadPoolExecutor(2) as pool:
        for row in pool.map(measured, jobs):
            lines.append(f"| {' | '.join(row)} |")
            bad += row[2] != "0" or row[-1] == "0" or int(row[-2]) >= MOST_KB
    lines += ["", "No fault." if not bad else f"{bad} faults."]
    print("\n".join(lines))
    (ROOT / "docs" / "browser.md").write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
