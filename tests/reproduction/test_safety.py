from __future__ import annotations

import pytest

from bridge.errors import GateError, RefusedError
from bridge.model.exchange import Request, Response
from bridge.reproduction.safety import Rules, check_answer, check_request, check_target, danger, fresh
from bridge.reproduction.scan import require_clean

RULES = Rules(allow=("staging.example.test", "127.0.0.1:8765"), refused=("shop.example.com", "*.prod.example.com"), writes=True)


@pytest.mark.parametrize("url", ["https://staging.example.test/a", "http://127.0.0.1:8765", "http://STAGING.example.test:8080/x"])
def test_allowed(url: str) -> None:
    check_target(url, RULES)


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example.com/a",
        "https://a.prod.example.com",
        "http://127.0.0.1:9999",
        "https://staging.example.test.evil.example",
        "https://user:word@staging.example.test/",
        "ftp://staging.example.test",
        "//staging.example.test",
        "https://staging.example.test@evil.example/",
        "file:///etc/passwd",
    ],
)
def test_refused(url: str) -> None:
    with pytest.raises(RefusedError):
        check_target(url, RULES)


def test_a_recorded_host_is_refused_even_where_it_is_on_the_allow_list() -> None:
    rules = Rules(allow=("shop.example.com",), refused=("shop.example.com",))
    with pytest.raises(RefusedError, match="recording"):
        check_target("https://shop.example.com/", rules)


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/payments/1", "read"),
        ("POST", "/reports", "write"),
        ("DELETE", "/reports/1", "delete"),
        ("POST", "/orders/1/refund", "money"),
        ("POST", "/reports/1/shares", "message"),
        ("PUT", "/webhooks/1", "message"),
    ],
)
def test_danger(method: str, path: str, kind: str) -> None:
    assert danger(Request(method=method, path=path)) == kind


def test_writes_need_a_setting_and_dangerous_routes_a_confirmation_each() -> None:
    write, delete = Request(method="POST", path="/reports"), Request(method="DELETE", path="/reports/1")
    check_request(write, RULES, "POST /reports")
    with pytest.raises(RefusedError):
        check_request(write, Rules(allow=()), "POST /reports")
    with pytest.raises(RefusedError, match="not confirmed"):
        check_request(delete, RULES, "DELETE /reports/{report}")
    check_request(delete, Rules(allow=(), writes=True, confirmed=frozenset({"DELETE /reports/{report}"})), "DELETE /reports/{report}")


def test_a_busy_target_stops_it_and_a_redirect_may_not_leave() -> None:
    for status in (429, 503):
        with pytest.raises(RefusedError, match=str(status)):
            check_answer(Response(status=status), "x", RULES)
    check_answer(Response(status=302, headers=(("Location", "/login"),)), "x", RULES)
    check_answer(Response(status=302, headers=(("Location", "https://staging.example.test/b"),)), "x", RULES)
    with pytest.raises(RefusedError):
        check_answer(Response(status=302, headers=(("Location", "//shop.example.com/b"),)), "x", RULES)


def test_keys_that_may_be_used_once_are_made_anew() -> None:
    request = Request(
        method="POST",
        path="/",
        headers=(("Content-Type", "application/json"), ("Idempotency-Key", "old")),
        body='{"nonce": "old", "name": "old"}',
    )
    made = fresh(request, lambda: "new")
    assert made.header("idempotency-key") == "new"
    assert made.body == '{"nonce": "new", "name": "old"}'


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer " + "abcd1234" * 4,
        '{"password": "' + "letmein" + '9"}',
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        "https://kim:" + "word@staging.example.test/",
        "x = '" + "q8Zr2LxT0vWn5KpJ7sYb3MfC9dHg" + "'",
    ],
)
def test_what_looks_like_a_secret_keeps_every_artefact_from_being_written(text: str) -> None:
    with pytest.raises(GateError) as caught:
        require_clean({"fine.txt": "nothing", "reproduce.sh": f"ok\n{text}\n"})
    assert caught.value.problems[0].where == "reproduce.sh:2"
    assert "word@" not in str(caught.value.problems)


def test_holes_ids_and_stand_ins_are_no_secrets() -> None:
    require_clean(
        {
            "a": '{"password": "${password}"}\nAuthorization: Bearer ${token}\nBearer cred-' + "0a" * 12,
            "b": "/reports/0b6e5a1c-44cd-4c39-9d1c-5f7fb0a1f0aa/report_02ac9f81b3",
        }
    )


def test_the_target_s_own_password_is_looked_for_by_value() -> None:
    with pytest.raises(GateError):
        require_clean({"a": "x staging-word y"}, ("staging-word",))
