"""Goal: the server keeps Alpaca's published description, and each difference is meant.

Method: a trading day of requests over sockets, every reply checked by openapi-core against the
OpenAPI files (EXECBOT_ALPACA_SPECS), every field of every reply compared with the description.
What differs must be in `deviations.py`, and what is there must differ. Every operation is answered
or left out with a reason, as docs/exchange.md lists them.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from sim import coverage
from sim.deviations import DATA_DEVIATIONS, TRADING_DEVIATIONS
from sim.openapi import Contract, Deviation, Finding
from support.paths import alpaca_facts

KEY, SECRET = "contract", "secret"


class Trader:
    """Asks operations by name and shows each reply to the contract."""

    def __init__(self, server: Any, contract: Contract) -> None:
        self.contract = contract
        where = urlsplit(server["rest"])
        self._connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=60)

    def ask(self, operation: str, body: Any = None, status: int = 200, **args: Any) -> Any:
        """One request; `args` fill the path, `query` is the query."""
        query = args.pop("query", {})
        method, target = self.contract.target(operation, args, query)
        answer = self.raw(method, target, body)
        assert answer[0] == status, (operation, answer)
        self.contract.check(operation, target, *answer)
        return json.loads(answer[2]) if answer[2] else None

    def raw(self, method: str, target: str, body: Any = None) -> tuple[int, Any, bytes]:
        headers = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET}
        raw = None if body is None else json.dumps(body).encode()
        self._connection.request(method, target, body=raw, headers=headers)
        reply = self._connection.getresponse()
        return reply.status, dict(reply.headers), reply.read()

    def control(self, path: str, body: Any) -> None:
        status, _, answer = self.raw("POST", f"/sim/{path}", body)
        assert status == 200, answer

    def buy(self, **fields: Any) -> Any:
        order = {"symbol": "AAPL", "qty": "10", "side": "buy", "type": "market"}
        return self.ask("postOrder", {**order, "time_in_force": "day", **fields})


@pytest.fixture
def trader_of(serve: Callable[..., Any]) -> Iterator[Callable[[str], Trader]]:
    facts = alpaca_facts()
    server = serve(seed=4, at="2026-10-08 10:30", speed=0, calendar="exchange")

    def make(name: str) -> Trader:
        spec = json.loads((facts / "openapi" / name).read_text())
        return Trader(server, Contract(spec, server["rest"]))

    yield make


def test_trading_operations_keep_the_description(
    trader_of: Callable[[str], Trader], capsys: pytest.CaptureFixture[str]
) -> None:
    trader = trader_of("trading-api.json")
    _orders_of_every_kind(trader)
    _refusals(trader)
    _account_and_market(trader)
    _positions(trader)
    _watchlists(trader)
    _corporate_actions(trader)
    _contracts(trader)
    _judge(trader.contract, TRADING_DEVIATIONS, capsys)
    _every_operation_is_covered_or_left_out(trader)


def test_market_data_operations_keep_the_description(
    trader_of: Callable[[str], Trader], capsys: pytest.CaptureFixture[str]
) -> None:
    trader = trader_of("market-data-api.json")
    _stock_data(trader)
    _crypto_data(trader)
    _news_and_screener(trader)
    _option_data(trader)
    _judge(trader.contract, DATA_DEVIATIONS, capsys)
    _every_operation_is_covered_or_left_out(trader)


def _judge(
    contract: Contract,
    deviations: tuple[Deviation, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    findings = contract.findings()
    silent = [f for f in findings if not any(d.covers(f) for d in deviations)]
    stale = [d for d in deviations if not any(d.covers(f) for f in findings)]
    sent, described = contract.fields_covered()
    with capsys.disabled():
        print(
            f"\n{contract.spec['info']['title']}: "
            f"{coverage.totals(list(coverage.operations(contract.spec)))}; "
            f"{sent} of {described} fields of these, {len(deviations)} listed deviations"
        )
    assert not silent, "\n".join(sorted(map(str, silent)))
    assert not stale, "\n".join(map(str, stale))


def _every_operation_is_covered_or_left_out(trader: Trader) -> None:
    """What the page calls covered was asked for with success, and all else says 404 and why."""
    rows = list(coverage.operations(trader.contract.spec))
    succeeded = {name for name, seen in trader.contract.statuses.items() if min(seen) < 300}
    assert succeeded == {row.name for row in rows if not row.left_out}
    for row in rows:
        if row.left_out:
            path = "/".join("x" if part.startswith("{") else part for part in row.path.split("/"))
            status, _, body = trader.raw(row.method, path, {} if row.method != "GET" else None)
            assert status == 404, (row, status, body)
            assert row.left_out in json.loads(body)["message"], (row, body)


def _orders_of_every_kind(trader: Trader) -> None:
    trader.control("price", {"symbol": "AAPL", "price": 100})
    trader.buy()
    trader.buy(symbol="MSFT", qty=None, notional="250")
    trader.buy(symbol="BTC/USD", qty="0.01", time_in_force="gtc")
    trader.control("clock", {"step": 5})
    trader.buy(type="limit", limit_price="90", time_in_force="gtc", client_order_id="one")
    bracket = trader.buy(
        qty="2",
        order_class="bracket",
        take_profit={"limit_price": "120"},
        stop_loss={"stop_price": "80", "limit_price": "79"},
    )
    trader.buy(symbol="KO", qty="1", type="trailing_stop", trail_percent="5")
    trader.buy(symbol="F", qty="1", type="stop_limit", stop_price="900", limit_price="901")
    trader.control("clock", {"step": 5})
    for query in (
        {},
        {"status": "all", "limit": "500", "nested": "true"},
        {"status": "closed", "direction": "asc"},
        {"symbols": "AAPL,KO", "side": "buy"},
    ):
        trader.ask("getAllOrders", query=query)
    order = trader.ask("getOrderByClientOrderId", query={"client_order_id": "one"})
    order_id = order["id"]
    trader.ask("getOrderByOrderID", order_id=order_id)
    trader.ask("getOrderByOrderID", order_id=bracket["id"], query={"nested": "true"})
    changed = trader.ask("patchOrderByOrderId", {"limit_price": "89"}, order_id=order_id)
    trader.control("clock", {"step": 5})
    trader.ask("deleteOrderByOrderID", order_id=changed["id"], status=204)


def _refusals(trader: Trader) -> None:
    order = {"symbol": "AAPL", "qty": "0", "side": "buy", "type": "market", "time_in_force": "day"}
    trader.ask("postOrder", order, status=422)
    trader.ask("postOrder", {**order, "qty": "100000000"}, status=403)
    trader.ask("get-v2-assets-symbol_or_asset_id", symbol_or_asset_id="NOSUCH", status=404)


def _account_and_market(trader: Trader) -> None:
    trader.control("deposit", {"amount": "500", "key": KEY})
    trader.control("split", {"symbol": "MSFT", "new": 2})
    trader.control("dividend", {"symbol": "MSFT", "amount": "0.75"})
    trader.control("interest", {"amount": "-0.25", "key": KEY})
    trader.ask("getAccount")
    trader.ask("getAccountConfig")
    trader.ask("patchAccountConfig", {"no_shorting": False})
    trader.ask("getAccountActivities", query={"activity_types": "FILL", "page_size": "2"})
    trader.ask("getAccountActivities")
    trader.ask("getAccountActivitiesByActivityType", activity_type="FILL")
    for kind in ("CSD", "SPLIT", "DIV", "INT"):
        trader.ask("getAccountActivitiesByActivityType", activity_type=kind)
    for query in ({}, {"period": "1D", "timeframe": "5Min"}, {"period": "1M", "timeframe": "1D"}):
        trader.ask("getAccountPortfolioHistory", query=query)
    trader.ask("get-v2-assets", query={"status": "active", "asset_class": "us_equity"})
    trader.ask("get-v2-assets", query={"asset_class": "crypto"})
    trader.ask("get-v2-assets-symbol_or_asset_id", symbol_or_asset_id="AAPL")
    trader.ask("get-v2-assets-symbol_or_asset_id", symbol_or_asset_id="BTC/USD")
    trader.ask("LegacyClock")
    trader.ask("LegacyCalendar", query={"start": "2026-11-20", "end": "2026-12-31"})
    trader.ask("Clock", query={"markets": "NYSE"})
    trader.ask("Calendar", market="NYSE", query={"start": "2026-11-20", "end": "2026-12-31"})


def _positions(trader: Trader) -> None:
    trader.ask("getAllOpenPositions")
    trader.ask("getOpenPosition", symbol_or_asset_id="AAPL")
    trader.ask("deleteAllOrders", status=207)
    trader.control("clock", {"step": 5})
    trader.ask("deleteOpenPosition", symbol_or_asset_id="AAPL", query={"qty": "1"})
    trader.control("clock", {"step": 5})
    trader.ask("deleteAllOpenPositions", query={"cancel_orders": "true"}, status=207)


def _watchlists(trader: Trader) -> None:
    made = trader.ask("postWatchlist", {"name": "one", "symbols": ["AAPL", "BTC/USD"]})
    trader.ask("getWatchlists")
    by_id, by_name = {"watchlist_id": made["id"]}, {"query": {"name": "one"}}
    trader.ask("getWatchlistById", **by_id)
    trader.ask("getWatchlistByName", **by_name)
    trader.ask("addAssetToWatchlist", {"symbol": "MSFT"}, **by_id)
    trader.ask("addAssetToWatchlistByName", {"symbol": "KO"}, **by_name)
    trader.ask("removeAssetFromWatchlist", symbol="KO", **by_id)
    trader.ask("updateWatchlistById", {"name": "one", "symbols": ["F"]}, **by_id)
    trader.ask("updateWatchlistByName", {"name": "one", "symbols": ["AAPL"]}, **by_name)
    trader.ask("deleteWatchlistByName", status=204, **by_name)
    made = trader.ask("postWatchlist", {"name": "two"})
    trader.ask("deleteWatchlistById", status=204, watchlist_id=made["id"])


def _corporate_actions(trader: Trader) -> None:
    span = {"since": "2026-10-01", "until": "2026-10-31", "ca_types": "Split,Dividend"}
    found = trader.ask("get-v2-corporate_actions-announcements", query=span)
    assert len(found) == 2
    trader.ask("get-v2-corporate_actions-announcements-id", id=found[0]["id"])


def _news_and_screener(trader: Trader) -> None:
    trader.ask("News", query={"start": "2026-10-01", "limit": "5", "include_content": "true"})
    trader.ask("MostActives", query={"top": "3"})
    for market in ("stocks", "crypto"):
        trader.ask("Movers", market_type=market, query={"top": "3"})
    for path, body in (
        ("split", {"symbol": "MSFT", "new": 2}),
        ("split", {"symbol": "F", "new": 1, "old": 8}),
        ("dividend", {"symbol": "KO", "amount": "0.75"}),
        ("rename", {"symbol": "INTC", "new_symbol": "IBM"}),
        ("merger", {"symbol": "PFE", "new_symbol": "MRK", "rate": "0.5", "cash": 3}),
        ("merger", {"symbol": "BAC", "cash": 40}),
        ("merger", {"symbol": "WMT", "new_symbol": "TGT", "rate": "0.5"}),
        ("spinoff", {"symbol": "GE", "new_symbol": "CSCO", "rate": "0.2"}),
    ):
        trader.control(path, body)
    trader.ask("CorporateActions")


def _contracts(trader: Trader) -> None:
    """An order in two contracts, one exercised, one abandoned on its last day."""
    trader.ask("get-options-contracts")
    found = trader.ask(
        "get-options-contracts",
        query={"underlying_symbols": "AAPL", "show_deliverables": "true", "limit": "3"},
    )
    first = found["option_contracts"][0]["id"]
    trader.ask("get-option-contract-symbol_or_id", symbol_or_id=first)
    trader.ask("get-option-contract-symbol_or_id", symbol_or_id="NOSUCH", status=404)
    low, high = "AAPL261009C00090000", "AAPL261009C00095000"
    legs = [
        {"symbol": low, "ratio_qty": "2", "side": "buy", "position_intent": "buy_to_open"},
        {"symbol": high, "ratio_qty": "1", "side": "sell", "position_intent": "sell_to_open"},
    ]
    order = {"order_class": "mleg", "qty": "1", "type": "market", "time_in_force": "day"}
    trader.ask("postOrder", {**order, "legs": legs})
    trader.control("clock", {"step": 30})
    trader.ask("getAllOpenPositions")
    trader.ask("optionExercise", symbol_or_contract_id="NOSUCH", status=422)
    trader.control("clock", {"set": "2026-10-09 10:00"})
    trader.ask("optionDoNotExercise", symbol_or_contract_id=high, status=403)
    trader.ask("optionDoNotExercise", symbol_or_contract_id=low)
    other = "AAPL261016C00090000"
    single = {"symbol": other, "qty": "1", "side": "buy", "type": "market"}
    trader.ask("postOrder", {**single, "time_in_force": "day"})
    trader.control("clock", {"step": 30})
    trader.ask("optionExercise", symbol_or_contract_id=other)


HISTORY = {"start": "2026-10-08T14:00:00Z", "end": "2026-10-08T14:20:00Z", "limit": "50"}


def _stock_data(trader: Trader) -> None:
    many, one = {"symbols": "AAPL,MSFT", "currency": "USD"}, {"symbol": "AAPL"}
    history = {**HISTORY, "currency": "USD"}
    trader.control("clock", {"step": 60})
    for kind in ("Trade", "Quote", "Bar"):
        frame = {"timeframe": "1Min"} if kind == "Bar" else {}
        trader.ask(f"Stock{kind}s", query={**many, **history, **frame})
        trader.ask(f"Stock{kind}Single", query={**history, **frame}, **one)
        trader.ask(f"StockLatest{kind}s", query=many)
        trader.ask(f"StockLatest{kind}Single", query={"currency": "USD"}, **one)
    trader.ask("StockBars", query={**many, "timeframe": "1Day", "start": "2026-09-01"})
    trader.ask("StockSnapshots", query=many)
    trader.ask("StockSnapshotSingle", query={"currency": "USD"}, **one)
    days = {"start": "2026-10-05", "end": "2026-10-07", "currency": "USD"}
    trader.ask("StockAuctions", query={**many, **days})
    trader.ask("StockAuctionSingle", query=days, **one)
    trader.ask("StockMetaExchanges")
    for tick in ("trade", "quote"):
        trader.ask("StockMetaConditions", ticktype=tick, query={"tape": "A"})
    trader.ask("StockBars", query={**many, "timeframe": "nonsense"}, status=400)


def _crypto_data(trader: Trader) -> None:
    query = {"symbols": "BTC/USD,ETH/USD"}
    for kind in ("Trade", "Quote", "Bar"):
        frame = {"timeframe": "1Min"} if kind == "Bar" else {}
        trader.ask(f"Crypto{kind}s", loc="us", query={**query, **HISTORY, **frame})
        trader.ask(f"CryptoLatest{kind}s", loc="us", query=query)
    trader.ask("CryptoLatestOrderbooks", loc="us", query=query)
    trader.ask("CryptoSnapshots", loc="us", query=query)


def test_a_silent_difference_would_be_found() -> None:
    """The judge itself: a field that is renamed is both missing and extra."""
    spec = {
        "openapi": "3.0.0",
        "info": {"title": "t", "version": "1"},
        "paths": {
            "/a": {
                "get": {
                    "operationId": "a",
                    "responses": {
                        "200": {
                            "description": "ok",
                            "content": {
                                "application/json": {
                                    "schema": {
                                        "type": "object",
                                        "properties": {"id": {"type": "string"}},
                                    }
                                }
                            },
                        }
                    },
                }
            }
        },
    }
    contract = Contract(spec, "http://localhost")
    contract.check("a", "/a", 200, {}, b'{"name": "x"}')
    assert contract.findings() == {Finding("a", "missing", "id"), Finding("a", "extra", "name")}
    contract.check("a", "/a", 200, {}, b'{"id": 7}')
    assert any(f.what == "error" and f.field == "id" for f in contract.findings())


def _option_data(trader: Trader) -> None:
    names = {"symbols": "AAPL261016C00240000,AAPL261016P00240000"}
    days = {"start": "2026-10-06T13:30:00Z", "limit": "50"}
    chain = {"underlying_symbol": "AAPL", "query": {"type": "call", "limit": "20"}}
    trader.ask("OptionSnapshots", query=names)
    trader.ask("OptionChain", **chain)
    trader.ask("OptionLatestQuotes", query=names)
    trader.ask("OptionLatestTrades", query={**names, "feed": "indicative"})
    trader.ask("optionBars", query={**names, **days, "timeframe": "5Min"})
    trader.ask("OptionTrades", query={**names, **days})
    trader.ask("OptionMetaExchanges")
    trader.ask("OptionMetaConditions", ticktype="trade")
