"""What the exchange says that is not so, and what befalls an account besides its trading.

Drawn from a generator of its own, so that the rest of a session stays as its seed has it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from execbot.sim.types import SECOND, ApiError

if TYPE_CHECKING:
    from execbot.sim.engine.exchange import Exchange
    from execbot.sim.engine.order import Order
    from support.world import World

D = Decimal
OPTION = "AAPL261218C00190000"
FLOOR, CEILING = D(70), D(130)
"""A price that a session never reaches."""


@dataclass
class Lies:
    """Draws lies for the session in `world`; `drawn` counts them by their kind."""

    world: World
    rng: random.Random
    price: Callable[[], Decimal]
    drawn: dict[str, int] = field(default_factory=dict)

    def happen(self) -> None:
        """Perhaps some, in this step."""
        for chance, name, act in CHANCES:
            if self.rng.random() < chance:
                self.drawn[name] = self.drawn.get(name, 0) + 1
                act(self)

    # --- answers that are not true -----------------------------------------------------------

    def no_positions(self) -> None:
        """All lists of positions are empty, or short of one symbol, for a while."""
        one: dict[str, Any] = {"symbol": "AAPL"} if self.rng.random() < 0.5 else {}
        self._fault("position_missing", one, seconds=self.rng.uniform(0.2, 12))

    def late_positions(self) -> None:
        late = {"params": {"seconds": self.rng.choice((1.0, 3.0, 6.0))}}
        self._fault("positions_late", late, seconds=self.rng.uniform(0.5, 10))

    def late_orders(self) -> None:
        late = {"params": {"seconds": self.rng.choice((1.0, 3.0))}}
        self._fault("orders_late", late, seconds=self.rng.uniform(0.5, 5))

    def unknown_orders(self) -> None:
        for_long = {"params": {"seconds": self.rng.choice((1.0, 4.0))}}
        self._fault("order_unknown", for_long, seconds=self.rng.uniform(0.5, 5))

    def wrong_account(self) -> None:
        kind = self.rng.choice(("account_zero", "equity_off"))
        self._fault(kind, {}, seconds=self.rng.uniform(0.2, 8))

    def rounded_rows(self) -> None:
        self._fault("fill_row_rounded", {}, seconds=self.rng.uniform(1, 20))

    def _fault(self, kind: str, more: dict[str, Any], *, seconds: float) -> None:
        rule = {"kind": kind, "for_seconds": round(seconds, 3), **more}
        self.world.desk.venue.add_faults([rule])

    # --- what befalls an account -------------------------------------------------------------

    def bust(self) -> None:
        """An entry is taken back, while all its shares are still held."""
        bought = self._last_entry()
        if bought is not None and self.world.witness.held() >= bought.filled_qty:
            self._change(bought, qty=D(0))

    def unreported(self, rng: random.Random) -> None:
        """An entry is taken back, wholly or in part, and the stream loses the report of it."""
        bought = self._last_entry()
        if bought is None or self.world.witness.held() < bought.filled_qty:
            return
        if self._is_of_this_instant(bought):
            return
        last = next((D(fill[1]) for fill in reversed(bought.fills) if fill[1] != "0"), D(0))
        if not last:
            return  # what counts are the orders that it replaced
        self.drawn["unreported"] = self.drawn.get("unreported", 0) + 1
        for event in ("trade_bust", "trade_correct"):
            self._fault("event_missing", {"event": event}, seconds=0.05)
        self._change(bought, qty=max(last - rng.choice((1, 2, 100)), D(0)))

    def correct(self) -> None:
        """An entry was of another quantity, or at another price."""
        bought = self._last_entry()
        if bought is None or self.world.witness.held() < 2:
            return
        if self.rng.random() < 0.5:
            self._change(bought, price=self.price() + D("0.03"))
        else:
            last = next((D(fill[1]) for fill in reversed(bought.fills) if fill[1] != "0"), None)
            if last is not None:  # not all of it was taken back
                self._change(bought, qty=max(last + self.rng.choice((-1, 1, 2)), D(1)))

    def _is_of_this_instant(self, order: Order) -> bool:
        """Changed now, no time would tell whether the execution or the change came first: where
        the report of the change is lost, a clearing house that is not so fast is the only help."""
        return self.world.ns - (order.filled_at or 0) < SECOND // 10

    def _change(self, order: Order, **to: Decimal) -> None:
        if self._is_of_this_instant(order):
            return
        with suppress(ApiError):
            self._exchange.back_office.correct_execution(self.world.account, order.id, **to)

    def _last_entry(self) -> Order | None:
        """The order of ours that entered last, by the exchange's own record."""
        closes = self.world.witness.closes
        bought = [
            order
            for order in self.world.witness.executed()
            if not closes(order) and order.symbol == "AAPL" and order.filled_qty > 0
        ]
        return max(bought, key=lambda order: (order.filled_at or 0, order.seq), default=None)

    def cash_flow(self) -> None:
        amount = D(self.rng.choice((-6000, -150, 5000, 40000)))
        kind = "CSD" if amount > 0 else "CSW"
        row_after = self.rng.choice((0, 5, 60)) * SECOND
        self._exchange.back_office.move_cash(self.world.account, kind, amount, row_after)

    def fee(self) -> None:
        amount = D(self.rng.randint(1, 3))
        self._exchange.back_office.charge(self.world.account, "PTC", amount, symbol="AAPL")

    def options_elsewhere(self) -> None:
        """Contracts are bought by another program; sometimes they expire."""
        with suppress(ApiError):
            if self.rng.random() < 0.7:
                self._exchange.back_office.hold_option(self.world.account, OPTION, D(1), D("6.05"))
            else:
                self._exchange.back_office.expire_option(self.world.account, OPTION, 2 * SECOND)

    # --- a trader of his own mind --------------------------------------------------------------

    def move_entry(self) -> None:
        """The limit of a resting entry is moved in another program; its leg stays behind."""
        for order in list(self.world.witness.account.live.values()):
            is_entry = not self.world.witness.closes(order)
            if is_entry and order.type == "limit" and order.limit_price != self._far_away:
                at = self.price() + self.world.witness.sign * D(self.rng.choice(("-0.15", "0.02")))
                with suppress(ApiError):
                    self._exchange.replace(self.world.account, order.id, {"limit_price": str(at)})
                return

    def order_elsewhere(self) -> None:
        """An order typed in the broker's own app: an entry that rests, or shares closed."""
        qty = self.rng.randint(1, 5)
        order = {"symbol": "AAPL", "qty": str(qty), "time_in_force": "day"}
        entry, closing = ("buy", "sell") if self.world.witness.sign > 0 else ("sell", "buy")
        if self.rng.random() < 0.5:
            order |= {"side": entry, "type": "limit", "limit_price": str(self._far_away)}
        elif self.world.witness.held() >= qty:
            order |= {"side": closing, "type": "market"}
        else:
            return
        with suppress(ApiError):
            self._exchange.place(self.world.account, order)

    @property
    def _far_away(self) -> Decimal:
        return FLOOR if self.world.witness.sign > 0 else CEILING

    @property
    def _exchange(self) -> Exchange:
        return self.world.desk.venue.exchange


CHANCES: tuple[tuple[float, str, Callable[[Lies], None]], ...] = (
    (0.004, "no_positions", Lies.no_positions),
    (0.004, "late_positions", Lies.late_positions),
    (0.003, "late_orders", Lies.late_orders),
    (0.003, "unknown_orders", Lies.unknown_orders),
    (0.003, "wrong_account", Lies.wrong_account),
    (0.002, "rounded_rows", Lies.rounded_rows),
    (0.002, "bust", Lies.bust),
    (0.002, "correct", Lies.correct),
    (0.003, "cash_flow", Lies.cash_flow),
    (0.002, "fee", Lies.fee),
    (0.002, "options_elsewhere", Lies.options_elsewhere),
    (0.006, "move_entry", Lies.move_entry),
    (0.004, "order_elsewhere", Lies.order_elsewhere),
)
