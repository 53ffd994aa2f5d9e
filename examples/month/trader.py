"""Who acts: strategies through signals, a person by hand. All of it by execbot's own functions."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from strategies import STRATEGIES, SYMBOLS, WINDOW
from virtual import Exchange, Told

from execbot import ExecbotError, OrderRequest, Side
from execbot.desk import halting
from execbot.desk.account import Desk
from execbot.desk.exit_words import wishes_for_order
from execbot.desk.placing import place, prepare
from execbot.model.enums import OrderType, TimeInForce
from execbot.model.signal import read_signal
from execbot.model.times import eastern
from execbot.oms.signals.executor import Executor
from execbot.risk.halting import current

AGAIN_AFTER = timedelta(minutes=75)
AGAINST_AFTER = timedelta(minutes=4)
AGAINST = 0.015
"""How far, and how soon, a bad day's market goes against whoever has entered."""


class Trader:
    def __init__(self, desk: Desk, exchange: Exchange, executor: Executor, told: Told) -> None:
        self._desk, self._exchange, self._executor, self._told = desk, exchange, executor, told
        self._prices: defaultdict[str, list[float]] = defaultdict(list)
        self._entered: dict[str, datetime] = {}
        self._against: list[tuple[datetime, str, int]] = []

    # --- strategies --------------------------------------------------------------------------

    def note_prices(self) -> None:
        """Every five minutes."""
        for symbol, quote in self._desk.client.latest_quotes(SYMBOLS).items():
            if quote.bid and quote.ask:
                self._prices[symbol].append(float((quote.bid + quote.ask) / 2))

    def ask_strategies(self, *, is_bad_day: bool) -> None:
        """Give what they want to the executor, as `execbot signal` does."""
        for strategy, (decide, symbols) in STRATEGIES.items():
            for symbol in symbols:
                prices = self._prices[symbol][-WINDOW:]
                if len(prices) < WINDOW or not self._may_enter(symbol):
                    continue
                wish = decide(prices)
                if wish is None:
                    continue
                self._entered[symbol] = now = self._desk.now()
                name = f"{strategy}-{eastern(now):%m%d-%H%M}-{symbol}"
                self.signal(wish.fields(symbol, strategy, prices[-1], name))
                if is_bad_day:
                    sign = 1 if wish.side == "buy" else -1
                    self._against.append((now + AGAINST_AFTER, symbol, sign))

    def _may_enter(self, symbol: str) -> bool:
        held = self._desk.journal.position(symbol)
        if held is not None and held.qty:
            return False
        last = self._entered.get(symbol)
        return last is None or self._desk.now() - last > AGAIN_AFTER

    def move_market(self) -> None:
        """On a bad day prices leave whoever has just entered."""
        now = self._desk.now()
        due = [item for item in self._against if item[0] <= now]
        self._against = [item for item in self._against if item[0] > now]
        for _, symbol, sign in due:
            bid, ask = self._exchange.quote(symbol)
            price = float(bid + ask) / 2 * (1 - sign * AGAINST)
            self.steer("price", symbol=symbol, price=f"{price:.2f}", hold=False)

    def signal(self, fields: dict[str, Any]) -> None:
        signal = read_signal(fields, now=self._desk.now(), new_id="")
        result = self._executor.execute_signal(signal)
        self._told(f"{signal.id}: {result.outcome.value} {result.code} {result.message}".rstrip())

    # --- by hand -----------------------------------------------------------------------------

    def buy(
        self,
        symbol: str,
        qty: str,
        name: str,
        *,
        stop: str | None = None,
        targets: tuple[str, ...] = (),
        limit: str | None = None,
    ) -> None:
        """As `execbot submit`."""
        request = OrderRequest(
            symbol,
            Side.BUY,
            qty=Decimal(qty),
            type=OrderType.MARKET if limit is None else OrderType.LIMIT,
            limit_price=None if limit is None else Decimal(limit),
            time_in_force=TimeInForce.GTC if "/" in symbol else TimeInForce.DAY,
            client_order_id=name,
            strategy_id="by-hand",
        )
        try:
            wishes = wishes_for_order(request, stop, targets)
            draft = prepare(self._desk, request, wishes, tif_is_given=False)
            record = place(self._desk, draft).record
            self._told(f"{name}: {record.outcome.value}")
        except ExecbotError as error:
            self._told(f"{name}: {error.message}")

    def close(self, symbol: str, name: str, qty: str | None = None) -> None:
        """As `execbot close`: the watch puts back the stop of what stays."""
        held = self._desk.journal.position(symbol)
        if held is None or not held.qty:
            self._told(f"{name}: nothing is held")
            return
        size = None if qty is None else min(Decimal(qty), abs(held.qty))
        self._desk.oms.close(symbol, qty=size, client_order_id=name, reason="by hand")
        self._told(f"{name}: sent")

    def resume(self) -> None:
        """Each morning: what has halted entries was looked at."""
        if current(self._desk.journal).stops_entries:
            halting.resume(self._desk, "looked at, a bad day")
            self._told("entries are allowed again")

    def steer(self, what: str, /, **body: Any) -> None:
        """What the market, the bank or the broker does."""
        self._exchange.call("POST", what, body)
        self._told(f"{what}: {body}")
