"""The test bed of the reference: a toy shop with three planted bugs, and recordings of three people using it.

Recordings have 200 requests, the failing one last, the essential ones at random positions. The truth (who made which id
that is used where) comes from the recorder, which knows it, and never from the code under test.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from bridge.model.exchange import Exchange, Request, Response
from bridge.reproduction.oracle import Oracle, of_error

Ids = Literal["uuid", "int"]
PEOPLE = ("ada", "ben", "cleo")
JSON = ("Content-Type", "application/json")


def answer(status: int, body: Any) -> Response:
    return Response(status=status, headers=(JSON,), body=json.dumps(body))


@dataclass
class Shop:
    """One server; `first` is where its counters start, `seed` what its random ids are made of."""

    ids: Ids
    first: int = 1
    seed: int = 0
    tables: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    counters: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.random = random.Random(f"shop {self.seed} {self.first}")

    def new(self, table: str, **row: Any) -> int | str:
        self.counters[table] += 1
        made: int | str = (
            self.first - 1 + self.counters[table] if self.ids == "int" else str(UUID(int=self.random.getrandbits(128), version=4))
        )
        self.tables.setdefault(table, {})[str(made)] = {"id": made, **row}
        return made

    def row(self, table: str, key: str) -> dict[str, Any] | None:
        return self.tables.get(table, {}).get(key)

    def send(self, request: Request, _: int = 0) -> Response:
        body = json.loads(request.body) if request.body else {}
        if request.path == "/login":
            token = f"{self.random.getrandbits(128):032x}"
            account = self.new("accounts", name=body["user"])
            self.tables.setdefault("tokens", {})[token] = {"account": account}
            return answer(200, {"token": token, "account_id": account})
        token = request.header("Authorization").removeprefix("Bearer ")
        person = self.row("tokens", token)
        if request.method != "GET" and not request.path.startswith("/settings") and person is None:
            return answer(401, {"error": "not signed in"})
        for method, pattern, handler in _ROUTES:
            match = re.fullmatch(pattern, request.path)
            if method == request.method and match:
                return handler(self, match.groups(), body, dict(request.query))
        return answer(404, {"error": "no such page"})


Handler = Callable[[Shop, tuple[str, ...], Any, dict[str, str]], Response]
MISSING = {"error": "not found"}


def _make_cart(shop: Shop, _: tuple[str, ...], body: Any, query: dict[str, str]) -> Response:
    made = shop.new("carts", items=[], coupon=None, gift=False)
    return answer(201, {"id": made, "state": "open"})


def _get(table: str) -> Handler:
    def handler(shop: Shop, keys: tuple[str, ...], body: Any, query: dict[str, str]) -> Response:
        row = shop.row(table, keys[0])
        return answer(200, row) if row else answer(404, MISSING)

    return handler


def _list(table: str) -> Handler:
    def handler(shop: Shop, keys: tuple[str, ...], body: Any, query: dict[str, str]) -> Response:
        return answer(200, {"data": [{"id": row["id"]} for row in list(shop.tables.get(table, {}).values())[-3:]]})

    return handler


def _add_item(shop: Shop, keys: tuple[str, ...], body: Any, query: dict[str, str]) -> Response:
    cart = shop.row("carts", keys[0])
    if not cart:
        return answer(404, MISSING)
    made = shop.new("items", sku=body["sku"], qty=body["qty"], cart=cart["id"])
    cart["items"].append(made)
    return answer(201, {"id": made, "cart_id": cart["id"], "qty": body["qty"]})


def _gift(shop: Shop, keys: tuple[str, ...], body: Any, query: dict[str, str]) -> Response:
    cart = shop.row("carts", keys[0])
    if not cart:
        return answer(404, MISSING)
    cart["gift"] = True
    return answer(200, {"gift": True})


def _make_coupon(shop: Shop, _: tuple[str, ...], body: Any, query: dict[str, str]) -> Response:
    return answer(201, {"coupon": {"id": shop.new("coupons", percent=body["percent"]), "percent": body["percent"]}})


def _apply(shop: Shop, keys: tuple[str, ...], body: Any, query: dict[str, str]) -> Response:
    cart, coupon = shop.row("carts", keys[0]), shop.row("coupons", str(body["coupon_id"]))
    if not cart or not coupon:
        return answer(404, MISSING)
    cart["coupon"] = coupon["id"]
    return answer(200, {"applied": True})


def _checkout(shop: Shop, keys: tuple[str, ...], body: Any, query: dict[str, str]) -> Response:
    cart = shop.row("carts", keys[0])
    if not cart:
        return answer(404, MISSING)
    if cart["gift"] and len(cart["items"]) >= 10:
        return answer(500, {"error": "GiftWrapError", "message": f"can't wrap {len(cart['items'])} parcels of cart {cart['id']}"})
    order = shop.new("orders", coupon=cart["coupon"], address=None)
    return answer(201, {"id": order, "total": 10 * len(cart["items"])})


def _address(shop: Shop, keys: tuple[str, ...], body: Any, query: dict[str, str]) -> Response:
    order = shop.row("orders", keys[0])
    if not order:
        return answer(404, MISSING)
    order["address"] = body["city"]
    return answer(200, {"ok": True})


def _refund(shop: Shop, keys: tuple[str, ...], body: Any, query: dict[str, str]) -> Response:
    order = shop.row("orders", keys[0])
    if not order:
        return answer(404, MISSING)
    if order["coupon"] and order["address"]:
        return answer(500, {"error": "RoundingError", "message": f"refund of order {order['id']} does not add up"})
    return answer(201, {"refund_id": shop.new("refunds", amount=body["amount"])})


def _wish(shop: Shop, _: tuple[str, ...], body: Any, query: dict[str, str]) -> Response:
    return answer(201, {"ok": True}) if shop.row("items", str(body["target"])) else answer(404, MISSING)


def _setting(shop: Shop, keys: tuple[str, ...], body: Any, query: dict[str, str]) -> Response:
    shop.settings[keys[0]] = body["value"]
    return answer(200, {"ok": True})


def _report(shop: Shop, _: tuple[str, ...], body: Any, query: dict[str, str]) -> Response:
    if query["kind"] == "legacy":
        return answer(500, {"error": "LegacyReportError", "message": "this report is gone"})
    if query["kind"] == "totals" and shop.settings.get("rounding") == "bank" and shop.settings.get("currency") == "JPY":
        return answer(500, {"error": "ZeroDivisionError", "message": "division by zero"})
    return answer(200, {"kind": query["kind"], "rows": 3})


_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", r"/carts", _make_cart),
    ("GET", r"/carts", _list("carts")),
    ("GET", r"/carts/([^/]+)", _get("carts")),
    ("POST", r"/carts/([^/]+)/items", _add_item),
    ("GET", r"/carts/[^/]+/items/([^/]+)", _get("items")),
    ("PUT", r"/carts/([^/]+)/gift", _gift),
    ("POST", r"/coupons", _make_coupon),
    ("POST", r"/carts/([^/]+)/coupon", _apply),
    ("POST", r"/carts/([^/]+)/checkout", _checkout),
    ("GET", r"/orders", _list("orders")),
    ("GET", r"/orders/([^/]+)", _get("orders")),
    ("PUT", r"/orders/([^/]+)/address", _address),
    ("POST", r"/orders/([^/]+)/refund", _refund),
    ("GET", r"/refunds/([^/]+)", _get("refunds")),
    ("POST", r"/wishes", _wish),
    ("PUT", r"/settings/([^/]+)", _setting),
    ("GET", r"/reports", _report),
)

TrueLink = tuple[int, int, str, str]
"""producer, consumer, place, key."""


@dataclass
class Recorded:
    exchanges: tuple[Exchange, ...]
    truth: frozenset[TrueLink]
    essential: frozenset[int]

    @property
    def oracle(self) -> Oracle:
        return of_error(self.exchanges[-1])


@dataclass
class Recorder:
    """Uses the shop as three people do, and notes who made what."""

    shop: Shop
    random: random.Random
    exchanges: list[Exchange] = field(default_factory=list)
    truth: set[TrueLink] = field(default_factory=set)
    made: dict[tuple[str, str], int] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    mine: dict[str, dict[str, list[str]]] = field(default_factory=lambda: {who: {} for who in PEOPLE})

    def call(
        self,
        who: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, str] | None = None,
        uses: tuple[tuple[str, str, str, str], ...] = (),
    ) -> Any:
        """`uses`: (table, id, place, key) of every id in the request."""
        at = len(self.exchanges)
        headers = [JSON] if body is not None else []
        needs_token = method != "GET" and not path.startswith(("/settings", "/login"))
        if needs_token:
            headers.append(("Authorization", f"Bearer {self.tokens[who]}"))
            uses = (*uses, ("tokens", self.tokens[who], "header", "authorization"))
        request = Request(
            method=method,
            path=path,
            query=tuple((query or {}).items()),
            headers=tuple(headers),
            body="" if body is None else json.dumps(body),
        )
        response = self.shop.send(request)
        self.exchanges.append(Exchange(index=at, request=request, response=response, user=who))
        for table, key, place, name in uses:
            self.truth.add((self.made[table, key], at, place, name))
        return json.loads(response.body)

    def note(self, who: str, table: str, key: Any) -> str:
        self.made[table, str(key)] = len(self.exchanges) - 1
        self.mine[who].setdefault(table, []).append(str(key))
        return str(key)

    def login(self, who: str) -> None:
        body = self.call(who, "POST", "/login", {"user": who, "password": "not-a-secret"})
        self.tokens[who] = body["token"]
        self.made["tokens", body["token"]] = len(self.exchanges) - 1

    def cart(self, who: str) -> str:
        return self.note(who, "carts", self.call(who, "POST", "/carts", {})["id"])

    def item(self, who: str, cart: str) -> str:
        body = {"sku": f"sku-{self.random.randint(1, 40)}", "qty": self.random.randint(1, 5)}
        made = self.call(who, "POST", f"/carts/{cart}/items", body, uses=(("carts", cart, "path", "1"),))
        key = self.note(who, "items", made["id"])
        self.mine[who].setdefault(f"cart of {key}", []).append(cart)
        return key

    def coupon(self, who: str) -> str:
        return self.note(who, "coupons", self.call(who, "POST", "/coupons", {"percent": self.random.choice((5, 10, 20))})["coupon"]["id"])

    def typed(self, key: str) -> int | str:
        return int(key) if self.shop.ids == "int" else key

    def apply(self, who: str, cart: str, coupon: str) -> None:
        self.call(
            who,
            "POST",
            f"/carts/{cart}/coupon",
            {"coupon_id": self.typed(coupon)},
            uses=(("carts", cart, "path", "1"), ("coupons", coupon, "json", "/coupon_id")),
        )

    def checkout(self, who: str, cart: str) -> str:
        made = self.call(who, "POST", f"/carts/{cart}/checkout", {}, uses=(("carts", cart, "path", "1"),))
        return self.note(who, "orders", made["id"]) if "id" in made else ""

    def put(self, who: str, table: str, key: str, what: str, body: Any) -> None:
        self.call(who, "PUT", f"/{table}/{key}/{what}", body, uses=((table, key, "path", "1"),))

    def refund(self, who: str, order: str) -> None:
        made = self.call(
            who, "POST", f"/orders/{order}/refund", {"amount": self.random.randint(1, 30)}, uses=(("orders", order, "path", "1"),)
        )
        if "refund_id" in made:
            self.note(who, "refunds", made["refund_id"])

    def look(self, who: str, table: str, key: str) -> None:
        if table == "items":
            cart = self.mine[who][f"cart of {key}"][0]
            self.call(who, "GET", f"/carts/{cart}/items/{key}", uses=(("carts", cart, "path", "1"), ("items", key, "path", "3")))
        else:
            self.call(who, "GET", f"/{table}/{key}", uses=((table, key, "path", "1"),))

    def noise(self, who: str, special: frozenset[str]) -> None:
        """One harmless request; never one that changes what the bug needs."""
        pick = self.random.random()
        mine = self.mine[who]
        usual = [cart for cart in mine.get("carts", []) if cart not in special]
        orders = [order for order in mine.get("orders", []) if order not in special]
        if pick < 0.07 or not usual:
            self.cart(who)
        elif pick < 0.22:
            self.item(who, self.random.choice(usual))
        elif pick < 0.25:
            self.coupon(who)
        elif pick < 0.28 and mine.get("coupons"):
            self.apply(who, self.random.choice(usual), self.random.choice(mine["coupons"]))
        elif pick < 0.34:
            self.checkout(who, self.random.choice(usual))
        elif pick < 0.37 and orders:
            self.call(who, "PUT", f"/settings/{self.random.choice(('theme', 'language'))}", {"value": self.random.choice(("a", "b"))})
        elif pick < 0.40 and mine.get("items"):
            key = self.random.choice(mine["items"])
            self.call(who, "POST", "/wishes", {"target": self.typed(key)}, uses=(("items", key, "json", "/target"),))
        elif pick < 0.45:
            self.call(who, "GET", "/reports", query={"kind": self.random.choice(("sales", "stock", "legacy"))})
        elif pick < 0.50:
            self.call(who, "GET", self.random.choice(("/carts", "/orders")))
        else:
            tables = [table for table in ("carts", "carts", "items", "orders", "refunds") if mine.get(table)]
            table = self.random.choice(tables)
            self.look(who, table, self.random.choice(mine[table]))


Bug = Literal["A", "B", "C"]


def record(bug: Bug, seed: int, *, ids: Ids = "uuid", length: int = 200) -> Recorded:
    """Record `length` requests; the last one fails."""
    draw = random.Random(f"{bug} {seed}")
    recorder = Recorder(shop=Shop(ids=ids, seed=seed), random=draw)
    for who in PEOPLE:
        recorder.login(who)
    essential: list[int] = []
    special: set[str] = set()
    who = draw.choice(PEOPLE)
    plan = _plans(bug, recorder, who, special)
    if bug != "B":
        essential.append(PEOPLE.index(who))
    spots = [*sorted(draw.sample(range(3, length - 1), len(plan) - 1)), length - 1]
    for at in range(3, length):
        if at in spots:
            essential.append(at)
            plan[spots.index(at)]()
        else:
            recorder.noise(draw.choice(PEOPLE), frozenset(special))
    return Recorded(exchanges=tuple(recorder.exchanges), truth=frozenset(recorder.truth), essential=frozenset(essential))


def _plans(bug: Bug, use: Recorder, who: str, special: set[str]) -> list[Callable[[], None]]:
    things: dict[str, str] = {}

    def keep(name: str, make: Callable[[], str]) -> Callable[[], None]:
        def step() -> None:
            things[name] = make()
            special.add(things[name])

        return step

    if bug == "A":
        return [
            keep("cart", lambda: use.cart(who)),
            keep("coupon", lambda: use.coupon(who)),
            lambda: use.apply(who, things["cart"], things["coupon"]),
            keep("order", lambda: use.checkout(who, things["cart"])),
            lambda: use.put(who, "orders", things["order"], "address", {"city": "Ghent"}),
            lambda: use.refund(who, things["order"]),
        ]
    if bug == "B":
        return [
            lambda: void(use.call(who, "PUT", "/settings/rounding", {"value": "bank"})),
            lambda: void(use.call(who, "PUT", "/settings/currency", {"value": "JPY"})),
            lambda: void(use.call(who, "GET", "/reports", query={"kind": "totals"})),
        ]
    adds = [lambda: void(use.item(who, things["cart"])) for _ in range(10)]
    return [
        keep("cart", lambda: use.cart(who)),
        *adds[:4],
        lambda: use.put(who, "carts", things["cart"], "gift", {}),
        *adds[4:],
        lambda: void(use.checkout(who, things["cart"])),
    ]


def void(_: object) -> None:
    """Drop a value, so that a step answers nothing."""
