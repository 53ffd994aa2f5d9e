"""Goal: a symbol of which the broker says what cannot be is unknown, not absent, until it says
better; entries in it wait, everything else goes on, and nothing of it reaches the books.

Method: a desk at the built-in exchange whose answers are spoilt, one field at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from support.desk import Desk, limit, market

from execbot.broker.errors import UnreadRow
from execbot.config.schema import Mode, TradingSettings
from execbot.oms.place.risk_gate import RiskGate
from execbot.oms.send.orders import held_positions
from execbot.oms.sync import reconcile
from execbot.oms.sync.evidence import Evidence
from execbot.oms.sync.row_evidence import MovedShares
from execbot.oms.sync.unread_rows import AUDIT_KIND
from execbot.risk.verdict import Verdict

POSITIONS, ORDERS, ROWS = "/v2/positions", "/v2/orders", "/v2/account/activities*"


@pytest.fixture
def held(desk: Desk) -> Iterator[Desk]:
    """Ten of AAPL; the journal agrees with the exchange."""
    desk.oms.submit(market(client_order_id="mine"))
    desk.sleep(1)
    desk.oms.apply_batch(desk.frames())
    assert not desk.oms.reconcile().has_breaks
    yield desk


def spoil(desk: Desk, path: str, field: str, json: str, **rule: Any) -> None:
    rule = {"method": "GET", "count": 1000, **rule}
    desk.fault("value_spoilt", path=path, field=field, json=json, **rule)


def honest(desk: Desk) -> None:
    desk.call("DELETE", "/sim/faults")


def judged(desk: Desk, symbol: str) -> Verdict:
    gate = RiskGate(desk.client, desk.journal, TradingSettings(), Mode.SIM, now=desk.now)
    return gate.check(market(symbol, "1")).verdict


def failed(verdict: Verdict) -> set[str]:
    return {result.code for result in verdict.failures}


def qty(desk: Desk, symbol: str = "AAPL") -> Decimal:
    position = desk.journal.position(symbol)
    return position.qty if position is not None else Decimal(0)


@pytest.mark.parametrize(
    ("field", "json"),
    [
        *(("0.qty", value) for value in ("1e999", '"1e30"', "9" * 3000, "{}", "null", '"NaN"')),
        *(("0.symbol", value) for value in (r'"\ud800"', "7", "null", '"../../x"')),
        ("0.side", "7"),
        ("0.avg_entry_price", '"-1e30"'),
        ("0", "7"),
    ],
)
def test_position_that_cannot_be_is_a_break_and_no_absence(
    held: Desk, field: str, json: str
) -> None:
    """E-ALL-3: nothing is booked, and the next honest answer finds nothing wrong."""
    spoil(held, POSITIONS, field, json)
    result = held.oms.reconcile()
    [found] = result.breaks
    assert found.kind == "answer.unknown" and found.subject in ("AAPL", "position")
    assert qty(held) == 10
    honest(held)
    assert not held.oms.reconcile().has_breaks
    assert [(p.symbol, p.qty) for p in held.journal.positions()] == [("AAPL", Decimal(10))]


def test_position_that_cannot_be_is_not_booked_away_where_rows_are_booked(
    held: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever accepts the broker's positions accepts no quantity that could not be read, also where
    what comes before a split is booked first."""
    booked = Evidence(before_splits=(MovedShares("KO", Decimal(0), ()),))
    monkeypatch.setattr(reconcile, "read_evidence", lambda *_: booked)
    spoil(held, POSITIONS, "0.qty", "1e999")
    result = held.oms.reconcile(accept_positions=True)
    assert [item.kind for item in result.breaks] == ["answer.unknown"]
    assert not result.adjusted_positions
    assert qty(held) == 10


def test_one_bad_answer_is_asked_for_again_at_once(held: Desk) -> None:
    spoil(held, POSITIONS, "0.qty", "1e999", count=1)
    assert not held.oms.reconcile().has_breaks


@pytest.mark.parametrize("path", [ORDERS, POSITIONS])
def test_entry_in_an_unknown_symbol_waits_and_others_go(held: Desk, path: str) -> None:
    """E-ALL-4: `position_known` says which answer is impossible."""
    if path == ORDERS:
        body = {"side": "buy", "type": "limit", "limit_price": "1", "time_in_force": "gtc"}
        held.call("POST", ORDERS, {**body, "symbol": "AAPL", "qty": "1"})
    spoil(held, path, "*.qty", "1e999")
    verdict = judged(held, "AAPL")
    assert "position_known" in failed(verdict)
    assert any("impossible" in result.message for result in verdict.failures)
    assert "position_known" not in failed(judged(held, "MSFT"))
    honest(held)
    assert "position_known" not in failed(judged(held, "AAPL"))


def test_nameless_order_makes_every_symbol_unknown(held: Desk) -> None:
    body = {"side": "buy", "type": "limit", "limit_price": "1", "time_in_force": "gtc"}
    held.call("POST", ORDERS, {**body, "symbol": "AAPL", "qty": "1"})
    spoil(held, ORDERS, "*.symbol", "7")
    assert "position_known" in failed(judged(held, "MSFT"))


def test_exit_goes_by_the_fills(held: Desk) -> None:
    """E-ALL-4: unknown stops entries, never exits."""
    spoil(held, f"{POSITIONS}*", "qty", "{}")
    result = held.oms.close("AAPL", wait_seconds=2)
    assert result.record is not None and result.record.order.qty == 10
    with pytest.raises(UnreadRow):
        held.client.get_position("AAPL")


def test_order_that_cannot_be_is_not_missing_and_not_booked(held: Desk) -> None:
    """An order of ours that works: the list shows it with a quantity beyond reason, and so does
    the look at it alone."""
    held.oms.submit(limit("1.00", "MSFT", client_order_id="rests"))
    spoil(held, ORDERS, "*.filled_qty", '"1e30"')
    spoil(held, f"{ORDERS}/*", "filled_qty", '"1e30"')
    result = held.oms.reconcile()
    assert {item.kind for item in result.breaks} == {"answer.unknown"}
    record = held.journal.order_by_client_id("rests")
    assert record is not None and record.order.filled_qty == 0 and record.order.is_open
    honest(held)
    assert not held.oms.reconcile().has_breaks


def test_fill_rows_that_cannot_be_are_read_again(held: Desk) -> None:
    """The marks of the last look do not pass what was not read."""
    held.call(
        "POST",
        ORDERS,
        {"symbol": "MSFT", "qty": "2", "side": "buy", "type": "market", "time_in_force": "day"},
    )
    held.sleep(1)
    spoil(held, ROWS, "*.transaction_time", '"9999-01-01T00:00:00Z"')
    held.oms.gap_fill()
    held.sleep(3600)
    honest(held)
    assert not held.oms.reconcile().has_breaks
    assert qty(held, "MSFT") == 2
    assert [item.is_heard for item in held.journal.executions(symbol="MSFT")] == [False]


def test_first_reconcile_takes_over_nothing_that_it_could_not_read(desk: Desk) -> None:
    body = {"symbol": "MSFT", "qty": "2", "side": "buy", "type": "market", "time_in_force": "day"}
    desk.call("POST", ORDERS, body)
    desk.sleep(1)
    spoil(desk, ORDERS, "*.qty", "{}")
    spoil(desk, f"{ORDERS}/*", "qty", "{}")
    assert not desk.oms.reconcile().adopted_positions
    assert not desk.journal.executions()
    honest(desk)
    result = desk.oms.reconcile()
    assert not result.has_breaks and not result.adopted_positions
    assert qty(desk, "MSFT") == 2


def test_what_cannot_be_is_kept_raw_once(held: Desk) -> None:
    spoil(held, POSITIONS, "0.qty", '"1e30"')
    held.oms.reconcile()
    held.oms.reconcile()
    [row] = [r for r in held.journal.audit_of("AAPL") if r.kind == AUDIT_KIND]
    assert row.result == "qty: beyond reason" and '"qty":"1e30"' in row.facts["raw"]


def test_everything_closed_names_what_is_not_known(held: Desk) -> None:
    """E-FLAT-4: a position that only the broker's unreadable word tells of may be there."""
    body = {"symbol": "MSFT", "qty": "2", "side": "buy", "type": "market", "time_in_force": "day"}
    held.call("POST", ORDERS, body)
    held.sleep(1)
    spoil(held, POSITIONS, "*.qty", "{}")
    positions = held_positions(held.oms)
    assert [position.symbol for position in positions] == ["AAPL"]
    assert {row.symbol for row in positions.unread} == {"AAPL", "MSFT"}
