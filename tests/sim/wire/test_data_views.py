"""Goal: the market-data API answers as Alpaca's does, in form, in pages and in its refusals.
Method: ask the views as a client would; check the bodies against the published schemas and read
them with Alpaca's own client.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import pytest
from support.paths import ROOT

from execbot.sim.calendar import AlwaysOpen, ExchangeCalendar
from execbot.sim.prices.adjustments import Adjustments
from execbot.sim.prices.mixed import build_prices
from execbot.sim.types import SECOND
from execbot.sim.wire import data
from execbot.sim.wire.data_query import Plan, Timeframe, Unit, encode_token, timeframe
from execbot.sim.wire.http import make_request
from execbot.sim.wire.reference.news import Newsroom

SPECS = Path(os.environ.get("EXECBOT_ALPACA_SPECS", ROOT.parent / "shared" / "alpaca"))
SPEC = SPECS / "openapi" / "market-data-api.json"


def at(text: str) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York"))
    return int(moment.timestamp()) * SECOND


NOW = at("2026-11-18T11:17:30") + 123_456_789


@dataclass
class Market:
    prices: Any
    assets: Any
    calendar: Any
    adjustments: Any = field(default_factory=Adjustments)
    newsroom: Any = field(init=False)

    def __post_init__(self) -> None:
        self.newsroom = Newsroom(7, self.assets)


@pytest.fixture(scope="module")
def market() -> Market:
    calendar = ExchangeCalendar()
    prices, assets = build_prices(calendar=calendar)
    return Market(prices, assets, calendar)


def get(market, path, now=NOW, plan=Plan.FULL, **query):
    target = f"{path}?{urlencode(query)}" if query else path
    response = data.respond(market, make_request("GET", target, {}, b""), now, plan)
    return response.status, json.loads(response.body)


def ok(market, path, **query):
    status, body = get(market, path, **query)
    assert status == 200, body
    return body


STOCK_PATHS = [
    ("/v2/stocks/bars", {"symbols": "AAPL,MSFT", "timeframe": "5Min", "limit": "30"}),
    ("/v2/stocks/bars", {"symbols": "AAPL", "timeframe": "1Day", "start": "2026-11-02"}),
    ("/v2/stocks/quotes", {"symbols": "AAPL,MSFT", "limit": "5"}),
    ("/v2/stocks/trades", {"symbols": "AAPL,MSFT", "limit": "5", "sort": "desc"}),
    ("/v2/stocks/auctions", {"symbols": "AAPL", "start": "2026-11-16"}),
    ("/v2/stocks/bars/latest", {"symbols": "AAPL,TCEHY", "feed": "iex"}),
    ("/v2/stocks/quotes/latest", {"symbols": "AAPL,BRK.A"}),
    ("/v2/stocks/trades/latest", {"symbols": "AAPL,OCGN", "currency": "USD"}),
    ("/v2/stocks/snapshots", {"symbols": "AAPL,SPY"}),
    ("/v2/stocks/{symbol}/bars", {"timeframe": "1Hour", "start": "2026-11-17"}),
    ("/v2/stocks/{symbol}/quotes", {"limit": "3"}),
    ("/v2/stocks/{symbol}/trades", {"limit": "3"}),
    ("/v2/stocks/{symbol}/auctions", {"start": "2026-11-16"}),
    ("/v2/stocks/{symbol}/bars/latest", {}),
    ("/v2/stocks/{symbol}/quotes/latest", {"feed": "delayed_sip"}),
    ("/v2/stocks/{symbol}/trades/latest", {}),
    ("/v2/stocks/{symbol}/snapshot", {}),
    ("/v2/stocks/meta/exchanges", {}),
    ("/v2/stocks/meta/conditions/{ticktype}", {"tape": "A"}),
]
CRYPTO_PATHS = [
    ("/v1beta3/crypto/{loc}/bars", {"timeframe": "1Min", "limit": "5"}),
    ("/v1beta3/crypto/{loc}/quotes", {"limit": "5"}),
    ("/v1beta3/crypto/{loc}/trades", {"limit": "5"}),
    ("/v1beta3/crypto/{loc}/snapshots", {}),
    ("/v1beta3/crypto/{loc}/latest/bars", {}),
    ("/v1beta3/crypto/{loc}/latest/quotes", {}),
    ("/v1beta3/crypto/{loc}/latest/trades", {}),
    ("/v1beta3/crypto/{loc}/latest/orderbooks", {}),
]


@pytest.mark.parametrize(("path", "query"), STOCK_PATHS + CRYPTO_PATHS)
def test_bodies_fit_the_published_schemas(market, path, query):
    if not SPEC.exists():
        pytest.skip(f"no API description at {SPEC}")
    validators = pytest.importorskip("openapi_schema_validator")
    spec = json.loads(SPEC.read_text())
    query = dict(query)
    if "crypto" in path:
        query["symbols"] = "BTC/USD,DOGE/USD"
    filled = path.format(symbol="AAPL", ticktype="trade", loc="us")
    body = ok(market, filled, **query)
    assert body
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT4

    registry = Registry().with_resource("urn:api", Resource(contents=spec, specification=DRAFT4))
    place = f"/paths/{path.replace('/', '~1')}/get/responses/200/content/application~1json/schema"
    schema = {"$ref": f"urn:api#{quote(place)}"}
    validators.OAS30Validator(schema, registry=registry).validate(body)


def test_an_unknown_symbol_is_absent_and_a_single_one_is_not_found(market):
    body = ok(market, "/v2/stocks/quotes/latest", symbols="AAPL,NOPE")
    assert set(body["quotes"]) == {"AAPL"}
    body = ok(market, "/v2/stocks/bars", symbols="NOPE", timeframe="1Min")
    assert body == {"bars": {}, "next_page_token": None}
    body = ok(market, "/v1beta3/crypto/us/bars", symbols="NO/PE", timeframe="1Min")
    assert body == {"bars": {}, "next_page_token": None}
    status, body = get(market, "/v2/stocks/NOPE/quotes/latest")
    assert (status, body) == (404, {"message": "no quote found for NOPE"})
    assert ok(market, "/v2/stocks/NOPE/trades")["trades"] == []


@pytest.mark.parametrize(
    ("path", "query", "status", "message"),
    [
        ("/v2/stocks/bars", {"timeframe": "1Min"}, 400, "symbols is required"),
        ("/v2/stocks/bars", {"symbols": "AAPL"}, 400, "timeframe is required"),
        (
            "/v2/stocks/bars",
            {"symbols": "TAOP:NASDAQ", "timeframe": "1Min"},
            400,
            "invalid symbol: TAOP:NASDAQ",
        ),
        (
            "/v2/stocks/bars",
            {"symbols": "AAPL", "timeframe": "60Min"},
            400,
            "invalid timeframe: 60Min",
        ),
        (
            "/v2/stocks/trades",
            {"symbols": "AAPL", "limit": "10001"},
            400,
            "invalid limit: 10001 is not between 1 and 10000",
        ),
        ("/v2/stocks/trades", {"symbols": "AAPL", "limit": "ten"}, 400, "invalid limit: ten"),
        ("/v2/stocks/trades", {"symbols": "AAPL", "limit": "--5"}, 400, "invalid limit: --5"),
        (
            "/v2/stocks/trades",
            {"symbols": "AAPL", "limit": "-5"},
            400,
            "invalid limit: -5 is not between 1 and 10000",
        ),
        (
            "/v2/stocks/trades",
            {"symbols": "AAPL", "limit": "9" * 5000},
            400,
            f"invalid limit: {'9' * 5000} is not between 1 and 10000",
        ),
        ("/v2/stocks/trades", {"symbols": "AAPL", "sort": "up"}, 400, "invalid sort: up"),
        ("/v2/stocks/trades", {"symbols": "AAPL", "feed": "x"}, 400, "invalid feed: x"),
        ("/v2/stocks/trades", {"symbols": "AAPL", "start": "1"}, 400, "invalid start: 1"),
        (
            "/v2/stocks/trades",
            {"symbols": "AAPL", "page_token": "%%"},
            400,
            "invalid page token",
        ),
        (
            "/v2/stocks/trades",
            {"symbols": "AAPL", "timeframe": "1Min"},
            400,
            "unexpected parameter(s): timeframe",
        ),
        (
            "/v2/stocks/trades",
            {"symbols": "AAPL", "start": "2026-11-17", "end": "2026-11-16"},
            400,
            "end should not be before start",
        ),
        (
            "/v2/stocks/bars",
            {"symbols": "AAPL", "timeframe": "1Min", "adjustment": "no"},
            400,
            "invalid adjustment: no",
        ),
        (
            "/v1beta3/crypto/us/latest/quotes",
            {"symbols": "BTCUSD"},
            400,
            "invalid symbol: BTCUSD does not match ^[A-Z]+/[A-Z]+$",
        ),
        (
            "/v1beta3/crypto/loc/latest/quotes",
            {"symbols": "BTC/USD"},
            400,
            "Invalid location: loc",
        ),
        ("/v2/stocks/meta/conditions/trade", {}, 400, "tape is required"),
        ("/v2/stocks/AAPL/nothing", {}, 404, "endpoint not found."),
    ],
)
def test_refusals_name_what_is_wrong(market, path, query, status, message):
    found, body = get(market, path, **query)
    assert (found, body["message"]) == (status, message)


def test_only_get_is_allowed(market):
    request = make_request("POST", "/v2/stocks/AAPL/bars", {}, b"{}")
    assert data.respond(market, request, NOW).status == 405


def test_the_basic_plan_has_no_recent_sip_data(market):
    refused = (
        403,
        {"code": 42210000, "message": "subscription does not permit querying recent SIP data"},
    )
    basic = {"plan": Plan.BASIC}
    assert get(market, "/v2/stocks/AAPL/quotes/latest", feed="sip", **basic) == refused
    recent = {"end": "2026-11-18T11:10:00-05:00", "timeframe": "1Min"}
    assert get(market, "/v2/stocks/AAPL/bars", **recent, **basic) == refused
    assert get(market, "/v2/stocks/AAPL/bars", feed="iex", **recent, **basic)[0] == 200
    assert get(market, "/v2/stocks/AAPL/quotes/latest", **basic)[1]["quote"]["ax"] == "V"
    status, body = get(market, "/v2/stocks/AAPL/bars", timeframe="1Min", sort="desc", **basic)
    assert status == 200 and body["bars"][0]["t"] <= "2026-11-18T16:02:30Z"
    earlier = {"start": "2026-11-17", "end": "2026-11-17T15:00:00-05:00", "timeframe": "1Min"}
    assert get(market, "/v2/stocks/AAPL/bars", **earlier, **basic)[0] == 200


def collect(market, path, key, **query):
    """All pages, as rows of (symbol, time)."""
    found, token = [], None
    for _ in range(100):
        page = {**query, "page_token": token} if token else query
        body = ok(market, path, **page)
        for symbol, rows in body[key].items():
            found += [(symbol, row["t"]) for row in rows]
        token = body["next_page_token"]
        if token is None:
            return found
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("path", ["/v2/stocks/quotes", "/v1beta1/news"])
def test_the_token_of_another_request_shows_nothing_beyond_this_one(market, path):
    token = encode_token("AAPL", NOW + 86_400 * SECOND)
    query = {"symbols": "AAPL", "start": "2026-11-18T11:17:00-05:00"} if "quotes" in path else {}
    for end in ({}, {"end": "2026-11-18T11:17:20-05:00"}):
        plain = ok(market, path, **query, **end, sort="desc", limit="3")
        assert ok(market, path, **query, **end, sort="desc", limit="3", page_token=token) == plain


@pytest.mark.parametrize("sort", ["asc", "desc"])
@pytest.mark.parametrize("limit", ["1", "7", "20", "10000"])
def test_pages_join_to_the_whole_without_gaps_or_repeats(market, sort, limit):
    query = {
        "symbols": "MSFT,AAPL,NOPE",
        "timeframe": "1Min",
        "start": "2026-11-18T15:00:00Z",
        "end": "2026-11-18T15:19:00Z",
        "sort": sort,
    }
    paged = collect(market, "/v2/stocks/bars", "bars", limit=limit, **query)
    minutes = [f"2026-11-18T15:{minute:02d}:00Z" for minute in range(20)]
    if sort == "desc":
        minutes.reverse()
    assert paged == [(symbol, t) for symbol in ("AAPL", "MSFT") for t in minutes]


def test_trades_and_quotes_page_in_both_directions(market):
    query = {
        "symbols": "AAPL,GILD",
        "start": "2026-11-18T15:00:00Z",
        "end": "2026-11-18T15:00:30Z",
    }
    for kind in ("trades", "quotes"):
        up = collect(market, f"/v2/stocks/{kind}", kind, limit="9", sort="asc", **query)
        down = collect(market, f"/v2/stocks/{kind}", kind, limit="9", sort="desc", **query)
        assert len(up) == 62 and sorted(up) == sorted(down)
        assert down == sorted(up, key=lambda row: row[1], reverse=True)[:0] + [
            row for s in ("AAPL", "GILD") for row in reversed(up) if row[0] == s
        ]


def test_an_intraday_bar_appears_when_complete_and_the_day_runs(market):
    query = {"symbols": "AAPL", "start": "2026-11-18T16:15:00Z", "timeframe": "1Min"}
    bars = ok(market, "/v2/stocks/bars", **query)["bars"]["AAPL"]
    assert [bar["t"][11:16] for bar in bars] == ["16:15", "16:16"]
    latest = ok(market, "/v2/stocks/AAPL/bars/latest")["bar"]
    assert latest == bars[-1]
    snapshot = ok(market, "/v2/stocks/AAPL/snapshot")
    assert snapshot["minuteBar"] == latest
    assert snapshot["dailyBar"]["t"] == "2026-11-18T05:00:00Z"
    assert snapshot["prevDailyBar"]["t"] == "2026-11-17T05:00:00Z"
    assert snapshot["dailyBar"]["c"] == snapshot["latestTrade"]["p"]
    daily = ok(market, "/v2/stocks/AAPL/bars", timeframe="1Day", start="2026-11-17")["bars"]
    assert daily == [snapshot["prevDailyBar"], snapshot["dailyBar"]]


def test_nothing_from_the_future_is_shown(market):
    body = ok(
        market,
        "/v2/stocks/trades",
        symbols="AAPL",
        start="2026-11-18T16:17:25Z",
        end="2026-11-19T00:00:00Z",
    )
    assert [row["t"] for row in body["trades"]["AAPL"]] == [
        f"2026-11-18T16:17:{second}Z" for second in range(25, 31)
    ]
    assert (
        ok(market, "/v2/stocks/AAPL/trades", start="2027-01-01T00:00:00Z", end="2027-01-02")[
            "trades"
        ]
        == []
    )


def test_daily_bars_skip_closed_days_and_stamp_new_yorks_midnight(market):
    body = ok(
        market, "/v2/stocks/AAPL/bars", timeframe="1Day", start="2026-10-30", end="2026-11-03"
    )
    assert [bar["t"] for bar in body["bars"]] == [
        "2026-10-30T04:00:00Z",
        "2026-11-02T05:00:00Z",
        "2026-11-03T05:00:00Z",
    ]
    crypto = ok(
        market,
        "/v1beta3/crypto/us/bars",
        symbols="BTC/USD",
        timeframe="1Day",
        start="2026-10-31T00:00:00Z",
        end="2026-11-01T00:00:00Z",
    )
    assert [bar["t"] for bar in crypto["bars"]["BTC/USD"]] == [
        "2026-10-31T00:00:00Z",
        "2026-11-01T00:00:00Z",
    ]


def test_weeks_and_months_are_made_of_their_days(market):
    days = ok(market, "/v2/stocks/KO/bars", timeframe="1D", start="2026-09-01", end="2026-10-31")
    weeks = ok(
        market, "/v2/stocks/KO/bars", timeframe="1Week", start="2026-09-07", end="2026-09-14"
    )
    assert [bar["t"][:10] for bar in weeks["bars"]] == ["2026-09-07", "2026-09-14"]
    first = [bar for bar in days["bars"] if "2026-09-07" <= bar["t"][:10] < "2026-09-12"]
    assert len(first) == 4  # Labor Day
    assert weeks["bars"][0]["o"] == first[0]["o"] and weeks["bars"][0]["c"] == first[-1]["c"]
    assert weeks["bars"][0]["h"] == max(bar["h"] for bar in first)
    assert weeks["bars"][0]["v"] == sum(bar["v"] for bar in first)
    months = ok(market, "/v2/stocks/KO/bars", timeframe="2M", start="2026-09-01", end="2026-09-30")
    assert [bar["t"][:10] for bar in months["bars"]] == ["2026-09-01"]
    assert months["bars"][0]["l"] == min(bar["l"] for bar in days["bars"])


def test_on_the_weekend_the_last_session_is_shown(market):
    saturday = at("2026-11-14T12:00:00")
    status, quote = get(market, "/v2/stocks/GILD/quotes/latest", now=saturday)
    assert status == 200 and quote["quote"]["t"] == "2026-11-14T00:59:59Z"
    status, snapshot = get(market, "/v2/stocks/GILD/snapshot", now=saturday)
    assert snapshot["dailyBar"]["t"] == "2026-11-13T05:00:00Z"
    assert snapshot["minuteBar"]["t"] == "2026-11-14T00:59:00Z"


def test_auctions_are_the_prints_of_the_opening_and_the_close(market):
    body = ok(market, "/v2/stocks/IBM/auctions", start="2026-11-17", end="2026-11-18T23:00:00Z")
    yesterday, today = body["auctions"]
    assert (yesterday["d"], today["d"]) == ("2026-11-17", "2026-11-18")
    daily = ok(market, "/v2/stocks/IBM/bars", timeframe="1Day", start="2026-11-17")["bars"]
    assert {row["p"] for row in yesterday["o"]} == {daily[0]["o"]}
    assert [row["c"] for row in yesterday["c"]] == ["6", "M"]
    assert today["c"] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1Min", Timeframe(1, Unit.MINUTE)),
        ("59T", Timeframe(59, Unit.MINUTE)),
        ("23Hour", Timeframe(23, Unit.HOUR)),
        ("4H", Timeframe(4, Unit.HOUR)),
        ("1Day", Timeframe(1, Unit.DAY)),
        ("1W", Timeframe(1, Unit.WEEK)),
        ("12Month", Timeframe(12, Unit.MONTH)),
        ("6M", Timeframe(6, Unit.MONTH)),
    ],
)
def test_timeframes_are_read(text, expected):
    assert timeframe(text) == expected


@pytest.mark.parametrize("text", ["0Min", "60T", "24H", "2Day", "2W", "5M", "1m", "Min", "1"])
def test_other_timeframes_are_refused(text):
    with pytest.raises(Exception, match="invalid timeframe"):
        timeframe(text)


def test_alpacas_own_models_read_every_answer(market):
    pytest.importorskip("alpaca")
    from alpaca.data.models import BarSet, Orderbook, Quote, QuoteSet, Snapshot, Trade, TradeSet

    bars = ok(market, "/v2/stocks/bars", symbols="AAPL", timeframe="1Day", start="2026-11-02")
    assert len(BarSet(bars["bars"])["AAPL"]) == 13
    assert QuoteSet(ok(market, "/v2/stocks/quotes", symbols="AAPL", limit="2")["quotes"]).data
    assert TradeSet(ok(market, "/v2/stocks/trades", symbols="AAPL", limit="2")["trades"]).data
    snapshots = ok(market, "/v2/stocks/snapshots", symbols="AAPL")
    assert Snapshot("AAPL", snapshots["AAPL"]).previous_daily_bar is not None
    crypto = ok(market, "/v1beta3/crypto/us/snapshots", symbols="BTC/USD")["snapshots"]
    assert Snapshot("BTC/USD", crypto["BTC/USD"]).latest_trade is not None
    books = ok(market, "/v1beta3/crypto/us/latest/orderbooks", symbols="BTC/USD")["orderbooks"]
    assert Orderbook("BTC/USD", books["BTC/USD"]).asks
    latest = ok(market, "/v1beta3/crypto/us/latest/quotes", symbols="BTC/USD")["quotes"]
    assert Quote("BTC/USD", latest["BTC/USD"]).ask_price > 0
    latest = ok(market, "/v2/stocks/AAPL/trades/latest")["trade"]
    assert Trade("AAPL", latest).price > 0


def test_a_pinned_price_reaches_the_views():
    prices, assets = build_prices()
    market = Market(prices, assets, AlwaysOpen())
    prices.set_price("AAPL", NOW - 90 * SECOND, price=Decimal("150.5"))
    assert ok(market, "/v2/stocks/AAPL/quotes/latest")["quote"]["ap"] == 150.5
    assert ok(market, "/v2/stocks/AAPL/bars/latest")["bar"]["c"] == 150.5
