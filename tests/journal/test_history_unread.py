"""Goal: what years of past orders hold is read by nobody who does not ask for it.

Method: every statement of the journal is explained by SQLite; whole commands, as processes, count
the steps that SQLite makes for them on a journal without and with thousands of past orders.
"""

from __future__ import annotations

import inspect
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from journal.grown import grow
from journal.rows import T0, cash_day, confirmation, event, execution, record
from msgspec.structs import replace
from support.processes import clean_environment, done

from execbot.journal import Journal
from execbot.journal.archives.tables import IdKind
from execbot.journal.care.look_over import CHECKED_WHOLE_MAX, damage_in_reach
from execbot.journal.confirmation import CashSample
from execbot.journal.connection import Connection
from execbot.journal.records import (
    AccountRow,
    EquitySample,
    FeeSum,
    LifeStep,
    PositionDay,
    PositionRecord,
)
from execbot.model.account import Activity

# --- every statement ---------------------------------------------------------------------------

ASKS_FOR_ALL = {
    "counts": "how much there is of everything",
    "check": "SQLite's own look at the whole file",
    "clear_derived": "a rebuild derives all of it anew",
    "derived_tables": "for comparing two derivations",
    "all_events": "a rebuild reads all of them, a batch at a time",
    "size": "no table is read",
    "orders_by_day": "for archiving what is over",
    "symbols_ever": "a row for each symbol",
    "archived_symbols": "a rebuild begins with what is archived",
}
NO_STATEMENT = {
    *("open", "close", "transaction", "in_transaction", "checkpoint", "data_version"),
    *("going_on", "stand_in", "unreadable", "archives_directory", "as_of_one_moment"),
}
FEE = Activity.from_wire({"id": "fee-1", "activity_type": "FEE", "net_amount": "-0.01"})
A_LIMIT_ENDS_IT = re.compile(r"ORDER BY .* LIMIT (\?|\d+)")


def calls(journal: Journal) -> dict[str, Callable[[], Any]]:
    """Each public method of the journal, called in every way that builds another statement."""
    hour, day = timedelta(hours=1), date(2026, 10, 7)
    held = PositionRecord(symbol="AAPL", updated_at=T0)
    return {
        "orders": lambda: [
            journal.orders(status, symbol=symbol, since=since, until=until, limit=3, legs=legs)
            for status in ("open", "closed", "rejected", "all")
            for symbol in (None, "AAPL")
            for since in (None, T0)
            for until in (None, T0 + hour)
            for legs in (True, False)
        ],
        "orders_of_days": lambda: [
            journal.orders_of_days(T0, T0 + hour, with_open=a, legs=b)
            for a in (True, False)
            for b in (True, False)
        ],
        "order_by_client_id": lambda: journal.order_by_client_id("a"),
        "orders_alone": lambda: journal.orders_alone(["a", "b"]),
        "orders_by_client_ids": lambda: journal.orders_by_client_ids(["a", "b"]),
        "orders_named": lambda: journal.orders_named("a"),
        "order_by_broker_id": lambda: journal.order_by_broker_id("id-a"),
        "find_order": lambda: journal.find_order("nobody"),
        "unsettled_orders": journal.unsettled_orders,
        "count_sent": lambda: journal.count_sent(since=T0),
        "last_statuses": lambda: journal.last_statuses(limit=3, since=T0),
        "legs_of": lambda: journal.legs_of("a"),
        "client_ids_of": lambda: journal.client_ids_of(["id-a"]),
        "chain_before": lambda: journal.chain_before("id-a"),
        "successors": lambda: journal.successors(journal.orders_alone(["a"])),
        "successors_of": lambda: journal.successors_of(["id-a"]),
        "families": lambda: journal.families(journal.orders_alone(["a", "leg"])),
        "put_orders": lambda: journal.put_orders([record("a")]),
        "pack_newly": journal.pack_newly,
        "revoke": lambda: journal.revoke("a"),
        "is_revoked": lambda: journal.is_revoked("a"),
        "note_handed_order": lambda: journal.note_handed_order("close:a", "a"),
        "handed_orders": lambda: journal.handed_orders("close:a"),
        "events_of": lambda: [journal.events_of("a"), journal.events_of("a", after=1)],
        "changes_since": lambda: journal.changes_since(0),
        "touched_since": lambda: journal.touched_since(0),
        "facts_since": lambda: journal.facts_since(0),
        "adjusted_since": lambda: journal.adjusted_since(0),
        "acts_between": lambda: journal.acts_between(0, 9),
        "has_note": lambda: journal.has_note("a", "words"),
        "has_act": lambda: journal.has_act("a", "exists"),
        "acts_of": lambda: journal.acts_of("a", ["send"]),
        "last_act": lambda: journal.last_act("a"),
        "changed_since": lambda: journal.changed_since(0),
        "last_seq": journal.last_seq,
        "seq_before": lambda: journal.seq_before(T0),
        "last_written": journal.last_written,
        "first_written": journal.first_written,
        "append_events": lambda: journal.append_events([event("a")]),
        "fills": lambda: [journal.fills(T0), journal.fills(T0, T0 + hour, "AAPL")],
        "executions": lambda: [
            journal.executions(since, until, symbol)
            for since, until, symbol in ((T0, None, None), (None, T0, "AAPL"), (T0, T0, "AAPL"))
        ],
        "executions_of_orders": lambda: journal.executions_of_orders(["a"]),
        "executions_of": lambda: journal.executions_of("a"),
        "inferred_executions": journal.inferred_executions,
        "first_execution": lambda: journal.first_execution("AAPL"),
        "first_execution_at": lambda: journal.first_execution_at(),
        "was_traded": lambda: journal.was_traded("AAPL"),
        "execution_owners": lambda: journal.execution_owners(["x"]),
        "put_executions": lambda: journal.put_executions([execution("x")], ["y"]),
        "positions": journal.positions,
        "last_life": lambda: journal.last_life("AAPL"),
        "lives": lambda: journal.lives("AAPL", limit=3),
        "recent_lives": lambda: journal.recent_lives(limit=3),
        "lives_since": journal.lives_since,
        "working_orders": lambda: journal.working_orders("AAPL"),
        "add_lives": lambda: journal.add_lives([LifeStep("AAPL", T0, T0, "OPEN", "x", Decimal(1))]),
        "flat_since": lambda: journal.flat_since(T0),
        "position": lambda: journal.position("AAPL"),
        "positions_of": lambda: journal.positions_of(["AAPL"]),
        "position_day": lambda: journal.position_day("AAPL", until=day),
        "position_before": lambda: journal.position_before("AAPL", day - timedelta(days=9)),
        "day_before": lambda: journal.day_before("AAPL", day, lambda held: bool(held.qty)),
        "day_after": lambda: journal.day_after("AAPL", day, lambda held: bool(held.qty)),
        "put_positions": lambda: journal.put_positions([held]),
        "put_position_days": lambda: journal.put_position_days([PositionDay(day, held)]),
        "drop_position_days": lambda: journal.drop_position_days("AAPL", since=day),
        "archives": lambda: [journal.archives(), journal.archives(T0, T0 + hour)],
        "archived_ids": lambda: journal.archived_ids(["a"], IdKind.ORDER),
        "meta_get": lambda: journal.meta_get("key"),
        "meta_set": lambda: journal.meta_set("key", 1),
        "meta_delete": lambda: journal.meta_delete("key"),
        "meta_all": lambda: journal.meta_all("k"),
        "audit": lambda: journal.audit("risk", "a", "rule", {}, "passed", T0),
        "audit_of": lambda: journal.audit_of("a"),
        "decisions": lambda: journal.decisions("risk", "a"),
        "last_audit": lambda: journal.last_audit("risk", "a"),
        "recoveries": lambda: [journal.recoveries(T0), journal.recoveries(T0, T0 + hour)],
        "claim_signal": lambda: journal.claim_signal("s", "AAPL", {}, T0),
        "finish_signal": lambda: journal.finish_signal("s", "sent", T0),
        "signal": lambda: journal.signal("s"),
        "claimed_signals": lambda: journal.claimed_signals(T0),
        "signal_symbols": lambda: journal.signal_symbols(T0),
        "signals": lambda: [journal.signals(), journal.signals(since=T0)],
        "account_rows": lambda: journal.account_rows(["FEE"]),
        "put_account_rows": lambda: journal.put_account_rows([(day, AccountRow(FEE))]),
        "fee_sum": lambda: journal.fee_sum("AAPL", until=day),
        "put_fee_sums": lambda: journal.put_fee_sums([FeeSum("AAPL", day)]),
        "add_cash_sample": lambda: journal.add_cash_sample(CashSample(T0, Decimal(1))),
        "cash_sample": lambda: [
            journal.cash_sample(until=T0),
            journal.cash_sample(since=T0),
        ],
        "cash_day": lambda: journal.cash_day(day),
        "cash_days": lambda: journal.cash_days(day, day),
        "add_cash_day": lambda: journal.add_cash_day(cash_day(day)),
        "confirmation": lambda: journal.confirmation("a"),
        "confirmations_of": lambda: journal.confirmations_of(["a", "b"]),
        "confirmations": lambda: journal.confirmations(T0, T0 + hour),
        "missed_orders": lambda: journal.missed_orders(T0),
        "confirmation_versions": lambda: journal.confirmation_versions("a"),
        "confirmations_since": lambda: journal.confirmations_since(0),
        "last_confirmations": lambda: journal.last_confirmations("marketable", limit=50),
        "last_confirmation_seq": journal.last_confirmation_seq,
        "confirmations_due": lambda: journal.confirmations_due(T0),
        "next_confirmation_due": journal.next_confirmation_due,
        "add_confirmation": lambda: journal.add_confirmation(confirmation("a"), due_at=T0),
        "put_off_confirmation": lambda: journal.put_off_confirmation("a", T0 + hour),
        "save_plan": lambda: journal.save_plan("p", "AAPL", "active", {}, T0, version=2),
        "plan": lambda: journal.plan("p"),
        "plan_history": lambda: journal.plan_history("p"),
        "plan_ends": lambda: journal.plan_ends(["p"]),
        "plan_ids_of": lambda: journal.plan_ids_of(["AAPL"]),
        "add_equity_sample": lambda: journal.add_equity_sample(EquitySample(T0, Decimal(1))),
        "equity_samples": lambda: journal.equity_samples(T0, T0 + hour),
        "reported": lambda: [journal.reported(T0), journal.reported(T0, T0 + hour)],
        "wishes": lambda: journal.wishes(["a", "b"]),
        "trails": lambda: journal.trails(["a", "b"]),
        "signal_times": lambda: [journal.signal_times(T0), journal.signal_times(T0, T0 + hour)],
        "newest_plan": lambda: journal.newest_plan("AAPL", "closed"),
        "plan_versions": lambda: journal.plan_versions(["active"], ["p"]),
        "plans": lambda: [
            journal.plans(statuses=["active"]),
            journal.plans(statuses=["active"], symbol="AAPL"),
        ],
    }


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Journal, list[Any]]]:
    """A journal, and every statement with its values that goes to it from now on."""
    heard: list[tuple[str, Sequence[Any]]] = []
    rows, run, many = Connection._rows, Connection._run, Connection._run_many

    def hear_rows(self: Connection, sql: str, values: Sequence[Any] = ()) -> Any:
        heard.append((sql, values))
        return rows(self, sql, values)

    def hear_run(self: Connection, sql: str, values: Sequence[Any] = ()) -> Any:
        heard.append((sql, values))
        return run(self, sql, values)

    def hear_many(self: Connection, sql: str, found: Any) -> Any:
        kept = list(found)
        heard.extend((sql, values) for values in kept)
        return many(self, sql, kept)

    with Journal.open(tmp_path / "journal.db") as journal:
        with journal.transaction():
            leg = replace(record("leg"), parent_id="a")
            journal.put_orders([record("a"), leg])
            journal.append_events([event("a")])
            journal.put_executions([execution("z")])
        monkeypatch.setattr(Connection, "_rows", hear_rows)
        monkeypatch.setattr(Connection, "_run", hear_run)
        monkeypatch.setattr(Connection, "_run_many", hear_many)
        yield journal, heard


def test_every_statement_finds_its_rows_by_an_index(said: tuple[Journal, list[Any]]) -> None:
    journal, heard = said
    found: dict[str, str] = {}
    for name, call in calls(journal).items():
        heard.clear()
        call()
        for sql, values in list(heard):
            for detail in _scans(journal, sql, values):
                found[f"{name}: {sql}"] = detail
    assert not found


def test_every_method_of_the_journal_is_explained(said: tuple[Journal, list[Any]]) -> None:
    names = {name for name, _ in inspect.getmembers(Journal) if not name.startswith("_")}
    assert names - NO_STATEMENT - ASKS_FOR_ALL.keys() == calls(said[0]).keys()


def test_the_look_before_something_is_lifted_reads_no_table_whole(
    said: tuple[Journal, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, heard = said
    monkeypatch.setattr("execbot.journal.care.look_over.CHECKED_WHOLE_MAX", 0)
    assert damage_in_reach(journal) == []
    checked = {sql for sql, _ in heard if "_check" in sql}
    assert checked == {"PRAGMA quick_check(meta)", "PRAGMA quick_check(positions)"}
    assert [sql for sql, values in heard for _ in _scans(journal, sql, values)] == []


def _scans(journal: Journal, sql: str, values: Sequence[Any]) -> list[str]:
    """What of a statement reads a table, or one of its indexes, from one end to the other."""
    if sql.split()[0] not in ("SELECT", "INSERT", "UPDATE", "DELETE"):
        return []
    plan = journal._connection.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
    details = [row["detail"] for row in plan]
    sorts = any(detail == "USE TEMP B-TREE FOR ORDER BY" for detail in details)
    if A_LIMIT_ENDS_IT.search(sql) and not sorts:
        return []
    bounded = ("json_each", "CONSTANT ROW", "fills_inferred")
    return [d for d in details if d.startswith("SCAN") and not any(word in d for word in bounded)]


# --- whole commands ----------------------------------------------------------------------------

COPIES = 1800
ALLOWED = 6_000
"""Steps more than without the past: to go through the smallest table of it alone takes more."""

COMMANDS = (
    ["orders"],
    ["orders", "--status", "open"],
    ["orders", "--status", "closed", "--limit", "3"],
    ["orders", "--status", "all", "--symbol", "AAPL", "--limit", "3"],
    ["positions"],
    ["account"],
    ["exits"],
    ["queue"],
    ["report", "--daily"],
    ["doctor"],
    ["reconcile"],
    ["submit", "AAPL", "--qty", "1", "--stop-loss", "5%"],
    ["positions"],
    ["watch", "--seconds", "1", "--plain"],
    ["close", "AAPL"],
    ["halt", "--reason", "counted"],
    ["resume"],
    ["cancel-all"],
)

LIMITS = """
trading_execution:
  risk:
    max_consecutive_losses: 50
    duplicate_window_seconds: 1
    scale_in: {enabled: true, max_steps: 1000000, min_profit_pct: -100}
"""


def steps_of(words: Sequence[str], env: dict[str, str], tmp_path: Path) -> int:
    told = tmp_path / "steps"
    shown = words if "--plain" in words else [*words, "--json"]
    env = {**env, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    ended = subprocess.run(
        [sys.executable, "-m", "journal.counted", str(told), *shown],
        env=env,
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return int(told.read_text())


@pytest.mark.timeout(1800)
def test_no_command_reads_the_orders_of_earlier_days(tmp_path: Path) -> None:
    (tmp_path / "trading.yaml").write_text(LIMITS)
    config = {"EXECBOT_MODE": "sim", "EXECBOT_CONFIG": str(tmp_path / "trading.yaml")}
    homes = {name: tmp_path / name for name in ("without", "with")}
    for home in homes.values():
        home.mkdir()
    env = {name: clean_environment(home, **config) for name, home in homes.items()}
    done(env["without"], "submit", "AAPL", "--qty", "1", "--wait", "20")
    done(env["without"], "positions")  # lays the sum of fees before this day, which the copies keep
    done(env["without"], "close", "AAPL", "--wait", "20")
    done(env["without"], "submit", "BTC/USD", "--qty", "0.01", "--tif", "gtc", "--wait", "20")
    done(env["without"], "close", "BTC/USD", "--wait", "20")
    done(env["without"], "report", "--daily")  # books the coins that went as fees
    done(env["without"], "reconcile")
    shutil.copytree(homes["without"] / "state", homes["with"] / "state")
    journal = next((homes["with"] / "state").rglob("journal.db"))
    grow(journal, COPIES)
    assert journal.stat().st_size > CHECKED_WHOLE_MAX, "a smaller one is checked whole each time"
    with closing(sqlite3.connect(journal)) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone()[0] == 4 * COPIES + 4
    more: dict[str, tuple[int, int]] = {}
    for words in COMMANDS:
        before, after = (steps_of(words, env[name], tmp_path) for name in homes)
        if after > before + ALLOWED:
            more[" ".join(words)] = (before, after)
    assert not more
