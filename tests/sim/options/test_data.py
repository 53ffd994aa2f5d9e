"""Goal: lists, snapshots, feeds and the stream of contracts look as Alpaca's do.
Method: requests to a bench on a Thursday; the stream as a state machine, unpacked.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgpack
import pytest

from execbot.sim.types import SECOND
from execbot.sim.wire.data_feed import feed_of
from execbot.sim.wire.data_stream import DataStream

LIST = "/v2/options/contracts"


def symbols(answer: Any) -> list[str]:
    return [row["symbol"] for row in answer["option_contracts"]]


def test_a_list_ends_with_the_coming_weekend_unless_told(options: Any) -> None:
    near = options.get(f"{LIST}?underlying_symbols=AAPL&limit=10000")["option_contracts"]
    assert {row["expiration_date"] for row in near} == {"2026-10-09"}
    later = f"{LIST}?underlying_symbols=AAPL&expiration_date_gte=2026-10-12"
    assert options.get(later)["option_contracts"] == []
    found = options.get(f"{later}&expiration_date_lte=2026-10-16")["option_contracts"]
    assert {row["expiration_date"] for row in found} == {"2026-10-16"}


def test_pages_of_a_list_follow_one_another(options: Any) -> None:
    path = f"{LIST}?underlying_symbols=AAPL,MARA&expiration_date_lte=2026-10-23&type=put"
    whole = options.get(f"{path}&limit=10000")
    paged: list[str] = []
    token = ""
    while token is not None:
        answer = options.get(f"{path}&limit=37&page_token={token}")
        paged += symbols(answer)
        token = answer["next_page_token"]
    assert paged == symbols(whole) and len(paged) == len(set(paged)) > 80


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("type=call", lambda row: row["type"] == "call"),
        ("strike_price_gte=240&strike_price_lte=245", lambda r: float(r["strike_price"]) >= 240),
        ("root_symbol=MARA1", lambda row: (row["root_symbol"], row["size"]) == ("MARA1", "50")),
        ("ppind=false", lambda row: row["underlying_symbol"] in ("COIN", "MSTR")),
        ("status=inactive", lambda row: not row["tradable"] and row["status"] == "inactive"),
    ],
)
def test_filters_leave_what_fits(options: Any, query: str, fits: Any) -> None:
    rows = options.get(f"{LIST}?{query}&expiration_date_lte=2026-10-16")["option_contracts"]
    assert rows and all(fits(row) for row in rows)


def test_a_contract_is_found_by_its_symbol_and_its_id(options: Any) -> None:
    row = options.get(f"{LIST}/{options.c('240')}")
    assert options.get(f"{LIST}/{row['id']}") == row
    assert (row["name"], row["style"]) == ("AAPL Oct 16 2026 240 Call", "american")
    assert row["deliverables"][0]["amount"] == "100"
    missing = options.call("GET", f"{LIST}/AAPL261016C09999000")
    assert (missing.status, missing.json["code"]) == (404, 40410000)
    stock = options.get("/v2/assets/SPY")["attributes"]
    assert {"has_options", "options_late_close"} <= set(stock)


def test_a_snapshot_leaves_out_what_is_not_known(options: Any) -> None:
    today = options.get("/v1beta1/options/snapshots/SPY?expiration_date=2026-10-08&limit=1000")
    assert today["snapshots"] and not any("greeks" in s for s in today["snapshots"].values())
    later = options.get("/v1beta1/options/snapshots/SPY?expiration_date=2026-10-16&limit=1000")
    known = [s for s in later["snapshots"].values() if "greeks" in s]
    assert 0 < len(known) < len(later["snapshots"])
    for row in known:
        assert -1 < row["greeks"]["delta"] < 1 and row["impliedVolatility"] > 0


def test_the_free_feed_is_wider_and_later(make_options: Any) -> None:
    bench = make_options(plan="basic")
    c = bench.c("240")
    path = f"/v1beta1/options/quotes/latest?symbols={c}"
    refused = bench.call("GET", f"{path}&feed=opra")
    assert (refused.status, "OPRA" in refused.json["message"]) == (403, True)
    free = bench.get(path)["quotes"][c]
    paid = make_options().get(path)["quotes"][c]
    assert free["bp"] < paid["bp"] and free["ap"] > paid["ap"]
    recent = bench.get(f"/v1beta1/options/trades?symbols={c}")["trades"].get(c, [])
    assert all(row["t"] <= "2026-10-08T14:15:00Z" for row in recent)


def test_bars_are_made_of_the_trades_shown(options: Any) -> None:
    c = options.c("240")
    trades = options.get(f"/v1beta1/options/trades?symbols={c}")["trades"][c]
    bars = options.get(f"/v1beta1/options/bars?symbols={c}&timeframe=1Hour")["bars"][c]
    inside = [t for t in trades if "13:30" <= t["t"][11:16] < "14:00"]
    assert bars[0]["o"] == inside[0]["p"] and bars[0]["n"] == len(inside)
    assert bars[0]["v"] == sum(t["s"] for t in inside)
    (today,) = options.get(f"/v1beta1/options/bars?symbols={c}&timeframe=1Day")["bars"][c]
    assert (today["n"], today["c"]) == (len(trades), trades[-1]["p"])


# --- the stream ------------------------------------------------------------------------------


def connect(bench: Any, feed: str = "opra", packed: bool = True, limit: int | None = None) -> Any:
    found = feed_of(f"/v1beta1/{feed}")
    assert found is not None
    headers = {"content-type": "application/msgpack"} if packed else {}
    stream = DataStream(
        found, bench.venue.market, bench.venue.exchange.now,
        headers=headers, authorize=lambda key, secret: None, symbol_limit=limit,
    )  # fmt: skip
    return stream, stream.open()


def say(bench: Any, stream: Any, **message: Any) -> Any:
    frames = stream.receive(msgpack.packb(message), bench.venue.exchange.now)
    return [row for frame in frames for row in msgpack.unpackb(frame)]


def test_the_stream_speaks_msgpack_alone(options: Any) -> None:
    stream, frames = connect(options, packed=False)
    assert '"code":412' in frames[0] and stream.closed


def test_quotes_of_all_and_too_many_are_refused(options: Any) -> None:
    stream, _ = connect(options, limit=2)
    say(options, stream, action="auth", key="k", secret="s")
    assert say(options, stream, action="subscribe", quotes=["*"])[0]["code"] == 413
    three = [options.c(strike) for strike in ("235", "240", "245")]
    assert say(options, stream, action="subscribe", quotes=three)[0]["code"] == 405
    assert say(options, stream, action="subscribe", trades=three)[0]["T"] == "subscription"
    assert say(options, stream, action="subscribe", bars=three)[0]["code"] == 410


def test_quotes_and_trades_come_as_they_change(options: Any) -> None:
    c = options.c("240")
    stream, _ = connect(options)
    say(options, stream, action="auth", key="k", secret="s")
    say(options, stream, action="subscribe", quotes=[c], trades=[c])
    frames = stream.advance(options.venue.exchange.now + 240 * SECOND)
    rows = [row for frame in frames for row in msgpack.unpackb(frame)]
    quotes = [row for row in rows if row["T"] == "q"]
    assert {row["T"] for row in rows} == {"q", "t"}
    assert all(isinstance(row["t"], msgpack.Timestamp) for row in rows)
    pairs = [(row["bp"], row["ap"]) for row in quotes]
    assert all(one != other for one, other in pairwise(pairs))
    assert all(isinstance(row["c"], str) for row in rows)
