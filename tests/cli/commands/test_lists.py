"""Goal: what lists say as CSV is what --json says, and each shows what was asked for.

Method: one account traded through real commands against a served exchange whose clock stands still;
Python's own CSV reader; the exchange's orders.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from support.processes import Outcome, Server, exchange, execbot

FORMULA = "=HYPERLINK(1)"


class Trader:
    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env

    def __call__(self, line: str, code: int = 0) -> Outcome:
        done = execbot(line.split(), self.env)
        assert done.code == code, (line, done)
        return done

    def csv(self, line: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self(f"{line} --csv").out)))

    def data(self, line: str) -> Any:
        return self(f"{line} --json").data


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    clock = ("--calendar", "exchange", "--at", "2026-10-07 11:00", "--speed", "0")
    with exchange(tmp_path_factory.mktemp("lists"), *clock) as running:
        yield running


@pytest.fixture(scope="module")
def run(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Trader:
    trader = Trader(server.environment(tmp_path_factory.mktemp("home"), key="lists"))
    server.call("POST", "/sim/price", {"symbol": "AAPL", "price": "200"})
    trader("submit AAPL --qty 3 --stop-loss 2% --take-profit 2R --client-order-id one")
    server.call("POST", "/sim/clock", {"step": 5})
    trader(f"submit MSFT --qty 2 --limit 100 --client-order-id two --strategy {FORMULA}")
    server.call("POST", "/sim/clock", {"step": 5})
    trader("replace two --limit 101")
    server.call("POST", "/sim/clock", {"step": 5})
    trader("reconcile")
    return trader


def plain(value: Any) -> str:
    """As CSV has what --json has."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return " ".join(map(plain, value))
    return str(value)


@pytest.mark.parametrize("line", ["positions", "quote AAPL MSFT", "positions history"])
def test_csv_says_what_json_says(run: Trader, line: str) -> None:
    rows, data = run.csv(line), run.data(line)
    assert len(rows) == len(data) > 0
    moving = {"age_seconds", "unrealized_pl", "unrealized_plpc", "r", "market_value"}
    for row, said in zip(rows, data, strict=True):
        parted = ("option", "structure")  # of contracts: each of their fields is a column
        flat = {name: value for name, value in said.items() if name not in parted}
        assert {name for name in row if name.partition(".")[0] not in parted} == set(flat)
        assert {n: row[n] for n in flat if n not in moving} == {
            n: plain(v) for n, v in flat.items() if n not in moving
        }


def test_a_position_says_how_it_came_to_be(run: Trader, server: Server) -> None:
    [held] = run.data("positions --symbol AAPL")
    bought = next(o for o in server.orders("lists") if o["client_order_id"] == "one")
    assert held["entry_client_order_id"] == "one"
    assert held["opened_at"][:19] == bought["filled_at"][:19]
    first_stop = next(leg["stop_price"] for leg in bought["legs"] if leg["type"] == "stop")
    risk = (float(bought["filled_avg_price"]) - float(first_stop)) * 3
    assert float(held["risk_usd"]) == pytest.approx(risk)
    assert float(held["r"]) == pytest.approx(float(held["unrealized_pl"]) / risk, abs=1e-5)


def test_orders_are_chosen_by_strategy_and_by_what_filled(run: Trader) -> None:
    assert {o["client_order_id"] for o in run.data("orders --filled")} == {"one"}
    ours = run.data(f"orders --strategy {FORMULA}")
    assert [o["symbol"] for o in ours] == ["MSFT"]
    assert run.data("orders --strategy nobody") == []
    assert run.data("orders --filled --since 2026-10-08") == []


def test_what_was_replaced_is_behind_all(run: Trader) -> None:
    now = {o["status"] for o in run.data("orders --symbol MSFT")}
    every = {o["status"] for o in run.data("orders --symbol MSFT --all")}
    assert "replaced" not in now
    assert every == now | {"replaced"}
    assert every == {o["status"] for o in run.data("orders --symbol MSFT --status all")}


@pytest.mark.parametrize("chosen", ["", " --since 2026-10-07", " --filled", " --status all"])
def test_a_limit_counts_what_is_shown(run: Trader, chosen: str) -> None:
    """What was replaced takes no place where it is not listed."""
    every = [o["id"] for o in run.data(f"orders{chosen}")]
    assert every
    for limit in range(1, len(every) + 2):
        shown = [o["id"] for o in run.data(f"orders{chosen} --limit {limit}")]
        assert shown == every[:limit]


def test_orders_as_csv_have_a_line_for_each_leg(run: Trader, server: Server) -> None:
    rows = run.csv("orders --status all")
    told = {row["id"] for row in rows}
    at_broker = server.orders("lists")
    legs = {leg["id"]: o["client_order_id"] for o in at_broker for leg in o["legs"] or ()}
    assert told >= {order["id"] for order in at_broker} | set(legs)
    assert {row["id"]: row["leg_of"] for row in rows if row["leg_of"]} == legs


def test_what_works_comes_first_for_people(run: Trader) -> None:
    statuses = [line.split("\t")[0] for line in run("orders --columns status").out.splitlines()[1:]]
    is_over = [status in ("filled", "canceled", "replaced") for status in statuses if status]
    parents = [row for row in run.csv("orders --columns status,leg_of") if not row["leg_of"]]
    assert [row["status"] in ("filled",) for row in parents] == [False, True]
    assert statuses and not is_over[0]


def test_no_cell_begins_a_formula(run: Trader) -> None:
    [row] = run.csv(f"orders --strategy {FORMULA}")
    assert row["strategy_id"] == f"'{FORMULA}"


def test_csv_of_an_answer_with_several_parts_is_its_list(run: Trader, server: Server) -> None:
    stocks, crypto = run.csv("market")
    said = run.data("market")
    for row, of in ((stocks, said["stocks"]), (crypto, said["crypto"])):
        assert {name: row[name] for name in of} == {n: plain(v) for n, v in of.items()}
    assert stocks["holidays"].split() == [item["date"] for item in said["holidays"]]
    [facts] = run.csv("journal")
    assert facts["path"] == run.data("journal")["path"] and int(facts["orders"]) > 2
    tables = {row["name"] for row in run.csv("journal size") if row["kind"] == "table"}
    assert tables == {table["name"] for table in run.data("journal size")["tables"]} != set()
    url = f"--url {server.rest}"
    [account] = [row for row in run.csv(f"sim status {url}") if row["key"] == "lists"]
    [told] = [one for one in run.data(f"sim status {url}")["accounts"] if one["key"] == "lists"]
    assert account["cash"] == told["cash"] and account["positions"] == str(told["positions"])
    assert run.csv("reconcile") == run.data("reconcile")["breaks"] == []


def test_csv_of_one_trade_is_its_executions(run: Trader) -> None:
    said = run.data("trades show AAPL")["parts"]
    assert run.csv("trades show AAPL") == [{n: plain(v) for n, v in p.items()} for p in said] != []


def test_csv_of_one_order_is_its_history(run: Trader) -> None:
    """Events and decisions, each once, in the order in which they were recorded."""
    rows, said = run.csv("orders show one"), run.data("orders show one")
    events = {row["seq"]: row for row in rows if row["seq"]}
    assert list(events) == [str(event["seq"]) for event in said["history"]] != []
    for event in said["history"]:
        row = events[str(event["seq"])]
        assert {n: row[n] for n in event if n != "details"} == {
            n: plain(v) for n, v in event.items() if n != "details"
        }
    decided = [(row["kind"], row["rule"]) for row in rows if row["source"] == "decision"]
    assert sorted(decided) == sorted((d["kind"], d["rule"]) for d in said["decisions"]) != []
    recorded = [row["recorded_at"] for row in rows]
    assert recorded == sorted(recorded) and len(rows) == len(events) + len(decided)


def test_a_break_is_a_line_and_the_command_still_ends_with_8(run: Trader, server: Server) -> None:
    rule = {"kind": "position_missing", "symbol": "AAPL"}
    server.call("POST", "/sim/faults", {**rule, "key": "lists"})
    try:
        said = run("reconcile --csv", code=8)
        rows = list(csv.DictReader(io.StringIO(said.out)))
        [missing] = [row for row in rows if row["subject"] == "AAPL"]
        assert missing["ours"].startswith("3") and missing["theirs"].startswith("0")
        told = run("reconcile --json", code=8).data["breaks"]
        assert {row["kind"] for row in rows} == {item["kind"] for item in told}
    finally:
        server.call("DELETE", "/sim/faults")


@pytest.mark.parametrize("line", ["orders", "positions", "exits", "exits show", "queue",
                                  "queue list", "account", "quote AAPL", "market", "journal",
                                  "journal size", "journal verify", "reconcile", "sim",
                                  "sim status", "profiles", "alerts", "health", "config show",
                                  "option held", "stats --by symbol", "trades", "doctor",
                                  "positions history", "orders show one",
                                  "trades show AAPL"])  # fmt: skip
def test_every_list_has_csv_and_columns(run: Trader, line: str) -> None:
    head = run(f"{line} --csv").out.splitlines()[0].split(",")
    assert len(head) >= 3
    chosen = run(f"{line} --csv --columns {head[1]},{head[0]}").out.splitlines()[0]
    assert chosen == f"{head[1]},{head[0]}"
    table = run(f"{line} --columns {head[1]}").out.splitlines()[0]
    assert table == head[1]
    run(f"{line} --columns nothing", code=2)
    run(f"{line} --csv --json", code=2)


def test_tables_are_in_cents_and_json_is_not_rounded(run: Trader) -> None:
    said = run("positions --symbol AAPL").out.splitlines()
    cells = dict(zip(said[0].split("\t"), said[1].split("\t"), strict=True))
    for name in ("avg price", "price", "value", "unrealized", "percent", "R"):
        assert len(cells[name].partition(".")[2]) == 2, (name, cells)
    account = run("account").out
    assert all(len(word.partition(".")[2]) <= 2 for word in account.split() if "." in word[1:-1]
               and word.replace(".", "", 1).lstrip("-").isdigit())  # fmt: skip
