"""Goal: `trades` and `stats` show what was done, filtered as asked, in every form.

Method: commands as processes on a served exchange whose prices the test moves.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.processes import Server, done, exchange, execbot

D = Decimal
Env = Mapping[str, str]


def price(server: Server, symbol: str, value: str) -> None:
    server.call("POST", "/sim/price", {"symbol": symbol, "price": value, "hold": True})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with exchange(tmp_path_factory.mktemp("trades")) as running:
        yield running


@pytest.fixture(scope="module")
def traded(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Env:
    """AAPL won, MSFT lost in two parts, KO is open; AAPL and KO belong to a strategy."""
    env = server.environment(tmp_path_factory.mktemp("home"))
    for symbol, at in (("AAPL", "200"), ("MSFT", "400"), ("KO", "60")):
        price(server, symbol, at)
    for words in (
        "AAPL --qty 10 --strategy dip --stop-loss 2%",
        "MSFT --qty 4",
        "KO --qty 5 --strategy dip",
    ):
        done(env, "submit", *words.split(), "--wait", "20")
    price(server, "AAPL", "203")
    price(server, "MSFT", "390")
    done(env, "close", "AAPL", "--wait", "20")
    done(env, "close", "MSFT", "--qty", "1", "--wait", "20")
    price(server, "MSFT", "389")  # at one price in one second both sales would be one row
    done(env, "close", "MSFT", "--wait", "20")
    return env


def symbols(rows: Any) -> list[str]:
    return [row["symbol"] for row in rows]


def test_the_list_and_its_filters(traded: Env) -> None:
    every = done(traded, "trades")
    assert symbols(every) == ["KO", "MSFT", "AAPL"]
    assert symbols(done(traded, "trades", "--open")) == ["KO"]
    assert symbols(done(traded, "trades", "--closed")) == ["MSFT", "AAPL"]
    assert symbols(done(traded, "trades", "--symbol", "aapl")) == ["AAPL"]
    assert symbols(done(traded, "trades", "--strategy", "dip")) == ["KO", "AAPL"]
    assert symbols(done(traded, "trades", "--strategy", "-")) == ["MSFT"]
    assert symbols(done(traded, "trades", "--reason", "by-hand")) == ["MSFT", "AAPL"]
    assert done(traded, "trades", "--reason", "stop", "--reason", "target") == []
    assert done(traded, "trades", "--until", "2020-01-01", "--since", "2019-01-01") == []
    aapl, msft = every[2], every[1]
    assert D(aapl["gross_pl"]) == (D(aapl["exit_price"]) - D(aapl["entry_price"])) * 10
    assert D(msft["gross_pl"]) < 0 and len(msft["reasons"]) == 1
    assert aapl["risk_usd"] is not None and msft["risk_usd"] is None
    assert D(aapl["r"]) > 0


def test_one_trade_by_its_id_by_its_end_and_by_its_symbol(traded: Env) -> None:
    name = done(traded, "trades", "--symbol", "MSFT")[0]["id"]
    for word in (name, name[-8:], "msft"):
        found = done(traded, "trades", "show", word)
        assert found["id"] == name
        assert [part["opens"] for part in found["parts"]] == [True, False, False]
        assert [lot["qty"] for lot in found["lots"]] == ["1", "3"]
    unknown = execbot(["trades", "show", "nobody", "--json"], traded)
    assert (unknown.code, unknown.error["kind"]) == (2, "usage.unknown_trade")


def test_csv_says_what_json_says(traded: Env) -> None:
    rows = list(csv.DictReader(io.StringIO(execbot(["trades", "--csv"], traded).out)))
    for row, same in zip(rows, done(traded, "trades"), strict=True):
        for name in ("id", "symbol", "entered_qty", "entry_price", "gross_pl", "net_pl"):
            assert row[name] == same[name]
    lots = execbot(["trades", "--lots", "fifo", "--csv"], traded).out
    assert [row["qty"] for row in csv.DictReader(io.StringIO(lots))] == ["10", "1", "3"]
    chosen = execbot(["trades", "--columns", "symbol,net_pl", "--csv"], traded).out
    assert chosen.splitlines()[0] == "symbol,net_pl"


@pytest.mark.parametrize(
    ("form", "head", "lines"),
    [
        ("tradervue", "Date,Time,Symbol,Quantity,Price,Side,Commission,TransFee,ECNFee", 6),
        ("tradetally", "Symbol,Trade Date,Exec Time,Side,Quantity,Price,Commission,Fees", 6),
        ("tradenote", "Account,T/D,S/D,Currency,Type,Side,Symbol,Qty,Price,Exec Time", 5),
        ("hledger", "; Trades by execbot", 0),
        ("beancount", "; Trades by execbot", 0),
    ],
)
def test_files_for_other_programs(traded: Env, form: str, head: str, lines: int) -> None:
    """Each execution a row; TradeNote has no open trades."""
    found = execbot(["trades", "--format", form], traded)
    assert found.code == 0, found.err
    assert found.out.startswith(head)
    if lines:
        assert len(list(csv.DictReader(io.StringIO(found.out)))) == lines
        assert "Traceback" not in found.err


@pytest.fixture(scope="module")
def corrected(traded: Env, server: Server) -> Env:
    """KO was corrected on the stream while no `watch` ran: the broker's total alone has it."""
    (order,) = [row for row in server.call("GET", "/v2/orders?status=all") if row["symbol"] == "KO"]
    body = {"order_id": order["id"], "price": "59.5", "qty": "5"}
    server.call("POST", "/sim/executions/correct", body)
    done(traded, "reconcile")
    return traded


@pytest.mark.parametrize("words", ["trades", "trades show KO", "stats"])
def test_a_correction_that_nobody_heard_of_is_told_beside_what_it_changes(
    corrected: Env, words: str
) -> None:
    made = execbot(words.split(), corrected)
    assert made.code == 0
    assert "the broker's average is 59.50, its fills make" in made.err


def test_figures_wait_for_enough_trades(traded: Env) -> None:
    found = done(traded, "stats", "--by", "symbol")
    assert [group["group"] for group in found["groups"]] == ["AAPL", "MSFT"]
    trades = found["trades"]
    assert (trades["trades"], trades["wins"], trades["losses"]) == (2, 1, 1)
    assert trades["win_rate"] == {"value": None, "low": None, "high": None, "n": 2, "least": 10}
    assert D(trades["net_pl"]) == sum(D(g["net_pl"]) for g in found["groups"])
    assert found["open_trades"] == 1
    # Where nobody looked on a session's own day there is no figure of the account at all.
    equity = found["equity"]
    if equity is not None:
        assert equity["sharpe"]["value"] is None
        # Five minutes around New York's close the sample is that of the close.
        assert equity["bases"] in ({"running": 1}, {"own": 1})
    assert done(traded, "stats", "--symbol", "AAPL")["equity"] is None
    shown = execbot(["stats"], traded).out
    assert "10 needed" in shown and "Conventions" not in shown
    assert ("risk-free rate 0" in shown) is (equity is not None)


@pytest.fixture
def nobody(server: Server, tmp_path: Path) -> Env:
    """A trader who has not traded."""
    return server.environment(tmp_path, key="nobody")


@pytest.mark.parametrize(
    "words",
    [
        "trades --open --closed",
        "trades --format tradervue --csv",
        "trades --format hledger --json",
        "trades --columns nothing",
        "trades --since 2026-12-01 --until 2026-11-01",
        "trades --lots lifo",
        "stats --csv",
        "stats --columns group",
        "stats --by symbol --columns nothing",
        "stats --by colour",
        "trades --since never",
    ],
)
def test_what_cannot_be_asked_ends_with_2(nobody: Env, words: str) -> None:
    found = execbot(words.split(), nobody)
    assert found.code == 2, found.err
    assert "Traceback" not in found.err and found.out == ""


def test_an_account_without_trades(nobody: Env) -> None:
    assert done(nobody, "trades") == []
    assert execbot(["trades", "--csv"], nobody).out.startswith("id,symbol,side")
    assert json.loads(execbot(["stats", "--json"], nobody).out)["data"]["trades"]["trades"] == 0
    for form in ("tradervue", "tradenote", "tradetally", "hledger", "beancount"):
        assert execbot(["trades", "--format", form], nobody).code == 0
