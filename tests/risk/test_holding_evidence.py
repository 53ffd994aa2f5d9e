"""Goal: an order's shares never count zero times, and what cannot be is unknown (E-POS-2, E-POS-3).

Method: tables of both witnesses; hypothesis plays days in which the broker's list lags behind.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.oms_making import order

from execbot.journal.records import OrderRecord, PositionRecord, Progress
from execbot.model.account import Account, Position
from execbot.risk.equity import equity_of
from execbot.risk.holding_evidence import (
    HoldingRange,
    Holdings,
    MayFill,
    counted_positions,
    holding,
)

D = Decimal


def ours(qty: str, **more: object) -> PositionRecord:
    return PositionRecord("AAPL", qty=D(qty), avg_entry_price=D(100), **more)  # type: ignore[arg-type]


def theirs(qty: str) -> Position | None:
    return Position("AAPL", D(qty)) if D(qty) else None


def under_way(**parts: str) -> MayFill:
    return MayFill(**{name: D(qty) for name, qty in parts.items()})


@pytest.mark.parametrize(
    ("fills", "broker", "moving", "is_known"),
    [
        ("10", "10", {}, True),
        ("10", "0", {}, False),
        ("10", "9", {}, False),
        ("10", "11", {}, False),
        ("0", "10", {"adds": "10"}, True),
        ("0", "11", {"adds": "10"}, False),
        ("10", "14", {"adds": "5"}, True),
        ("10", "0", {"bought": "10"}, True),
        ("10", "0", {"bought": "9"}, False),
        ("0", "10", {"sold": "10"}, True),
        ("-10", "-10", {}, True),
        ("-10", "-14", {"takes": "4"}, True),
        ("-10", "0", {"takes": "4"}, False),
        ("0", "-4", {"takes": "4"}, True),
    ],
)
def test_the_brokers_word_is_believed_within_what_may_have_filled(
    fills: str, broker: str, moving: dict[str, str], is_known: bool
) -> None:
    """E-POS-3."""
    assert holding(ours(fills), theirs(broker), under_way(**moving)).is_known is is_known


@pytest.mark.parametrize(
    ("qty", "filled", "chain", "rest"), [("10", "4", "0", "6"), ("25", "2", "9", "14")]
)
def test_what_an_order_may_still_fill_leaves_out_what_its_chain_has_filled(
    qty: str, filled: str, chain: str, rest: str
) -> None:
    """E-ORD-6: the quantity of a replacement counts the orders before it."""
    shown = order("partially_filled", order_qty=qty, filled=filled, avg="100")
    record = OrderRecord(shown, progress=Progress(chain_qty=D(chain)))
    assert MayFill().with_order(record, is_entry=True, changed=False).adds == D(rest)


@pytest.mark.parametrize(("broker", "is_known"), [("0.997", True), ("0.9969", False)])
def test_a_coins_fee_of_what_was_bought_is_no_difference(broker: str, is_known: bool) -> None:
    record = PositionRecord("BTC/USD", asset_class="crypto", qty=D(1), bought_qty=D(1))
    assert holding(record, Position("BTCUSD", D(broker))).is_known is is_known


@given(
    bought=st.lists(st.integers(1, 50), min_size=1, max_size=8),
    reported=st.integers(0, 8),
    listed=st.integers(0, 8),
)
def test_the_larger_witness_counts_whichever_lags(
    bought: list[int], reported: int, listed: int
) -> None:
    """E-POS-2: the journal has heard of some fills, the broker's list shows some of them."""
    fills, broker = sum(bought[:reported]), sum(bought[:listed])
    waiting = MayFill(adds=D(sum(bought[reported:])))
    item = holding(ours(str(fills)), theirs(str(broker)), waiting)
    assert item.counted == max(fills, broker)
    assert item.is_known == (broker >= fills)
    found = counted_positions([item], {} if not broker else {"AAPL": theirs(str(broker))}, {})
    assert sum(abs(position.qty) for position in found.values()) == max(fills, broker)


def test_a_position_that_only_the_fills_make_has_their_price() -> None:
    item = HoldingRange("AAPL", D(10), D(0), D(10), D(10))
    (position,) = counted_positions([item], {}, {"AAPL": ours("10")}).values()
    assert (position.qty, position.avg_entry_price) == (10, 100)


# --- equity ------------------------------------------------------------------------------------


def account(equity: str | None, cash: str = "60000", long: str = "40000", short: str = "0"):
    wire = {
        "id": "a", "status": "ACTIVE", "equity": equity, "cash": cash,
        "long_market_value": long, "short_market_value": short,
    }  # fmt: skip
    return Account.from_wire(wire)


@pytest.mark.parametrize(
    ("equity", "is_known", "safe"),
    [
        ("100000", True, "100000"),
        ("80000", True, "80000"),
        ("79999.99", False, "79999.99"),
        ("120000", True, "120000"),
        ("120000.01", False, "100000"),
        ("0", False, "100000"),
        ("-5", False, "100000"),
    ],
)
def test_equity_far_from_what_the_account_holds_is_unknown(
    equity: str, is_known: bool, safe: str
) -> None:
    """E-ALL-6, E-EQ-1: where a size must be had, the smaller positive figure counts."""
    found = equity_of(account(equity))
    assert (found.is_known, found.safe) == (is_known, D(safe))


def test_a_server_without_equity_is_measured_by_its_cash() -> None:
    found = equity_of(Account.from_wire({"id": "a", "status": "ACTIVE", "cash": "5000"}))
    assert (found.is_known, found.safe) == (True, 5000)
    assert not equity_of(None).is_known


def gone(symbol: str, qty: str) -> HoldingRange:
    return HoldingRange(symbol, D(qty), D(0), D(qty), D(qty))


CALL = "FB261218C00250000"


@pytest.mark.parametrize(
    ("missing", "come", "is_one"),
    [
        (gone("FB", "10"), Position("META", D(10)), True),
        (gone("FB", "-10"), Position("META", D(-10)), True),
        (gone("FB", "10"), Position("META", D(9)), False),
        (HoldingRange("FB", D(10), D(10), D(10), D(10)), Position("META", D(10)), False),
        (gone(CALL, "2"), Position("META261218C00250000", D(2)), True),
        (gone(CALL, "2"), Position("META261218C00255000", D(2)), False),
        (gone(CALL, "2"), Position("META261218P00250000", D(2)), False),
        (gone(CALL, "10"), Position("META", D(10)), False),
    ],
)
def test_what_came_as_another_went_may_be_the_same_under_a_new_name(
    missing: HoldingRange, come: Position, is_one: bool
) -> None:
    """E-CORP-2: of a contract all but its root stays."""
    held = Holdings({come.symbol: come}, {missing.symbol: missing})
    assert held.perhaps_was(come.symbol) == (missing if is_one else None)
    known = HoldingRange(come.symbol, come.qty, come.qty, come.qty, come.qty)
    heard = Holdings(held.positions, {**held.by_symbol, come.symbol: known})
    assert heard.perhaps_was(come.symbol) is None
    assert held.perhaps_was("KO") is None
