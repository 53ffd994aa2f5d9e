"""Goal: the rooms are put together as the mode says, and a dry run cannot write.

Method: contexts opened in process on the built-in exchange; each method of the adapter called.
"""

from __future__ import annotations

import inspect
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.processes import start_execbot

from execbot.broker.port import BrokerClient, ReplaceRequest, TradeUpdate
from execbot.broker.stream_states import Connected
from execbot.config.errors import ConfigError
from execbot.desk.account import Desk, open_desk
from execbot.desk.errors import AmbiguousId
from execbot.desk.look.orders import full_id
from execbot.desk.opening.journal_need import Need, open_journal
from execbot.desk.opening.read_only import ReadOnlyClient, WriteRefused
from execbot.model.enums import Side
from execbot.model.order import OrderRequest

WRITES: dict[str, tuple[Any, ...]] = {
    "place_order": (OrderRequest("AAPL", Side.BUY, qty=Decimal(1)),),
    "replace_order": ("id", ReplaceRequest()),
    "cancel_order": ("id",),
    "cancel_all_orders": (),
    "close_position": ("AAPL",),
}


def opened(env: dict[str, str], **options: Any) -> Desk:
    return open_desk(env=env, **options)


def test_a_dry_run_reads_and_cannot_write(sim_env: dict[str, str]) -> None:
    desk = opened(sim_env, dry_run=True)
    try:
        assert isinstance(desk.client, ReadOnlyClient)
        assert desk.client.get_asset("AAPL").tradable
        for name, arguments in WRITES.items():
            with pytest.raises(WriteRefused):
                getattr(desk.client, name)(*arguments)
        with pytest.raises(WriteRefused):
            desk.client.close_all_positions(cancel_orders=True)
        assert desk.client.get_positions() == []
    finally:
        desk.close()


def test_every_method_of_the_port_is_either_a_read_or_refused() -> None:
    abstract = {
        name
        for name, member in inspect.getmembers(BrokerClient)
        if getattr(member, "__isabstractmethod__", False)
    }
    reads = {name for name in abstract if name.startswith(("get_", "list_", "latest_"))}
    streams = {"trade_updates", "market_data"}
    assert abstract == reads | streams | set(WRITES) | {"close_all_positions"}


def test_trade_updates_of_the_exchange_in_this_process(sim_env: dict[str, str]) -> None:
    desk = opened(sim_env)
    stream = desk.client.trade_updates()
    seen: list[Any] = []
    connected, filled = threading.Event(), threading.Event()

    def listen() -> None:
        for message in stream.messages():
            seen.append(message)
            if isinstance(message, Connected):
                connected.set()
            if isinstance(message, TradeUpdate) and message.event == "fill":
                filled.set()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        assert connected.wait(20)
        desk.oms.submit(OrderRequest("AAPL", Side.BUY, qty=Decimal(1), client_order_id="streamed"))
        assert filled.wait(20)
    finally:
        stream.close()
        thread.join(20)
        desk.close()
    updates = [message for message in seen if isinstance(message, TradeUpdate)]
    assert {update.order.client_order_id for update in updates} == {"streamed"}
    assert updates[-1].qty == 1


def test_two_openings_see_one_account_and_the_state_is_remembered(sim_env: dict[str, str]) -> None:
    first, second = opened(sim_env), opened(sim_env)
    try:
        assert first.account == second.account
        assert first.directory == second.directory
        first.oms.submit(OrderRequest("AAPL", Side.BUY, qty=Decimal(1), client_order_id="seen"))
        assert second.journal.order_by_client_id("seen") is not None
    finally:
        first.close()
        second.close()


def test_keys_are_remembered_as_hashes_only(tmp_path: Path, sim_env: dict[str, str]) -> None:
    opened(sim_env).close()
    remembered = (tmp_path / "state" / "execbot" / "accounts.json").read_text()
    assert '"sim' not in remembered
    (tmp_path / "state" / "execbot" / "accounts.json").write_text("damaged")
    opened(sim_env).close()
    assert (tmp_path / "state" / "execbot" / "accounts.json").read_text() == remembered


def test_paper_without_keys_is_refused_before_anything_is_made(
    tmp_path: Path, sim_env: dict[str, str]
) -> None:
    with pytest.raises(ConfigError):
        opened(sim_env, mode_flag="paper")
    assert not (tmp_path / "state").exists()


def test_short_ids_name_one_order_or_are_refused(sim_env: dict[str, str]) -> None:
    desk = opened(sim_env)
    try:
        for name in ("first-1234567", "second-1234567"):
            request = OrderRequest("AAPL", Side.BUY, qty=Decimal(1), client_order_id=name)
            desk.oms.submit(request)
        record = desk.oms.record("first-1234567")
        assert full_id(desk, record.order_id[:8]) == "first-1234567"
        assert full_id(desk, "first-1234567") == "first-1234567"
        assert full_id(desk, "unknown-word") == "unknown-word"
        with pytest.raises(AmbiguousId, match="stands for 2 orders"):
            full_id(desk, "..1234567")
    finally:
        desk.close()


def test_the_same_id_submitted_by_many_processes_at_once_is_one_order(
    sim_env: dict[str, str],
) -> None:
    opened(sim_env).close()
    order = ["submit", "AAPL", "--qty", "1", "--client-order-id", "together", "--json"]
    processes = [start_execbot(order, sim_env) for _ in range(4)]
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, out + err
    desk = opened(sim_env)
    try:
        assert [r.client_order_id for r in desk.journal.orders("all")] == ["together"]
        assert len(desk.client.get_activities()) <= 1
        assert desk.client.get_order_by_client_id("together").id
    finally:
        desk.close()


@pytest.mark.parametrize("need", [Need.EXIT, Need.BRAKE])
def test_what_takes_risk_away_waits_a_second_at_most_for_a_locked_journal(
    tmp_path: Path, need: Need
) -> None:
    """What SQLite was told; an order that opens something may wait for ten."""
    with open_journal(tmp_path / "journal.db", need) as journal:
        [waits_ms] = journal._connection.execute("PRAGMA busy_timeout").fetchone()
    assert waits_ms <= 1000
