"""Goal: what the tape takes back, and corporate actions, come about on request and are told.
Method: a venue in process with a data stream on its announcements, and once a real socket.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from execbot.sim.records import ALL_DATA
from execbot.sim.types import SECOND
from execbot.sim.wire.data_feed import feed_of
from execbot.sim.wire.data_stream import DataStream

CHANNELS = ("trades", "updatedBars", "imbalances", "lulds", "statuses")


class Listener:
    """A data stream that hears what the venue announces."""

    def __init__(self, bench: Any, path: str = "/v2/iex", **wanted: list[str]) -> None:
        self._venue, self._seq = bench.venue, bench.venue.outbox.seq
        now = bench.venue.clock.now()
        self.stream = DataStream(
            feed_of(path), bench.venue.market, now, headers={}, authorize=lambda key, secret: None
        )
        self.stream.open()
        self.stream.receive(json.dumps({"action": "auth", "key": "k", "secret": "s"}), now)
        self.stream.receive(json.dumps({"action": "subscribe", **wanted}), now)

    def heard(self) -> list[dict[str, Any]]:
        found = []
        for row in self._venue.records.deliveries(ALL_DATA, self._seq):
            self._seq = row.seq
            for frame in self.stream.publish(json.loads(row.frame)):
                found += json.loads(frame)
        return found


def test_a_late_trade_comes_with_its_own_time_and_updates_the_bar_of_its_minute(
    bench: Any,
) -> None:
    bench.step(200)
    listener = Listener(bench, trades=["AAPL"], updatedBars=["*"])
    minute = "2026-10-08T14:31:00Z"
    (before,) = bench.get(
        f"/v2/stocks/AAPL/bars?timeframe=1Min&start={minute}&end={minute}&feed=iex"
    )["bars"]
    late = {"symbol": "AAPL", "at": "2026-10-08T14:31:20Z", "price": 1000, "size": 50}
    assert bench.call("POST", "/sim/tape/late_trade", late).status == 200
    trade, bar = listener.heard()
    assert (trade["T"], trade["S"], trade["p"], trade["s"]) == ("t", "AAPL", 1000, 50)
    assert trade["t"] == "2026-10-08T14:31:20Z"
    assert (bar["T"], bar["t"]) == ("u", minute)
    assert (bar["h"], bar["l"], bar["o"], bar["c"]) == (
        1000, before["l"], before["o"], before["c"],
    )  # fmt: skip
    assert (bar["v"], bar["n"]) == (before["v"] + 50, before["n"] + 1)
    assert before["vw"] < bar["vw"] < 1000


def test_a_correction_names_the_print_and_what_it_should_have_been(bench: Any) -> None:
    bench.step(60)
    listener = Listener(bench, trades=["AAPL"])
    last = bench.get("/v2/stocks/AAPL/trades/latest?feed=iex")["trade"]
    bench.post("/sim/tape/correction", {"symbol": "AAPL", "price": "123.45"})
    (told,) = listener.heard()
    assert set(told) == {
        "T", "S", "x", "oi", "op", "os", "oc", "ci", "cp", "cs", "cc", "z", "t",
    }  # fmt: skip
    assert (told["T"], told["oi"], told["op"], told["os"]) == ("c", last["i"], last["p"], last["s"])
    assert (told["cp"], told["cs"]) == (123.45, last["s"]) and told["ci"] != told["oi"]


@pytest.mark.parametrize(("body", "action"), [({}, "C"), ({"error": True}, "E")])
def test_a_cancel_takes_the_last_print_back(bench: Any, body: Any, action: str) -> None:
    listener = Listener(bench, trades=["*"])
    last = bench.get("/v2/stocks/AAPL/trades/latest?feed=iex")["trade"]
    bench.post("/sim/tape/cancel", {"symbol": "AAPL", **body})
    (told,) = listener.heard()
    assert (told["T"], told["a"], told["i"], told["p"]) == ("x", action, last["i"], last["p"])


def test_an_imbalance_is_told_to_those_who_asked(bench: Any) -> None:
    deaf, listener = Listener(bench, trades=["*"]), Listener(bench, imbalances=["AAPL"])
    bench.post("/sim/tape/imbalance", {"symbol": "AAPL", "price": 99.5})
    assert deaf.heard() == []
    (told,) = listener.heard()
    assert (told["T"], told["S"], told["p"], told["z"]) == ("i", "AAPL", 99.5, "C")


def test_crypto_and_stock_streams_hear_their_own_only(bench: Any) -> None:
    bench.step(200)
    stocks = Listener(bench, trades=["*"], updatedBars=["*"])
    crypto = Listener(bench, "/v1beta3/crypto/us", trades=["*"], updatedBars=["*"])
    bench.post("/sim/tape/late_trade", {"symbol": "BTC/USD", "price": 1, "size": "0.5"})
    assert stocks.heard() == []
    assert [message["T"] for message in crypto.heard()] == ["t", "u"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("tape/late_trade", {"symbol": "AAPL", "price": 1, "size": 1, "seconds_ago": 0}),
        ("tape/late_trade", {"symbol": "AAPL", "price": 1, "size": 1, "at": "2026-10-09 10:00"}),
        ("tape/late_trade", {"symbol": "AAPL", "price": 0, "size": 1}),
        ("tape/late_trade", {"symbol": "AAPL", "price": 1}),
        ("tape/late_trade", {"symbol": "AAPL", "price": 1, "size": 1, "at": "soon"}),
        ("tape/correction", {"symbol": "BTC/USD", "price": 1}),
        ("tape/correction", {"symbol": "AAPL", "price": 0}),
        ("tape/cancel", {"symbol": "BTC/USD"}),
        ("tape/imbalance", {"symbol": "BTC/USD", "price": 1}),
        ("tape/imbalance", {"symbol": "AAPL"}),
        ("stale", {"symbol": "AAPL"}),
        ("split", {"symbol": "AAPL"}),
        ("split", {"symbol": "AAPL", "new": 1}),
        ("split", {"symbol": "AAPL", "new": -2}),
        ("split", {"symbol": "BTC/USD", "new": 2}),
        ("dividend", {"symbol": "AAPL", "amount": 0}),
        ("dividend", {"symbol": "BTC/USD", "amount": 1}),
        ("rename", {"symbol": "AAPL", "new_symbol": "AAPL"}),
        ("rename", {"symbol": "AAPL", "new_symbol": "BTC/USD"}),
        ("interest", {"key": "k", "amount": 0}),
        ("liquidate", {"key": "k"}),
    ],
)
def test_what_makes_no_sense_is_refused(bench: Any, path: str, body: Any) -> None:
    reply = bench.call("POST", f"/sim/{path}", body)
    assert reply.status == 422 and reply.json["message"]


@pytest.mark.parametrize("path", ["tape/cancel", "split", "dividend", "liquidate"])
def test_an_unknown_symbol_is_404(bench: Any, path: str) -> None:
    body = {"symbol": "NOSUCH", "new": 2, "amount": 1, "key": "k"}
    assert bench.call("POST", f"/sim/{path}", body).status == 404


# --- corporate actions -----------------------------------------------------------------------


@pytest.mark.parametrize("pinned", [False, True])
def test_a_split_moves_price_and_position_and_no_money(bench: Any, pinned: bool) -> None:
    if pinned:
        bench.post("/sim/price", {"symbol": "AAPL", "price": 200})
    bench.buy(qty="10")
    bench.step(5)
    before = bench.get("/v2/positions/AAPL")
    equity = float(bench.get("/v2/account")["equity"])
    bench.post("/sim/split", {"symbol": "AAPL", "new": 4})
    after = bench.get("/v2/positions/AAPL")
    assert after["qty"] == "40" and after["cost_basis"] == before["cost_basis"]
    price = float(before["current_price"]) / 4
    assert float(after["current_price"]) == pytest.approx(price, abs=0.01)
    assert float(bench.get("/v2/account")["equity"]) == pytest.approx(equity, abs=0.5)
    bench.step(3600)
    shown = bench.get("/sim/price/AAPL")["quote"]
    assert float(shown["bid"]) == pytest.approx(price, rel=0.05)
    (taken, given) = bench.get("/v2/account/activities/SPLIT?direction=asc")
    assert (taken["qty"], given["qty"]) == ("-10", "40")


def test_a_split_of_a_halted_stock_is_refused(bench: Any) -> None:
    bench.post("/sim/halt", {"symbol": "AAPL"})
    reply = bench.call("POST", "/sim/split", {"symbol": "AAPL", "new": 2})
    assert (reply.status, reply.json["message"]) == (422, "AAPL is halted")


def test_dividend_interest_and_liquidation_show_in_account_and_activities(bench: Any) -> None:
    bench.buy(qty="10")
    bench.step(5)
    cash = float(bench.get("/v2/account")["cash"])
    bench.post("/sim/dividend", {"symbol": "AAPL", "amount": "0.51"})
    assert bench.post("/sim/interest", {"amount": -1})["cash"] == f"{cash + 4.1:.2f}".rstrip("0")
    kinds = {row["activity_type"] for row in bench.get("/v2/account/activities")}
    assert {"DIV", "INT", "FILL", "JNLC"} <= kinds
    (order,) = bench.post("/sim/liquidate", {})["orders"]
    bench.step(5)
    assert bench.get(f"/v2/orders/{order['id']}")["status"] == "filled"
    assert bench.get("/v2/positions") == []
    assert bench.events()[-1]["order"]["id"] == order["id"]


def test_a_renamed_stock_goes_on_at_its_price_under_the_new_name(bench: Any) -> None:
    bench.buy(qty="10")
    bench.step(5)
    before = bench.get("/v2/positions/AAPL")
    bench.post("/sim/rename", {"symbol": "AAPL", "new_symbol": "IBM"})
    (after,) = bench.get("/v2/positions")
    assert (after["symbol"], after["qty"]) == ("IBM", "10")
    assert float(after["current_price"]) == pytest.approx(float(before["current_price"]), rel=1e-3)
    assert bench.get("/v2/assets/AAPL")["status"] == "inactive"
    listed = {row["symbol"]: row["status"] for row in bench.get("/v2/assets")}
    assert (listed["AAPL"], listed["IBM"]) == ("inactive", "active")
    assert bench.call("POST", "/v2/orders", {
        "symbol": "AAPL", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day",
    }).status == 422  # fmt: skip


def test_a_margin_call_shows_in_the_status(bench: Any) -> None:
    bench.post("/sim/price", {"symbol": "AAPL", "price": 100})
    bench.buy(qty="3900")
    bench.step(5)
    bench.post("/sim/price", {"symbol": "AAPL", "price": 90})
    (account,) = bench.get("/sim/status")["accounts"]
    assert (account["margin_call"], account["frozen_until"]) == (None, None)
    bench.step(86_400)
    (account,) = bench.get("/sim/status")["accounts"]
    assert account["margin_call"]["due"] and account["frozen_until"] is None


def test_all_of_it_survives_a_dump(bench: Any) -> None:
    bench.buy(qty="10")
    bench.step(5)
    bench.post("/sim/split", {"symbol": "AAPL", "new": 4})
    bench.post("/sim/stale", {"symbol": "BTC/USD"})
    position = bench.get("/v2/positions/AAPL")
    bench.venue.load(json.loads(json.dumps(bench.venue.dump())))
    assert bench.get("/v2/positions/AAPL") == position
    assert bench.venue.clock.now() % SECOND == 0
    order = {"symbol": "BTC/USD", "qty": "0.1", "side": "buy", "type": "market"}
    made = bench.post("/v2/orders", {**order, "time_in_force": "gtc"})
    bench.step(1)
    assert bench.get(f"/v2/orders/{made['id']}")["status"] == "canceled"
