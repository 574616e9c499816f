from __future__ import annotations

import json
from statistics import mean

import pytest

from bridge.model.exchange import Exchange, Request, Response
from bridge.reproduction.atoms import Location, extract, is_id, route, singular, substitute
from bridge.reproduction.links import Compared, compare, find_links, scenario_of
from bridge.reproduction.scenario import Link, Played, Scenario, plan, play
from tests.reproduction.shop import Ids, Recorded, Shop, record

JSON = (("Content-Type", "application/json"),)


def score(links: tuple[Link, ...], recorded: Recorded) -> tuple[float, float]:
    found = {(link.producer, link.consumer, link.target.place, link.target.key) for link in links}
    hits = len(found & recorded.truth)
    return hits / len(found), hits / len(recorded.truth)


def compared(recorded: Recorded, ids: Ids) -> Compared:
    def run(scenario: Scenario) -> Played:
        return play(plan(scenario), [step.index for step in scenario.steps], Shop(ids=ids, first=1001, seed=99).send)

    return compare(scenario_of(recorded.exchanges, recorded.oracle), run)


@pytest.mark.parametrize(
    ("ids", "precision", "recall", "precision_after", "recall_after"), [("uuid", 0.99, 0.99, 0.99, 0.99), ("int", 0.98, 0.90, 0.99, 0.99)]
)
def test_precision_and_recall_on_the_reference_s_test_bed(
    ids: Ids, precision: float, recall: float, precision_after: float, recall_after: float
) -> None:
    before, after, replays = [], [], []
    for seed in range(10):
        recorded = record("A", seed, ids=ids)
        before.append(score(scenario_of(recorded.exchanges, recorded.oracle).links, recorded))
        found = compared(recorded, ids)
        after.append(score(found.links, recorded))
        replays.append(found.replays)
    assert mean(p for p, _ in before) >= precision
    assert mean(r for _, r in before) >= recall
    assert mean(p for p, _ in after) >= precision_after
    assert mean(r for _, r in after) >= recall_after
    assert max(replays) <= 8


def test_what_was_never_tried_is_not_called_proven() -> None:
    recorded = record("A", 1, ids="int")
    links = scenario_of(recorded.exchanges, recorded.oracle).links
    assert {link.status for link in links} == {"guessed"}
    proven = [link for link in compared(recorded, "int").links if link.status == "proven"]
    assert len(proven) > 0.95 * len(links)


def exchange(index: int, method: str, path: str, *, status: int = 200, sent: object = None, got: object = None, **more: str) -> Exchange:
    headers = tuple((name.replace("_", "-"), value) for name, value in more.items())
    return Exchange(
        index=index,
        request=Request(method=method, path=path, headers=JSON + headers, body="" if sent is None else json.dumps(sent)),
        response=Response(status=status, headers=JSON, body=json.dumps(got)),
    )


def test_a_value_that_the_client_chose_first_is_no_link() -> None:
    steps = [
        exchange(0, "PUT", "/tags/tag-2024-a", got={"tag": "tag-2024-a"}),
        exchange(1, "GET", "/tags/tag-2024-a"),
    ]
    assert find_links(steps) == ()


def test_quantities_are_no_ids() -> None:
    steps = [exchange(0, "POST", "/carts", got={"id": 3}), exchange(1, "POST", "/carts/3/items", sent={"qty": 3, "cart_id": 3})]
    assert {(link.target.place, link.target.key) for link in find_links(steps)} == {("path", "1"), ("json", "/cart_id")}


def test_a_word_for_the_same_thing_is_learned_and_can_be_told() -> None:
    steps = [
        exchange(0, "POST", "/carts/9/checkout", got={"id": 5}),
        exchange(1, "POST", "/carts/8/checkout", got={"id": 6}),
        exchange(2, "GET", "/orders/5"),
        exchange(3, "GET", "/orders/6"),
    ]
    assert [(link.producer, link.consumer) for link in find_links(steps)] == [(0, 2), (1, 3)]
    assert find_links(steps[:1] + steps[2:3], {"checkout": "order"})[0].producer == 0


def test_a_row_of_a_list_is_found_again_by_its_name() -> None:
    shown = exchange(0, "GET", "/products", got={"data": [{"id": 4, "name": "mug"}, {"id": 7, "name": "pen"}]})
    (link,) = find_links([shown, exchange(1, "GET", "/products/7")])
    assert link.source.select == ("name", "pen")
    moved = Response(status=200, headers=JSON, body=json.dumps({"data": [{"id": 70, "name": "pen"}, {"id": 40, "name": "mug"}]}))
    assert extract(moved, link.source) == "70"
    gone = Response(status=200, headers=JSON, body=json.dumps({"data": [{"id": 40, "name": "mug"}]}))
    assert extract(gone, link.source) is None


def test_tokens_cookies_and_locations() -> None:
    made = Exchange(
        index=0,
        request=Request(method="POST", path="/login"),
        response=Response(
            status=201,
            headers=(*JSON, ("Set-Cookie", "sid=abcdef0123456789; Path=/"), ("Location", "https://shop.test/users/41")),
            body='{"access_token": "feedfacefeedface"}',
        ),
    )
    used = exchange(1, "GET", "/users/41", Authorization="Bearer feedfacefeedface", Cookie="theme=dark; sid=abcdef0123456789")
    links = {(link.source.place, link.target.place, link.target.key) for link in find_links([made, used])}
    assert links == {("header", "path", "1"), ("json", "header", "authorization"), ("cookie", "cookie", "sid")}


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        (Location(place="path", key="1"), "/carts/a%2Fb/items"),
        (Location(place="json", key="/cart/id"), '{"cart": {"id": 8}}'),
        (Location(place="header", key="authorization"), "Bearer new"),
    ],
)
def test_values_are_put_back_where_they_stood(where: Location, wanted: str) -> None:
    request = Request(method="POST", path="/carts/1/items", headers=(*JSON, ("Authorization", "Bearer old")), body='{"cart": {"id": 1}}')
    text = {"path": "a/b", "json": "8", "header": "Bearer new"}[where.place]
    changed = substitute(request, where, text)
    assert wanted in (changed.path, changed.body, changed.header("authorization"))


@pytest.mark.parametrize(
    ("word", "one"),
    [("carts", "cart"), ("cart_id", "cart"), ("cartId", "cart"), ("addresses", "address"), ("policies", "policy"), ("status", "status")],
)
def test_singular(word: str, one: str) -> None:
    assert singular(word) == one


def test_routes() -> None:
    assert route(Request(method="POST", path="/api/v1/carts/17/items/0b6e")) == "POST /api/v1/carts/{cart}/items/{item}"
    assert not is_id("v2")


def test_verbatim_replay_of_state_reproduces_nothing_and_links_do() -> None:
    for seed in range(5):
        recorded = record("A", seed)
        scenario = scenario_of(recorded.exchanges, recorded.oracle)
        everything = [step.index for step in scenario.steps]
        linked = play(plan(scenario), everything, Shop(ids="uuid", first=1, seed=77).send)
        assert linked.seen
        assert not linked.mismatches
        bare = Scenario(steps=scenario.steps, links=(), oracle=scenario.oracle)
        verbatim = play(plan(bare), everything, Shop(ids="uuid", first=1, seed=77).send)
        assert verbatim.outcome == "invalid"
        assert len(verbatim.mismatches) > 100
