"""Goal: a journal that has believed what cannot be is healed by rebuilding it, whatever it was.

Method: a desk at the built-in exchange; the poison is applied as a version without a border would
have applied it; then the rebuilt copy is put in its place, and an honest reconcile must find
nothing wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.desk import Desk, market

from execbot.broker.port import TradeUpdate
from execbot.journal import Journal
from execbot.model.account import Activity
from execbot.model.order import Order
from execbot.oms.ledger import recording
from execbot.oms.machine.events import activity_event
from execbot.oms.sync.gaps import SYNC_KEY
from execbot.oms.sync.rebuild import rebuilt_into

FAR = "2150-01-01T00:00:00Z"


@pytest.fixture
def traded(desk: Desk) -> Iterator[Desk]:
    """Ten shares bought; the journal agrees with the exchange."""
    desk.oms.submit(market(client_order_id="mine"))
    desk.sleep(1)
    desk.oms.apply_batch(desk.frames())
    assert not desk.oms.reconcile().has_breaks
    yield desk


def row_of(desk: Desk, **more: Any) -> dict[str, Any]:
    return {**desk.orders_there()["mine"], **more}


def snapshot(**more: Any) -> Callable[[Desk], None]:
    return lambda desk: _take(desk, Order.from_wire(row_of(desk, **more)))


def _take(desk: Desk, order: Order) -> None:
    desk.oms.apply_snapshot(order)


def frame_beyond_reason(desk: Desk) -> None:
    order = Order.from_wire(row_of(desk, filled_qty="1e30", qty="1e30"))
    told = {"execution_id": "e-9", "price": Decimal(1), "qty": Decimal("1e30")}
    desk.oms.apply_update(TradeUpdate("fill", order, desk.now(), **told))


def row_beyond_reason(desk: Desk) -> None:
    order_id = desk.orders_there()["mine"]["id"]
    plain = {"id": "a-9", "activity_type": "FILL", "symbol": "AAPL", "side": "buy", "price": "1"}
    row = Activity.from_wire({**plain, "order_id": order_id, "transaction_time": "2026-10-07"})

    with recording(desk.journal) as ledger:
        ledger.apply(activity_event(replace(row, qty=Decimal("1e30")), "mine", desk.now()))


def position_made_up(desk: Desk) -> None:
    with recording(desk.journal) as ledger:
        ledger.adjust(
            "AAPL",
            Decimal("1e40"),
            Decimal(1),
            reason="adopted",
            asset_class="us_equity",
            at=desk.now(),
            now=desk.now(),
        )


POISONS: dict[str, Callable[[Desk], None]] = {
    "an id that is a path": snapshot(id="../../x", client_order_id="evil", status="new"),
    "an id of a leg that is a path": snapshot(
        legs=[{"id": "../y", "client_order_id": "leg", "symbol": "AAPL", "status": "new"}]
    ),
    "a filled quantity beyond reason": snapshot(qty="1e30", filled_qty="1e30"),
    "a price of 3,000 digits": snapshot(id="other", client_order_id="o", limit_price="1" * 3000),
    "a frame beyond reason": frame_beyond_reason,
    "a fill row beyond reason": row_beyond_reason,
    "a position made up": position_made_up,
    "a time far ahead": snapshot(updated_at=FAR, status="canceled", filled_qty="4"),
}


@pytest.mark.parametrize("kind", POISONS)
def test_rebuilt_journal_reconciles_again(kind: str, traded: Desk, tmp_path: Path) -> None:
    """E-JRN-1."""
    POISONS[kind](traded)
    rebuilt = rebuilt_into(traded.journal.path, traded.now(), tmp_path / "healed.db")
    assert rebuilt.left_out, "the poison is named"
    with Journal.open(rebuilt.path) as healed:
        result = traded.open_oms(healed).reconcile()
        assert not result.has_breaks, result.breaks
        assert [(p.symbol, p.qty) for p in healed.positions()] == [("AAPL", Decimal(10))]
        assert {r.client_order_id for r in healed.orders("all")} == {"mine"}


def test_mark_in_the_future_hides_nothing(traded: Desk) -> None:
    """A time of 2150 was once taken for the last look: what came since is read all the same."""
    traded.journal.meta_set(SYNC_KEY, {"orders": FAR, "activities": FAR})
    body = {"symbol": "MSFT", "qty": "2", "side": "buy", "type": "market", "time_in_force": "day"}
    traded.call("POST", "/v2/orders", body)
    traded.sleep(1)
    result = traded.oms.reconcile()
    assert not result.has_breaks and not result.adopted_positions
    assert len(traded.journal.executions(symbol="MSFT")) == 1
    assert traded.journal.meta_get(SYNC_KEY)["orders"] < "2027"
