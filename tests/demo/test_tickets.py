"""What customers wrote: how many, about what, when, and that private words stay private."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from bridge import resources
from bridge.catalog.load import load
from bridge.demo.phrases import ABOUT_THE_DEFECT, BY_AFFECTED, BY_ANYONE
from bridge.demo.tickets import demo_tickets, seed
from bridge.demo.truth import DEFAULT_TRUTH, random_truth
from bridge.demo.workspace import planted
from bridge.sandbox.seed import from_json
from bridge.text.symptoms import matching_phrases


def organizations(desk: dict[str, Any]) -> dict[int, str]:
    """Account id of each user."""
    accounts = {item["id"]: item["external_id"] for item in desk["organizations"]}
    return {user["id"]: accounts[user["organization_id"]] for user in desk["users"]}


def test_default_counts() -> None:
    tickets = demo_tickets(DEFAULT_TRUTH)
    assert len(tickets) == 31
    defect = [ticket for ticket in tickets if ticket.about == "defect"]
    assert (len(defect), len({ticket.account for ticket in defect})) == (23, 19)
    assert Counter(ticket.about for ticket in tickets) == {"defect": 23, "something else": 5, "own filter": 2, "expired credentials": 1}
    languages = Counter(ticket.language for ticket in defect)
    assert min(languages["de"], languages["en"]) >= 6
    assert len({ticket.phrase for ticket in tickets}) == 31


def test_seed_is_what_the_sandbox_reads() -> None:
    loaded = from_json(seed(DEFAULT_TRUTH))
    assert (len(loaded.organizations), len(loaded.tickets)) == (412, 31)
    assert [ticket.id for ticket in loaded.tickets] == list(range(1001, 1032))
    assert len({user.email for user in loaded.users}) == len(loaded.users)
    assert all(ticket.created_at <= ticket.updated_at <= DEFAULT_TRUTH.as_of for ticket in loaded.tickets)


def test_written_after_the_first_failure_by_affected_accounts() -> None:
    found, desk = planted(DEFAULT_TRUTH), seed(DEFAULT_TRUTH)
    first = datetime.fromisoformat(found["first_failure"])
    accounts = organizations(desk)
    about = {ticket["id"]: ticket for ticket in found["tickets"]}
    for ticket in desk["tickets"]:
        truth = about[f"ZD-{ticket['id']}"]
        assert truth["account"] == accounts[ticket["requester_id"]]
        if truth["about"] == "defect":
            assert truth["account"] in found["wrote"]
            assert datetime.fromisoformat(ticket["created_at"]) > first
        elif truth["about"] == "own filter":
            assert truth["account"] in found["empty_filter"]
        elif truth["about"] == "expired credentials":
            assert truth["account"] in found["expired"]
    others = [ticket["account"] for ticket in found["tickets"] if ticket["about"] == "something else"]
    assert len(set(others) & set(found["affected"])) == 2
    assert len(set(others) & set(found["silent"])) == 1


def test_hostile_and_personal_words_are_there() -> None:
    desk = seed(DEFAULT_TRUTH)
    text = "\n".join(f"{ticket['subject']}\n{ticket['description']}" for ticket in desk["tickets"])
    for piece in ("<order id=5>", "{panel}", "[~admin]", "=1+1", "${summe}", "{color:red}"):
        assert piece in text
    assert any(ticket["subject"].startswith("=") for ticket in desk["tickets"])
    assert re.search(r"\+1 \(303\) 555-01\d\d", text)
    mails = re.findall(r"[\w.-]+@[\w.-]+", text)
    assert mails
    assert all(mail.endswith(".example.test") for mail in mails)


def test_internal_notes_and_follow_ups() -> None:
    comments = [comment for ticket in seed(DEFAULT_TRUTH)["tickets"] for comment in ticket["comments"]]
    private = [comment for comment in comments if not comment["public"]]
    assert any("do not tell the customer" in comment["body"] for comment in private)
    assert all(comment["body"].startswith("INTERNAL") and comment["author_id"] == 1 for comment in private)
    assert any(comment["public"] and comment["author_id"] != 1 for comment in comments)


def test_pool_of_phrases() -> None:
    phrases = [phrase for pool in ABOUT_THE_DEFECT.values() for phrase in pool]
    assert len(phrases) >= 40
    assert len({subject for subject, _ in phrases}) == len({body for _, body in phrases}) == len(phrases)


@pytest.mark.parametrize("number", range(101, 111))
def test_other_seeds_have_their_tickets(number: int) -> None:
    truth = random_truth(number)
    tickets = demo_tickets(truth)
    defect = [ticket for ticket in tickets if ticket.about == "defect"]
    assert (len(tickets), len(defect)) == (truth.tickets + truth.other_tickets, truth.tickets)
    assert len({ticket.account for ticket in defect}) == truth.wrote
    assert len({ticket.phrase for ticket in defect}) == truth.tickets


def test_the_investigation_knows_the_customers_words() -> None:
    symptoms = load(resources.folder("investigations") / "empty-exports").symptoms
    for subject, body in (phrase for pool in ABOUT_THE_DEFECT.values() for phrase in pool):
        assert matching_phrases(f"{subject}\n{body}", symptoms), subject
    for subject, body in (phrase for words in (BY_AFFECTED, BY_ANYONE) for pool in words.values() for phrase in pool):
        assert not matching_phrases(f"{subject}\n{body}", symptoms), subject
