"""Copy the demo's report into docs, in its four formats with pictures and score, and write docs/demo-report.md about it.

What differs from run to run is set to fixed values, so that a change in the difference is a change of the report: times of the run
itself become RAN. Nothing of the machine may be in it: that is checked. Called by tests/refresh_readme.py (`make readme`).
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CASE = "BR-0001"
FORMATS = {
    "report.md": "Markdown, for reading and for Git hosts",
    "report.wiki": "wiki markup, the description of the Jira issue",
    "report.adf.json": "Atlassian Document Format",
    "report.html": "one page for anybody",
}
RAN = "2026-03-17 09:00 UTC"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]


def bridge(workspace: Path, *words: str) -> str:
    """Run a command on the demo's workspace; return what it prints."""
    command = [str(Path(sys.executable).with_name("bridge")), *words, "--workspace", str(workspace)]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60, check=False).stdout


def settled(text: str, opened: str) -> str:
    """Return the text with every time from the day on which the case was opened as RAN; the demo company's times are older and stay."""
    for day in {day for day in re.findall(r"\b\d{4}-\d\d-\d\d\b", text) if day >= opened}:
        text = re.sub(rf"{day}[ \u00a0]\d\d:\d\d(?::\d\d)?[ \u00a0]UTC", RAN, text)
        text = re.sub(rf"{day}T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)", "2026-03-17T09:00:00Z", text)
    return text


def chromium(*words: str) -> None:
    """Run the browser on a profile of its own."""
    with tempfile.TemporaryDirectory() as profile:
        command = ["chromium", *FLAGS, f"--user-data-dir={profile}", *words]
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=True)


def copy(workspace: Path, target: Path) -> None:
    """Write the four formats and the pictures into `target`; raise when something of this machine is in them."""
    source = workspace / "cases" / CASE
    opened = json.loads((source / "case.json").read_text(encoding="utf-8"))["created_at"][:10]
    shutil.rmtree(target, ignore_errors=True)
    (target / "pictures").mkdir(parents=True)
    for name in FORMATS:
        text = settled((source / "report" / name).read_text(encoding="utf-8"), opened)
        for own in (str(workspace), str(Path.home()), tempfile.gettempdir(), str(Path(__file__).resolve().parents[1])):
            if len(own) > 1 and own in text:
                raise SystemExit(f"{name} names {own}: it must not go into docs")
        (target / name).write_text(text, encoding="utf-8")
    for path in sorted([*(source / "report" / "pictures").glob("*.svg"), *(source / "attachments").glob("*.png")]):
        shutil.copyfile(path, target / "pictures" / path.name)


def photograph(page: Path, pictures: Path) -> None:
    """Take the page in light and dark, on a narrow screen, and its first printed page."""
    dark = "--blink-settings=preferredColorScheme=0"
    chromium("--window-size=1100,1340", f"--screenshot={pictures / 'report.png'}", page.as_uri())
    chromium("--window-size=1100,1340", dark, f"--screenshot={pictures / 'report-dark.png'}", page.as_uri())
    chromium("--window-size=500,1100", f"--screenshot={pictures / 'report-narrow.png'}", page.as_uri())
    if shutil.which("pdftoppm") is None:
        print("no pdftoppm (poppler-utils): the printed page stays as it is")
        return
    with tempfile.TemporaryDirectory() as folder:
        printed = Path(folder) / "report.pdf"
        chromium(f"--print-to-pdf={printed}", "--no-pdf-header-footer", page.as_uri())
        command = ["pdftoppm", "-r", "80", "-f", "2", "-l", "2", "-png", "-singlefile", str(printed), str(pictures / "report-printed")]
        subprocess.run(command, timeout=60, check=True)


def page(folder: Path, score: str) -> str:
    """Return docs/demo-report.md."""
    rows = [f"| [{name}]({folder.name}/{name}) | {what} | {(folder / name).stat().st_size / 1000:,.0f} |" for name, what in FORMATS.items()]
    drawn = sorted(path.name for path in (folder / "pictures").glob("*.svg"))
    also = [
        f"[{name}]({folder.name}/pictures/{name}) ([PNG]({folder.name}/pictures/{Path(name).with_suffix('.png').name}))" for name in drawn
    ]
    shown = [("light", "report"), ("dark", "report-dark"), ("on a narrow screen", "report-narrow"), ("a printed page", "report-printed")]
    return "\n".join(
        [
            "# The demo's report",
            f"Written by `make readme` from a run of `make demo`. Times of the run itself are set to {RAN}; everything else is as it was written.",
            "",
            "| file | what | kB |",
            "|---|---|--:|",
            *rows,
            "",
            f"Pictures: {', '.join(also)}.",
            "",
            f"`bridge report score {CASE}`, before anybody said what was promised:",
            "",
            "```",
            score.strip("\n"),
            "```",
            "",
            "## The page",
            *(f"\n![The report, {words}](pictures/{name}.png)" for words, name in shown),
            "",
        ]
    )


def refresh(workspace: Path, docs: Path) -> None:
    """Renew docs/demo-report, its page, and where there is a chromium the pictures of it."""
    folder = docs / "demo-report"
    copy(workspace, folder)
    (docs / "demo-report.md").write_text(page(folder, bridge(workspace, "report", "score", CASE)), encoding="utf-8")
    if shutil.which("chromium"):
        photograph(folder / "report.html", docs / "pictures")


if __name__ == "__main__":
    refresh(Path(sys.argv[1]), Path(sys.argv[2]))
