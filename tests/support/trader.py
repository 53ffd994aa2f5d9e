"""The trader: acts through execbot beside `watch`, or past it in another program.

What execbot does for the trader ends in the journal, where `watch` finds it; what another program
does, only the exchange knows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from execbot.config.schema import Mode, TradingSettings
from execbot.exits.levels import parse_level
from execbot.exits.plan.attach import attach, moved
from execbot.exits.plan.plan import ExitPlan
from execbot.exits.store import change_plan, save_plan
from execbot.journal.records import OrderRecord, Role
from execbot.model.enums import OrderType, Side
from execbot.model.order import OrderRequest
from execbot.oms.place.placed import Placed
from execbot.oms.place.placer import Placer
from execbot.oms.place.risk_gate import RiskGate
from execbot.oms.sync.reconcile import ReconcileResult
from execbot.sim.types import ApiError
from execbot.watch.perform import Performer
from execbot.watch.protect_once import protect_once
from execbot.watch.watcher import Watcher
from support.wishes import Exit, wishes

if TYPE_CHECKING:
    from support.world import World


@dataclass
class Trader:
    """The owner of the account in `world`."""

    world: World
    is_adding: bool = False
    """While an addition runs its own process answers for the stop, not `watch`."""
    _entries: Iterator[int] = field(default_factory=itertools.count)

    @contextmanager
    def acts(self) -> Iterator[None]:
        """What is done in the block ends in the journal; `watch` looks there in its next step."""
        try:
            yield
        finally:
            self.world.journal_changed = True

    # --- through execbot, in another process than `watch` ------------------------------------

    def buy(
        self,
        qty: str,
        *exits: Exit,
        symbol: str = "AAPL",
        limit: str | None = None,
        stop_goes_along: bool = False,
        **more: Any,
    ) -> tuple[OrderRecord, ExitPlan]:
        """An entry with exits; the plan is durable before the order. `side=Side.SELL` goes short.

        With `stop_goes_along` it is sent as `submit` does, else as a signal's.
        """
        world = self.world
        name = f"entry-{next(self._entries)}"
        clock = None if stop_goes_along else world.settings.order_management.timeout_seconds
        request = OrderRequest(
            symbol,
            more.pop("side", Side.BUY),
            qty=Decimal(qty),
            type=OrderType.LIMIT if limit else OrderType.MARKET,
            limit_price=Decimal(limit) if limit else None,
            client_order_id=name,
            cancel_after=more.pop("cancel_after", clock),
            **more,
        )
        done = attach(
            request,
            wishes(*exits),
            entry_price=Decimal(limit or world.quoted[symbol]),
            plan_id=f"plan-{name}",
            now=world.now(),
            stop_goes_along=stop_goes_along,
        )
        record = self.send_with(done.plan, done.request)
        return record, done.plan

    def send(self, request: OrderRequest) -> OrderRecord:
        """An order without exits, as `submit` sends it."""
        with self.acts():
            return self.world.desk.oms.submit(request)

    def send_with(self, plan: ExitPlan, request: OrderRequest) -> OrderRecord:
        """An entry and the plan that was made for it."""
        self.promise(plan)
        return self.world.desk.oms.submit(request, plan_id=plan.plan_id, role=Role.ENTRY)

    def promise(self, plan: ExitPlan) -> None:
        """The plan is in the journal; the witness expects what it says."""
        with self.acts():
            save_plan(self.world.desk.journal, plan)
        self.world.witness.promised.add(plan.symbol)

    def risk_gate(self, settings: TradingSettings | None = None) -> RiskGate:
        desk, chosen = self.world.desk, settings or self.world.settings
        return RiskGate(desk.client, desk.journal, chosen, Mode.SIM, now=self.world.now)

    def placer(self, settings: TradingSettings | None = None) -> Placer:
        """Checks and sends orders, as `submit` does."""
        return Placer(self.world.desk.oms, self.risk_gate(settings))

    def place(self, request: OrderRequest, settings: TradingSettings | None = None) -> Placed:
        """`execbot submit --add`: checked, sent, and its position protected again."""
        with self.acts():
            return self.placer(settings).place(request)

    def close(self, symbol: str = "AAPL", **part: Any) -> None:
        """`execbot close`."""
        with self.acts():
            self.world.desk.oms.close(symbol, **part)

    def reconcile(self, **options: Any) -> ReconcileResult:
        """`execbot reconcile`."""
        with self.acts():
            return self.world.desk.oms.reconcile(**options)

    def cancel(self, client_order_id: str, **more: Any) -> None:
        """`execbot cancel`."""
        with self.acts():
            self.world.desk.oms.cancel(client_order_id, **more)

    def move_stop(self, level: str, symbol: str = "AAPL", plan_id: str | None = None) -> None:
        """`execbot exits move --stop`."""
        world = self.world
        if plan_id is None:
            plan_id = world.the_plan(symbol).plan_id
        spec = parse_level(level)
        with self.acts():
            change_plan(
                world.desk.journal, plan_id, lambda plan: moved(plan, world.now(), stop=spec)
            )

    def move_stop_to(self, price: Decimal, plan_id: str, note: str = "moved") -> None:
        """The plan has its stop at this price from now on, whatever was asked for before."""
        now = self.world.now()
        with self.acts():
            change_plan(
                self.world.desk.journal,
                plan_id,
                lambda plan: plan.changed(
                    now, stop=replace(plan.stop, price=price, moved_at=now), note=note
                ),
            )

    def protect(self, symbol: str = "AAPL") -> str:
        """`execbot protect` while no `watch` runs; says how the position stands afterwards."""
        world = self.world
        oms = world.desk.oms
        watcher = Watcher(oms, world.settings, world.hours, world.now, world.notes.append)
        coverage = protect_once(watcher, Performer(oms, world.now), symbol, timer=world.timer)
        return str(coverage.state)

    # --- in another program ------------------------------------------------------------------

    def change_elsewhere(self, row: dict[str, Any], **change: str) -> dict[str, Any]:
        """Changes an order in the broker's own app; the new order."""
        new: dict[str, Any] = self.world.desk.call("PATCH", f"/v2/orders/{row['id']}", change)
        assert new["replaces"] == row["id"], new
        return new

    def trade_elsewhere(self, side: str, qty: str, symbol: str = "AAPL") -> None:
        """A market order of the day; more than is held is refused."""
        order = {"symbol": symbol, "side": side, "qty": qty, "type": "market"}
        self.world.desk.call("POST", "/v2/orders", {**order, "time_in_force": "day"})

    def cancel_elsewhere(self, symbol: str = "AAPL", *, entries: bool = True) -> None:
        """Cancels the open orders of a symbol; `entries=False` leaves the purchases."""
        exchange, account = self.world.desk.venue.exchange, self.world.account
        for order in list(self.world.witness.account.live.values()):
            if order.symbol == symbol and (entries or not order.is_buy):
                with suppress(ApiError):
                    exchange.cancel(account, order.id)

    def keep_stops_out(self, symbol: str = "AAPL", limit: str = "70") -> None:
        """Another program cancels the exits and lets a purchase rest, beside which the broker takes
        no plain stop: `watch` holds it itself."""
        self.cancel_elsewhere(symbol)
        self.world.pass_time(0.1)
        resting = {"symbol": symbol, "side": "buy", "qty": "1", "type": "limit"}
        body = {**resting, "limit_price": limit, "time_in_force": "day"}
        self.world.desk.call("POST", "/v2/orders", body)

    def close_elsewhere(self, symbol: str = "AAPL", percentage: str = "100") -> None:
        with suppress(ApiError):
            self.world.desk.venue.exchange.close_position(
                self.world.account, symbol, {"percentage": percentage}
            )
