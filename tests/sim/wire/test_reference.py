"""Goal: watchlists, news, screener, corporate actions as clients use them; what is absent says so.

Method: one exchange in this process, asked as over the wire; the stream as its state machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from execbot.sim.config import SimConfig
from execbot.sim.doors.transport import InProcess
from execbot.sim.times import parse_time
from execbot.sim.types import SECOND
from execbot.sim.venue import Venue
from execbot.sim.wire.data_feed import feed_of
from execbot.sim.wire.data_stream import DataStream

KEYS = {"APCA-API-KEY-ID": "someone", "APCA-API-SECRET-KEY": "x"}
START = "2026-10-08 11:30"


class Asked:
    """Requests to one exchange whose clock stands."""

    def __init__(self, **settings: Any) -> None:
        settings = {"at": START, "speed": 0, "calendar": "exchange", **settings}
        self.venue = Venue(SimConfig.of(settings))
        self._door = InProcess(self.venue)

    def __call__(self, method: str, path: str, body: Any = None, key: str = "someone") -> Any:
        """Status and body."""
        raw = None if body is None else json.dumps(body).encode()
        headers = {**KEYS, "APCA-API-KEY-ID": key}
        status, self.headers, answer = self._door.request(method, path, headers, raw)
        return status, json.loads(answer) if answer else None

    def good(self, method: str, path: str, body: Any = None) -> Any:
        status, found = self(method, path, body)
        assert status == 200, found
        return found


@pytest.fixture(scope="module")
def ask() -> Iterator[Asked]:
    yield Asked()


# --- watchlists -----------------------------------------------------------------------------------


def test_a_watchlist_lives_through_every_verb(ask: Asked) -> None:
    made = ask.good("POST", "/v2/watchlists", {"name": "tech", "symbols": ["AAPL", "MSFT", "AAPL"]})
    assert [row["symbol"] for row in made["assets"]] == ["AAPL", "MSFT"]
    by_id, by_name = f"/v2/watchlists/{made['id']}", "/v2/watchlists:by_name?name=tech"
    assert ask.good("GET", by_id) == ask.good("GET", by_name) == made
    assert "assets" not in ask.good("GET", "/v2/watchlists")[0]
    assert symbols(ask.good("POST", by_id, {"symbol": "ko"})) == ["AAPL", "MSFT", "KO"]
    assert symbols(ask.good("POST", by_name, {"symbol": "KO"})) == ["AAPL", "MSFT", "KO"]
    assert symbols(ask.good("DELETE", f"{by_id}/MSFT")) == ["AAPL", "KO"]
    assert symbols(ask.good("PUT", by_name, {"name": "tech", "symbols": ["F"]})) == ["F"]
    assert ask.good("PUT", by_id, {"name": "cars"})["name"] == "cars"
    assert ask("GET", by_name)[0] == 404
    assert ask("DELETE", by_id) == (204, None)
    assert ask("GET", by_id)[0] == 404
    assert ask.good("GET", "/v2/watchlists") == []


def symbols(watchlist: Any) -> list[str]:
    return [row["symbol"] for row in watchlist["assets"]]


def test_watchlists_refuse_what_makes_no_sense_and_are_the_accounts_own(ask: Asked) -> None:
    kept = ask.good("POST", "/v2/watchlists", {"name": "mine"})
    for body in ({"name": "mine"}, {"name": ""}, {"name": "x", "symbols": ["NOSUCH"]}, {}):
        status, found = ask("POST", "/v2/watchlists", body)
        assert status == 422 and found["message"], body
    assert ask("GET", f"/v2/watchlists/{kept['id']}", key="another")[0] == 404
    assert ask("DELETE", f"/v2/watchlists/{kept['id']}/AAPL")[0] == 404


def test_watchlists_are_part_of_the_exchanges_state(ask: Asked) -> None:
    kept = ask.good("POST", "/v2/watchlists", {"name": "kept", "symbols": ["AAPL"]})
    again = Venue(ask.venue.config, state=json.loads(json.dumps(ask.venue.dump())))
    assert again.watchlists == ask.venue.watchlists
    assert any(kept["id"] in lists for lists in again.watchlists.values())


# --- news -----------------------------------------------------------------------------------------


def test_news_pages_join_without_gap_or_double(ask: Asked) -> None:
    query = "start=2026-10-07&limit=17&include_content=true"
    whole: list[Any] = []
    token = ""
    while token is not None:
        page = ask.good("GET", f"/v1beta1/news?{query}&page_token={token}")
        whole += page["news"]
        token = page["next_page_token"]
    times = [row["created_at"] for row in whole]
    assert times == sorted(times, reverse=True) and len({row["id"] for row in whole}) == len(whole)
    assert len(whole) > 150  # one in ten minutes, since midnight of the day before
    oldest_first = ask.good("GET", "/v1beta1/news?start=2026-10-07&sort=asc&limit=5")["news"]
    assert [row["id"] for row in oldest_first] == [row["id"] for row in reversed(whole[-5:])]
    now = parse_time(START)
    assert all(parse_time(time) <= now for time in times)


def test_news_of_symbols_are_about_them_and_follow_from_the_seed(ask: Asked) -> None:
    some = ask.good("GET", "/v1beta1/news?start=2026-09-01&symbols=AAPL,BTC/USD&limit=3")["news"]
    assert len(some) == 3
    assert all({"AAPL", "BTCUSD"} & set(row["symbols"]) for row in some)
    path = "/v1beta1/news?start=2026-10-07&limit=5"
    assert ask.good("GET", path) == Asked().good("GET", path) != Asked(seed=1).good("GET", path)
    assert ask("GET", "/v1beta1/news?limit=51")[0] == 400


def test_the_news_stream_tells_the_same_articles_as_the_history(ask: Asked) -> None:
    feed = feed_of("/v1beta1/news")
    assert feed is not None
    start = parse_time(START)
    stream = DataStream(
        feed, ask.venue.market, start, headers={}, authorize=lambda key, secret: None
    )
    stream.open()
    stream.receive(json.dumps({"action": "auth", "key": "k", "secret": "s"}), start)
    [said] = stream.receive(json.dumps({"action": "subscribe", "news": ["*"]}), start)
    assert json.loads(said) == [{"T": "subscription", "news": ["*"]}]
    told = [row for frame in stream.advance(start + 3600 * SECOND) for row in json.loads(frame)]
    later = Asked(at="2026-10-08 12:30")
    listed = later.good("GET", "/v1beta1/news?start=2026-10-08T15:30:00Z&sort=asc&limit=50")
    assert [row["id"] for row in told] == [row["id"] for row in listed["news"]] and len(told) == 6
    assert all(row["T"] == "n" and row["headline"] and row["symbols"] for row in told)


# --- screener -------------------------------------------------------------------------------------


def test_the_screener_ranks_the_market_as_it_is() -> None:
    ask = Asked()
    ask.good("POST", "/sim/price", {"symbol": "KO", "price": 500})
    ask.good("POST", "/sim/clock", {"step": 60})
    moved = ask.good("GET", "/v1beta1/screener/stocks/movers?top=3")
    assert moved["gainers"][0]["symbol"] == "KO" and moved["gainers"][0]["price"] == 500
    assert all(row["change"] < 0 for row in moved["losers"])
    percents = [row["percent_change"] for row in moved["gainers"]]
    assert percents == sorted(percents, reverse=True) and len(percents) <= 3
    close = ask.good("GET", "/v2/stocks/bars?symbols=KO&timeframe=1Day&start=2026-10-07")
    [before, *_] = close["bars"]["KO"]
    assert moved["gainers"][0]["change"] == pytest.approx(500 - before["c"])
    active = ask.good("GET", "/v1beta1/screener/stocks/most-actives?by=trades&top=4")
    counts = [row["trade_count"] for row in active["most_actives"]]
    assert len(counts) == 4 and counts == sorted(counts, reverse=True)
    coins = ask.good("GET", "/v1beta1/screener/crypto/movers")
    assert all("/" in row["symbol"] for row in coins["gainers"] + coins["losers"])
    for path in ("stocks/movers?top=51", "bonds/movers", "stocks/most-actives?by=price"):
        assert ask("GET", f"/v1beta1/screener/{path}")[0] == 400, path


# --- corporate actions ----------------------------------------------------------------------------


def test_corporate_actions_that_were_told_are_listed_by_both_apis() -> None:
    ask = Asked()
    for path, body in (
        ("split", {"symbol": "AAPL", "new": 4}),
        ("split", {"symbol": "F", "new": 1, "old": 8}),
        ("dividend", {"symbol": "KO", "amount": "0.51"}),
        ("rename", {"symbol": "INTC", "new_symbol": "IBM"}),
        ("merger", {"symbol": "PFE", "new_symbol": "MRK", "rate": "0.5", "cash": 3}),
        ("merger", {"symbol": "BAC", "cash": 40}),
        ("spinoff", {"symbol": "GE", "new_symbol": "CSCO", "rate": "0.2"}),
    ):
        ask.good("POST", f"/sim/{path}", body)
    found = ask.good("GET", "/v1/corporate-actions")["corporate_actions"]
    assert {kind: len(rows) for kind, rows in found.items()} == dict.fromkeys(
        ("forward_splits", "reverse_splits", "cash_dividends", "name_changes",
         "stock_and_cash_mergers", "cash_mergers", "spin_offs"), 1,
    )  # fmt: skip
    [split] = found["forward_splits"]
    assert (split["symbol"], split["new_rate"], split["old_rate"]) == ("AAPL", 4, 1)
    assert found["cash_dividends"][0]["rate"] == 0.51
    assert found["cash_dividends"][0]["ex_date"] == "2026-10-08"
    only = ask.good("GET", "/v1/corporate-actions?symbols=MRK&types=stock_and_cash_merger,spin_off")
    assert list(only["corporate_actions"]) == ["stock_and_cash_mergers"]
    assert ask.good("GET", f"/v1/corporate-actions?ids={split['id']}")["corporate_actions"] == {
        "forward_splits": [split]
    }
    pages, token = 0, ""
    while token is not None:
        page = ask.good("GET", f"/v1/corporate-actions?limit=2&page_token={token}")
        pages, token = pages + 1, page["next_page_token"]
    assert pages == 4
    since = "since=2026-10-01&until=2026-10-31"
    path = "/v2/corporate_actions/announcements"
    listed = ask.good("GET", f"{path}?ca_types=Dividend,Split,merger,spinoff&{since}")
    assert sorted(row["ca_type"] for row in listed) == [
        "dividend", "merger", "merger", "spinoff", "split", "split",
    ]  # fmt: skip
    [paid] = ask.good("GET", f"{path}?ca_types=dividend&{since}&symbol=KO")
    assert paid["cash"] == "0.51"
    one = ask.good("GET", f"{path}/{paid['id']}")
    assert one.items() <= paid.items() and one["cash"] == "0.51"
    assert ask("GET", f"{path}/none")[0] == 404
    assert ask("GET", f"{path}?ca_types=dividend&since=2026-01-01&until=2026-12-31")[0] == 422
    again = Venue(ask.venue.config, state=json.loads(json.dumps(ask.venue.dump())))
    assert again.market.corporate.dump() == ask.venue.market.corporate.dump()


# --- what is absent, HEAD, and a form of OCO ------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/v2/wallets", "wallets"),
        ("/v2/wallets/transfers", "deposit"),
        ("/v2/transfers", "deposit"),
        ("/v1/accounts", "broker API"),
        ("/v1/accounts/x/transfers", "broker API"),
        ("/v1beta1/forex/latest/rates", "currencies"),
        ("/v1beta1/logos/AAPL", "logos"),
    ],
)
def test_what_is_not_served_says_why(ask: Asked, path: str, word: str) -> None:
    status, found = ask("GET", path)
    assert status == 404 and word in found["message"], found


def test_head_is_a_get_without_its_body(ask: Asked) -> None:
    assert ask("HEAD", "/v2/account") == (200, None)
    assert "X-Request-ID" in ask.headers
    assert ask("HEAD", "/v2/positions/AAPL") == (404, None)
    assert ask("HEAD", "/v2/stocks/bars/latest?symbols=AAPL") == (200, None)


def test_an_oco_with_prices_beside_its_legs_is_taken_unless_it_is_switched_off() -> None:
    form = {
        "symbol": "AAPL", "qty": "1", "side": "sell", "type": "limit", "time_in_force": "gtc",
        "order_class": "oco", "limit_price": "900", "stop_price": "10",
        "take_profit": {"limit_price": "900"}, "stop_loss": {"stop_price": "10"},
    }  # fmt: skip
    for taken in (True, False):
        ask = Asked(exchange={"oco_prices_beside_legs": taken})
        buy = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "market"}
        ask.good("POST", "/v2/orders", {**buy, "time_in_force": "day"})
        ask.good("POST", "/sim/clock", {"step": 5})
        status, found = ask("POST", "/v2/orders", form)
        assert status == (200 if taken else 422), found
        if taken:
            assert (found["limit_price"], found["stop_price"]) == ("900", None)
            assert found["legs"][0]["stop_price"] == "10"
