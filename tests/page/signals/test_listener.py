"""Goal: from a POST to the order at the exchange, once; and nothing is told to who should not know.

One exchange and one process of the page serve all tests here.
"""

from __future__ import annotations

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from page.signals.listening import BEARER, SECRET, Doors, value_of
from page.signals.making import body
from support.processes import Server, done, execbot
from support.waiting import PATIENCE_SECONDS, eventually
from websockets.sync.client import connect

TEMPLATE = Path(__file__).parents[3] / "examples" / "tradingview-alert.json"


def alert(**changed: str) -> bytes:
    """The shipped template, filled as TradingView does, at the moment."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    filled = {
        "ticker": "IBM",
        "exchange": "NYSE",
        "interval": "5",
        "time": now,
        "timenow": now,
        "action": "buy",
        "order_id": "Long",
        "position": "long",
        "price": "100",
        "previous_position": "flat",
        **changed,
    }
    text = TEMPLATE.read_text().replace("EXECBOT_SIGNALS_SECRET", SECRET)
    template = json.loads(text)
    return json.dumps({name: filled.get(name, old) for name, old in template.items()}).encode()


def orders_of(served: Server, signal_id: str) -> list[dict[str, Any]]:
    return [o for o in served.orders() if f"execbot-signal-{signal_id}" in o["client_order_id"]]


def test_a_signal_becomes_one_order_and_its_repeat_none(served: Server, doors: Doors) -> None:
    first = doors.post(body(id="one", qty=3))
    assert first.status == 202
    assert (first.data["id"], first.data["result"]) == ("one", "/signals/one")
    assert first.data["requests_per_minute"] == 200
    done = doors.outcome("one")
    assert done["data"]["client_order_id"] == "execbot-signal-one"
    again = doors.post(body(id="one", qty=3))
    assert (again.status, again.data["status"]) == (200, "repeated")
    assert eventually(lambda: doors.state("one")["outcome"] == "filled")
    assert [o["qty"] for o in orders_of(served, "one")] == ["3"]
    # The command line knows it too: one id, whoever says it.
    same = execbot(
        ["signal", "AAPL", "buy", "--strength", "82", "--id", "one", "--json"], doors.env
    )
    assert same.data["reason"] == "signal.repeated"


def test_a_structure_becomes_one_order_of_its_legs_and_its_repeat_none(
    served: Server, doors: Doors
) -> None:
    low, high, *_ = execbot(
        ["option", "chain", "AAPL", "--near", "3", "--calls", "--json"], doors.env
    ).data
    wish = {
        "id": "wings", "strength": 82, "qty": 1,
        "debit": str(Decimal(low["ask"]) - Decimal(high["bid"])),
        "legs": [
            {"symbol": low["symbol"], "side": "buy"},
            {"symbol": high["symbol"], "side": "sell"},
        ],
    }  # fmt: skip
    spoilt = doors.post(json.dumps({**wish, "legs": wish["legs"][:1]}).encode())  # type: ignore[index]
    assert (spoilt.status, spoilt.data["field"]) == (422, "legs")
    assert doors.post(json.dumps(wish).encode()).status == 202
    assert doors.outcome("wings")["data"]["client_order_id"] == "execbot-signal-wings"
    assert doors.post(json.dumps(wish).encode()).data["status"] == "repeated"
    [order] = orders_of(served, "wings")
    assert order["order_class"] == "mleg"
    assert Decimal(order["limit_price"]) == Decimal(str(wish["debit"]))


def test_what_becomes_of_a_signal_is_an_event_of_the_page(doors: Doors) -> None:
    address, token = doors.link.removeprefix("http://").split("/#token=")
    bearer = {"Authorization": f"Bearer {token}"}
    with connect(f"ws://{address}/live", additional_headers=bearer) as page:
        assert doors.post(body(id="shown", strength=1)).status == 202
        seen = ""
        while "signal.weak" not in seen:
            seen += str(page.recv(timeout=PATIENCE_SECONDS))
    assert "signal buy AAPL (shown) came" in seen


def test_the_same_content_without_an_id_is_answered_with_the_first_id(doors: Doors) -> None:
    weak = body(strength=1, symbol="MSFT")
    first, again = doors.post(weak), doors.post(weak)
    assert (first.status, again.status) == (202, 200)
    assert again.data["id"] == first.data["id"]
    assert doors.outcome(first.data["id"])["reason"] == "signal.weak"


def test_tradingview_with_its_content_type_and_its_contradiction(
    served: Server, doors: Doors
) -> None:
    text = {"Content-Type": "text/plain; charset=utf-8"}
    sent = alert()
    assert doors.post(sent, text).status == 202
    assert doors.post(sent, text).status == 200
    missed = alert(order_id="Exit", action="sell", position="flat", previous_position="short")
    answer = doors.post(missed, text)
    assert answer.status == 202
    done = doors.outcome(answer.data["id"])
    assert (done["outcome"], done["reason"]) == ("not_sent", "signal.contradicts")
    assert len([o for o in served.orders() if o["symbol"] == "IBM" and o["side"] == "sell"]) <= 1
    assert "signals.contradicts" in doors.log_text


@pytest.mark.parametrize(
    ("sent", "headers", "status", "field"),
    [
        (body(), {}, 401, None),
        (body(secret="wrong-wrong-wrong-wrong"), {}, 401, None),
        (body(), {"Authorization": f"Basic {SECRET}"}, 401, None),
        (body(strength="much"), BEARER, 422, "strength"),
        (b"buy AAPL", BEARER, 422, "body"),
        (body(created_at="2020-01-01T00:00:00Z"), BEARER, 422, "created_at"),
        (body(tier="x" * 70_000), BEARER, 413, None),
    ],
)
def test_what_is_refused_and_why(
    doors: Doors, sent: bytes, headers: dict[str, str], status: int, field: str | None
) -> None:
    answer = doors.post(sent, headers)
    assert answer.status == status
    if field is not None:
        assert answer.data["field"] == field
    if status == 401:
        assert answer.headers["www-authenticate"] == "Bearer"


def test_nothing_else_answers_there(doors: Doors) -> None:
    asked = ("GET /", "GET /signals", "PUT /signals", "GET /metrics", "POST /login", "GET /ws")
    for method, path in (words.split() for words in asked):
        assert doors.ask(method, path, {}).status in (401, 404), path
    assert doors.ask("GET", "/signals/one", {}).status == 401
    assert doors.ask("GET", "/signals/none").status == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "trade.example"}, 422),
        ({"Host": "trade.example:443"}, 422),
        ({"Host": "trade.example", "Origin": "https://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
    ],
)
def test_only_the_named_host_is_let_in(doors: Doors, headers: dict[str, str], status: int) -> None:
    answer = doors.post(b"{}", {**BEARER, **headers})
    assert answer.status == status
    if headers.get("Host") == "evil.example":
        assert "--signals-host" in answer.text


def test_the_secret_in_the_path_is_taken_too(doors: Doors) -> None:
    assert doors.post(body(id="path", strength=1), {}, path=f"/signals/{SECRET}").status == 202
    assert doors.post(body(id="path"), {}, path="/signals/guess").status == 401


def test_hundreds_at_once_are_all_taken_and_each_is_done_once(doors: Doors) -> None:
    """Weak ones: what is asked of the broker for the others bounds them, and is not the subject."""
    names = [f"many-{n}" for n in range(300)]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda n: doors.post(body(id=n, strength=2)), names))
    assert [a.status for a in answers] == [202] * 300
    assert doors.outcome(names[-1])["reason"] == "signal.weak"
    assert eventually(
        lambda: value_of(doors.scrape(), 'execbot_webhook_signals{state="waiting"}') == 0
    )
    assert all(doors.outcome(name)["repeats"] == 0 for name in names[::25])


def test_slow_and_broken_senders_do_not_hold_up_the_others(doors: Doors) -> None:
    host, port = doors.signals.split(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(50)]
    for one in slow:
        one.sendall(b"POST /signals HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 500\r\n\r\n{")
    assert doors.post(body(id="beside", strength=1)).status == 202
    for one in slow:
        one.close()


def test_the_secret_is_in_nothing_that_was_kept_or_said(doors: Doors) -> None:
    """Runs last of those that send it; whatever lies in the home of this trader."""
    for path in doors.home.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path
    log = doors.log_text
    assert len(re.findall(r"signals\.wrong_secret", log)) <= 2  # at most one a minute
    assert "wrong-wrong" not in log


LONG = 'execbot_positions{side="long"}'


def long_held(doors: Doors) -> int:
    return sum(row["side"] == "long" for row in done(doors.env, "positions"))


def test_metrics_count_what_was_taken_and_what_came_of_it(doors: Doors) -> None:
    before = doors.scrape()
    assert doors.post(body(id="counted", symbol="KO", qty=1)).status == 202
    assert doors.post(body(id="counted", symbol="KO", qty=1)).status == 200
    assert doors.post(body(id="guess"), {}).status == 401
    assert eventually(lambda: doors.state("counted")["outcome"] == "filled")
    text = doors.scrape()
    answers = [f'webhook_deliveries_total{{status="{status}"}}' for status in (200, 202, 401)]
    for series in answers:
        assert value_of(text, f"execbot_{series}") == value_of(before, f"execbot_{series}") + 1
    # What other tests have sent to this account fills when it will.
    assert eventually(lambda: value_of(doors.scrape(), LONG) == long_held(doors))
    assert value_of(text, "execbot_journal_readable") == 1


def test_a_second_listener_of_the_account_says_who_is_there(doors: Doors) -> None:
    second = execbot(["page", "127.0.0.1:0", "--signals", "127.0.0.1:0", "--json"], doors.env)
    assert second.code == 9, second.err
    assert second.error["kind"] == "signals.already_running"
