"""Random signals under the virtual clock: no limit is ever exceeded at the exchange.

Method: several executors on one journal (each with facts of its own age) are given random signals
while time passes, prices move and requests fail. What is checked comes from the exchange alone: its
orders, executions, positions and account. `--signals 10000 --seed N` runs the long version.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.settings import settings_with
from support.signal_trader import SignalTrader, open_trader

from execbot.config.schema import Mode, SizingMethod, TradingSettings
from execbot.journal.journal import Journal
from execbot.oms.place.risk_desk import RiskDesk
from execbot.oms.signals.executor import Executor
from execbot.oms.signals.result import SignalResult

D = Decimal
SYMBOLS = ("AAPL", "MSFT", "NVDA", "KO", "JPM", "TSLA", "SPY", "XOM", "AMD", "BTC/USD", "ETH/USD")
FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("reply_lost", {}),
    ("reset_after", {}),
    ("reset_before", {}),
    ("rate_limited", {"retry_after": 1}),
    ("server_error", {"status": 503}),
    ("server_error", {"status": 504, "handled": True}),
    ("html_body", {}),
)
METHODS = (SizingMethod.EQUITY_PCT, SizingMethod.RISK, SizingMethod.NOTIONAL, SizingMethod.STARS)


@dataclass
class Snapshot:
    """The exchange's own word at one moment."""

    equity: Decimal
    buying_power: Decimal
    values: dict[str, Decimal]
    sides: dict[str, int]
    orders: dict[str, dict[str, Any]]
    filled: dict[str, Decimal] = field(default_factory=dict)

    @property
    def gross(self) -> Decimal:
        return sum(self.values.values(), D(0))


def look(trader: SignalTrader) -> Snapshot:
    account = trader.desk.call("GET", "/v2/account")
    positions = trader.desk.call("GET", "/v2/positions")
    orders = trader.desk.call("GET", "/v2/orders?status=all&limit=500&direction=desc")
    return Snapshot(
        equity=D(account["equity"]),
        buying_power=D(account["buying_power"]),
        values={p["symbol"]: abs(D(p["market_value"])) for p in positions},
        sides={p["symbol"]: 1 if D(p["qty"]) > 0 else -1 for p in positions},
        orders={order["client_order_id"]: order for order in orders},
    )


def executors(trader: SignalTrader, rng: random.Random) -> list[tuple[Executor, Journal]]:
    """Three processes' worth: one asks the broker every time, two keep facts for a while."""
    made = []
    for age in (D(0), D(2), D(5)):
        journal = Journal.open(trader.desk.path / "journal.db")
        settings = settings_with(
            risk={"facts_max_age_seconds": age, "max_daily_orders": 10**6,
                  "max_daily_loss_pct": None, "max_consecutive_rejections": None},
            sizing={"method": rng.choice(METHODS), "risk_per_trade_pct": D("0.5"),
                    "whole_shares": rng.random() < 0.5, "equity_pct": D(8)},
        )  # fmt: skip
        made.append((executor_of(trader, journal, settings), journal))
    return made


def executor_of(trader: SignalTrader, journal: Journal, settings: TradingSettings) -> Executor:
    desk = trader.desk
    risk = RiskDesk(desk.client, journal, settings, Mode.SIM, now=desk.now)
    return Executor(desk.open_oms(journal), risk)


def random_signal(trader: SignalTrader, rng: random.Random) -> Any:
    price_like = {"qty": D(rng.randint(1, 400))} if rng.random() < 0.2 else {}
    if rng.random() < 0.2:
        price_like = {"notional": D(rng.randint(1, 30_000))}
    return trader.make(
        rng.choice(SYMBOLS),
        rng.choice(("buy", "buy", "buy", "sell", "sell", "sell_short")),
        strength=D(rng.randint(60, 100)),
        tier=rng.choice((None, "A", "B")),
        confidence=D(rng.randint(0, 100)) / 100,
        **price_like,
    )


def key_of(symbol: str) -> str:
    return symbol.replace("/", "")


def new_entries(before: Snapshot, after: Snapshot, result: SignalResult) -> list[dict[str, Any]]:
    """Orders of this signal that opened something, as the exchange has them."""
    fresh = [o for name, o in after.orders.items() if name not in before.orders]
    if not result.signal.side.opens:
        return []
    return [o for o in fresh if key_of(o["symbol"]) == key_of(result.signal.symbol)]


def worth(order: dict[str, Any]) -> Decimal:
    """What it has bought or sold, at its own execution prices."""
    return D(order["filled_qty"]) * D(order["filled_avg_price"] or "0")


def check(before: Snapshot, after: Snapshot, result: SignalResult) -> None:
    entries = new_entries(before, after, result)
    spent = sum((worth(order) for order in entries), D(0))
    key = key_of(result.signal.symbol)
    assert len(after.values) <= 5, "more positions than max_positions"
    assert after.buying_power >= 0
    if entries:
        held = before.values.get(key, D(0))
        assert held + spent <= before.equity * D("0.10"), "position above its share of equity"
        assert before.gross + spent <= before.equity * D("0.50"), "exposure above its share"
        assert key not in before.values, "a position was added to although scaling in is off"
        live = [o for o in entries if o["status"] not in ("rejected", "canceled")]
        assert len(live) <= 1, "one signal made more than one order"
    for symbol, side in after.sides.items():
        if symbol in before.sides and not entries:
            assert side == before.sides[symbol], "an exit turned the position around"


@pytest.mark.timeout(0)
def test_random_signals_never_exceed_a_limit(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    count = int(pytestconfig.getoption("--signals"))
    seed = str(pytestconfig.getoption("--seed"))
    rng = random.Random(f"signals-{seed}")
    trader = open_trader(tmp_path, sim={"seed": rng.randint(1, 10**6)})
    crew = executors(trader, rng)
    outcomes: Counter[str] = Counter()
    for number in range(count):
        executor, journal = rng.choice(crew)
        if rng.random() < 0.05:
            kind, rule = rng.choice(FAULTS)
            trader.desk.fault(kind, path="/v2/orders", method="POST", **rule)
        before = look(trader)
        result = executor.execute_signal(random_signal(trader, rng))
        if rng.random() < 0.9:
            trader.desk.sleep(0.5)
        after = look(trader)
        outcomes[result.code or result.outcome.value] += 1
        try:
            check(before, after, result)
        except AssertionError as broken:
            pytest.fail(f"seed {seed}, signal {number} ({result.to_dict()}): {broken}")
        if rng.random() < 0.1:
            executor.oms.gap_fill()
        trader.desk.sleep(rng.choice((0, 0, 0.2, 3, 60, 3600)))
    trader.desk.call("DELETE", "/sim/faults")
    trader.desk.sleep(60)
    _same_in_the_end(trader)
    for _, journal in crew:
        journal.close()
    print(f"seed {seed}: {count} signals: {dict(outcomes.most_common())}")
    assert outcomes["accepted"] > count / 20, "too few orders to prove anything"


def _same_in_the_end(trader: SignalTrader) -> None:
    """Every order of ours at the exchange is in the journal, and none twice."""
    trader.desk.oms.reconcile(wait=True)
    for name in trader.desk.orders_there():
        assert trader.desk.journal.order_by_client_id(name) is not None
    held = {p.symbol: p.qty for p in trader.desk.journal.positions() if p.qty}
    there = {s: D(q) for s, q in trader.desk.positions_there().items()}
    assert {key_of(s): q for s, q in held.items()} == there
