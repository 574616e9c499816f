"""The same life again, through a validating proxy of other people's making: a second opinion on every request and answer."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.adapters import running
from tests.filing import prism
from tests.filing.process import TICKETS
from tests.filing.test_contracts import CONTRACTS, Places, live

if TYPE_CHECKING:
    import requests

PROGRAM = Path(os.environ.get("BRIDGE_PRISM", "nowhere")) / "node_modules" / ".bin" / "prism"
pytestmark = [
    pytest.mark.corpora,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not CONTRACTS.is_dir(), reason=f"no published specifications in {CONTRACTS}"),
    pytest.mark.skipif(not PROGRAM.exists(), reason="no Prism: make contracts installs it where node is"),
]


@pytest.mark.parametrize("api", [2, 3])
def test_prism_finds_nothing(tmp_path: Path, api: int) -> None:
    (tmp_path / "affected.csv").write_text("account_id\n", encoding="utf-8")
    counted: Counter[str] = Counter()
    found: list[str] = []

    def seen(response: requests.Response) -> None:
        counted["exchanges"] += 1
        for violation in json.loads(response.headers.get("sl-violations", "[]")):
            if not response.content and "media type" in violation["message"]:
                continue  # an answer without a body, which the file describes as one of JSON
            place = "/".join(map(str, violation["location"]))
            found.append(f"{response.request.method} {response.request.path_url} {place}: {violation['message']}")

    with (
        running.sandbox(tmp_path, start=running.seed(tickets=TICKETS)) as site,
        prism.proxy(PROGRAM, prism.jira(CONTRACTS, api), site.jira_url, tmp_path, "jira") as jira,
        prism.proxy(PROGRAM, prism.zendesk(CONTRACTS), site.zendesk_url, tmp_path, "zendesk") as desk,
    ):
        live(site, tmp_path, api, Places(jira, desk, seen))
    print(f"\nPrism, Jira Cloud {api} and Zendesk: {counted['exchanges']} exchanges, {len(found)} violations by requests and answers")
    assert not found, "\n".join(found)
