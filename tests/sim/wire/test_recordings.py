"""Goal: an exchange on recorded prices tells the truth of the recording: splits, limits, bars.
Method: small recordings written here, and the real split of a real stock where it is at hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.paths import market_data

BARS = "symbol,timestamp,open,high,low,close,volume\n"


def write(place: Path, name: str, text: str) -> None:
    path = place / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """XYZ at 700 on Friday; on Monday it is split 7 for 1 and opens at 101."""
    write(
        tmp_path,
        "bars-1m/XYZ.csv",
        BARS
        + "XYZ,2014-06-06T19:00:00Z,700,700,700,700,1000\n"
        + "XYZ,2014-06-06T19:59:00Z,700,700,700,700,700\n"
        + "XYZ,2014-06-09T13:30:00Z,101,102,101,102,7000\n"
        + "XYZ,2014-06-09T13:31:00Z,102,102,99,100,7000\n",
    )
    write(
        tmp_path,
        "reference/splits.csv",
        "symbol,ex_date,new_shares_per_old,close_before\nXYZ,2014-06-09,7,700\nABC,2014-06-09,2,9\n",
    )
    write(
        tmp_path,
        "reference/adjustment-factors.csv",
        "symbol,through_date,price_factor,split_factor,reference_close\n"
        "XYZ,2014-06-05,0.9,0.142857,700\nXYZ,2014-06-06,0.99,0.142857,700\nXYZ,2050-01-01,1,1,0\n",
    )
    return tmp_path


def open_bench(make_bench: Any, data: Path, at: str = "2014-06-06 15:30", **settings: Any) -> Any:
    return make_bench(data=str(data), at=at, calendar="exchange", **settings)


def position(bench: Any) -> tuple[str, str, str]:
    (row,) = bench.get("/v2/positions")
    return row["qty"], row["avg_entry_price"], row["market_value"]


def test_a_recorded_split_is_told_as_a_split(make_bench: Any, recording: Path) -> None:
    bench = open_bench(make_bench, recording)
    bench.buy("XYZ", qty="10")
    bench.step(1)
    bench.buy("XYZ", type="limit", limit_price="600", time_in_force="gtc", client_order_id="low")
    before = bench.get("/v2/account")["equity"]
    bench.post("/sim/clock", {"set": "2014-06-09 03:59"})
    assert position(bench)[0] == "10"
    bench.post("/sim/clock", {"set": "2014-06-09 04:00"})
    qty, average, value = position(bench)
    assert (qty, value) == ("70", "7000") and float(average) == pytest.approx(700.01 / 7, abs=1e-6)
    assert float(bench.get("/v2/account")["equity"]) == pytest.approx(float(before), abs=0.01)
    rows = bench.get("/v2/account/activities/SPLIT?direction=asc")
    assert [(row["symbol"], row["qty"]) for row in rows] == [("XYZ", "-10"), ("XYZ", "70")]
    low = bench.get("/v2/orders:by_client_order_id?client_order_id=low")
    assert low["status"] == "canceled"
    bench.post("/sim/clock", {"set": "2014-06-09 09:30:01"})
    assert position(bench)[2] == "7070"


def test_a_split_is_the_next_event(make_bench: Any, recording: Path) -> None:
    bench = open_bench(make_bench, recording, "2014-06-06 20:01")
    assert bench.post("/sim/clock", {"jump": True})["now"] == "2014-06-09T08:00:00Z"


def test_before_the_first_price_of_the_new_shares_the_old_one_is_a_seventh(
    make_bench: Any, recording: Path
) -> None:
    bench = open_bench(make_bench, recording, "2014-06-09 03:00")
    path = "/v2/stocks/XYZ/trades/latest"
    assert bench.get(path)["trade"]["p"] == 700
    bench.step(2 * 3600)
    assert bench.get(path)["trade"]["p"] == 100
    assert bench.get("/v2/stocks/XYZ/quotes/latest")["quote"]["bp"] == 99.99


def test_a_price_that_is_held_is_split_too(make_bench: Any, recording: Path) -> None:
    bench = open_bench(make_bench, recording)
    bench.post("/sim/price", {"symbol": "XYZ", "price": 350})
    bench.buy("XYZ", qty="10")
    bench.step(1)
    bench.post("/sim/clock", {"set": "2014-06-09 10:00"})
    assert position(bench) == ("70", "50", "3500")


def bars(bench: Any, frame: str, adjustment: str) -> list[tuple[float, ...]]:
    path = f"/v2/stocks/XYZ/bars?timeframe={frame}&start=2014-06-06&adjustment={adjustment}"
    return [(bar["o"], bar["c"], bar["v"]) for bar in bench.get(path)["bars"]]


@pytest.mark.parametrize(
    ("adjustment", "friday"),
    [
        ("raw", (700, 700, 1700)),
        ("", (700, 700, 1700)),
        ("split", (100, 100, 11900)),
        ("dividend", (693, 693, 1700)),
        ("all", (99, 99, 11900)),
        ("split,dividend", (99, 99, 11900)),
        ("spin-off", (700, 700, 1700)),
    ],
)
def test_bars_are_adjusted_as_they_are_asked_for(
    make_bench: Any, recording: Path, adjustment: str, friday: tuple[float, ...]
) -> None:
    bench = open_bench(make_bench, recording, "2014-06-09 17:00")
    assert bars(bench, "1Day", adjustment) == [friday, (101, 100, 14000)]
    minutes = bars(bench, "1Min", adjustment)
    assert minutes[0][0] == friday[0] and minutes[-1] == (102, 100, 7000)


def test_bars_are_adjusted_only_for_what_has_happened(make_bench: Any, recording: Path) -> None:
    bench = open_bench(make_bench, recording, "2014-06-09 03:59")
    assert bars(bench, "1Day", "all") == [(700, 700, 1700)]


def test_weeks_join_days_of_the_same_scale(make_bench: Any, recording: Path) -> None:
    bench = open_bench(make_bench, recording, "2014-06-09 17:00")
    path = "/v2/stocks/XYZ/bars?timeframe=1Month&start=2014-06-01&adjustment=split"
    (month,) = bench.get(path)["bars"]
    assert (month["o"], month["h"], month["l"], month["c"]) == (100, 102, 99, 100)


def test_splits_and_dividends_of_the_control_plane_adjust_too(bench: Any) -> None:
    bench.post("/sim/price", {"symbol": "AAPL", "price": 100})
    bench.step(120)
    bench.post("/sim/dividend", {"symbol": "AAPL", "amount": 10})
    bench.post("/sim/split", {"symbol": "AAPL", "new": 4})
    bench.step(120)
    path = "/v2/stocks/AAPL/bars?timeframe=1Min&start=2026-10-08T14:31:00Z&limit=1&adjustment="
    shown = {name: bench.get(path + name)["bars"][0]["c"] for name in ("raw", "split", "all")}
    assert shown == {"raw": 100, "split": 25, "all": 22.5}


def test_adjustments_of_the_control_plane_are_kept_in_the_shared_file(tmp_path: Path) -> None:
    import json

    from execbot.sim.doors.transport import open_shared

    def call(method: str, path: str, body: Any = None) -> Any:
        raw = None if body is None else json.dumps(body).encode()
        door = open_shared(tmp_path, at="2026-10-08 10:30", speed=0)
        headers = {"APCA-API-KEY-ID": "k", "APCA-API-SECRET-KEY": "s"}
        return json.loads(door.request(method, path, headers, raw)[2])

    call("POST", "/sim/price", {"symbol": "AAPL", "price": 100})
    call("POST", "/sim/clock", {"step": 120})
    call("POST", "/sim/split", {"symbol": "AAPL", "new": 4})
    path = "/v2/stocks/AAPL/bars?timeframe=1Min&start=2026-10-08T14:31:00Z&limit=1&adjustment=split"
    assert call("GET", path)["bars"][0]["c"] == 25


def test_the_real_split_of_apple_keeps_the_value_of_the_position(make_bench: Any) -> None:
    bench = open_bench(make_bench, market_data(), "2014-06-06 15:30")
    bench.buy("AAPL", qty="10")
    bench.step(5)
    bench.post("/sim/clock", {"set": "2014-06-09 09:35"})
    (row,) = bench.get("/v2/positions")
    assert row["qty"] == "70"
    assert abs(float(row["unrealized_plpc"])) < 0.02
    path = "/v2/stocks/AAPL/bars?timeframe=1Day&start=2014-06-06&end=2014-06-07&adjustment="
    assert bench.get(path + "raw")["bars"][0]["c"] == 645.57
    assert bench.get(path + "split")["bars"][0]["c"] == 92.2243


# --- between two rows --------------------------------------------------------------------------


@pytest.fixture
def minutes(tmp_path: Path) -> Path:
    """The quote says 100, prints fall to 95 within the minute, the next quote says 100 again."""
    write(
        tmp_path,
        "quotes-1m/XYZ.csv",
        "symbol,timestamp,bid,bid_size,ask,ask_size\n"
        "XYZ,2014-06-09T13:31:00Z,99.99,500,100.01,500\n"
        "XYZ,2014-06-09T13:32:00Z,99.99,500,100.01,500\n",
    )
    write(tmp_path, "bars-1m/XYZ.csv", BARS + "XYZ,2014-06-09T13:31:00Z,100,100,95,100,40000\n")
    return tmp_path


def test_a_stop_that_a_print_fires_does_not_sell_at_a_bid_of_before(
    make_bench: Any, minutes: Path
) -> None:
    bench = open_bench(make_bench, minutes, "2014-06-09 09:31:01")
    bench.buy("XYZ", qty="10")
    bench.step(1)
    order = {"side": "sell", "type": "stop", "stop_price": "97", "client_order_id": "stop"}
    assert bench.buy("XYZ", qty="10", **order).status == 200
    bench.step(57)
    done = bench.get("/v2/orders:by_client_order_id?client_order_id=stop")
    assert (done["status"], done["filled_avg_price"]) == ("filled", "95")


def test_a_print_beyond_a_limit_fills_it_on_recordings_and_the_status_says_so(
    make_bench: Any, minutes: Path
) -> None:
    bench = open_bench(make_bench, minutes, "2014-06-09 09:31:01")
    assert bench.get("/sim/status")["trade_through"] is True
    bench.buy("XYZ", qty="10", type="limit", limit_price="96", client_order_id="low")
    bench.step(57)
    done = bench.get("/v2/orders:by_client_order_id?client_order_id=low")
    assert (done["status"], done["filled_avg_price"]) == ("filled", "96")


def test_it_can_be_switched_off_and_is_off_without_a_recording(
    make_bench: Any, bench: Any, minutes: Path
) -> None:
    assert bench.get("/sim/status")["trade_through"] is False
    off = open_bench(make_bench, minutes, "2014-06-09 09:31:01", exchange={"trade_through": False})
    assert off.get("/sim/status")["trade_through"] is False
    off.buy("XYZ", qty="10", type="limit", limit_price="96", client_order_id="low")
    off.step(57)
    done = off.get("/v2/orders:by_client_order_id?client_order_id=low")
    assert done["status"] == "new"


# --- renames -----------------------------------------------------------------------------------


def test_a_rename_to_a_symbol_without_a_market_moves_nothing(
    make_bench: Any, recording: Path
) -> None:
    """LATER is recorded, but its first price comes a year later."""
    write(recording, "bars-1m/LATER.csv", BARS + "LATER,2015-06-09T13:30:00Z,9,9,9,9,100\n")
    bench = open_bench(make_bench, recording)
    bench.buy("XYZ", qty="10")
    bench.step(1)
    bench.buy("XYZ", type="limit", limit_price="600", client_order_id="low")
    bench.step(1)
    body = {"symbol": "XYZ", "new_symbol": "LATER"}
    for request in ("rename", "merger", "spinoff"):
        refusal = bench.call("POST", f"/sim/{request}", {**body, "rate": 1})
        assert (refusal.status, refusal.json["message"]) == (422, "LATER has no market")
    assert position(bench)[0] == "10"
    low = bench.get("/v2/orders:by_client_order_id?client_order_id=low")
    assert low["status"] == "new"
    assert bench.get("/v2/assets/XYZ")["status"] == "active"
    assert bench.get("/v2/account/activities/NC") == []


def test_a_split_of_what_is_no_stock_moves_no_price(bench: Any) -> None:
    bench.post("/sim/price", {"symbol": "BTC/USD", "price": 50_000})
    refusal = bench.call("POST", "/sim/split", {"symbol": "BTC/USD", "new": 2})
    assert (refusal.status, refusal.json["message"]) == (422, "BTC/USD is no stock")
    assert bench.get("/sim/price/BTC%2FUSD")["quote"]["bid"] == "50000"
