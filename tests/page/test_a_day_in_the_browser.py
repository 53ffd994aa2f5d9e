"""Goal: through a whole trading day everything on the page is what the exchange has on record.

Method: headless Chromium follows a day that a seeded trader trades at the real hours, at sixty
times their speed and with leaps between. At stops the exchange's clock stands still, and every row
is compared: positions, orders with their states, equity, exposure. On the way the page's server and
the watch are killed and come back.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from support.harness.live_page import LivePage, chromium, live_page, number
from support.processes import Server, done, exchange
from support.waiting import PATIENCE_SECONDS, eventually
from support.watching import Watching

CONFIG = """
trading_execution:
  max_positions: 20
  max_position_size_pct: 100
  max_account_exposure_pct: 400
"""
SPEED = 60
SYMBOLS = ["AAPL", "MSFT", "NVDA", "AMZN", "IBM", "INTC", "WMT", "PEP"]
CENT = Decimal("0.01")
OPEN = ("new", "accepted", "held", "partially_filled", "pending_new", "pending_cancel")

READ = """() => {
  const rows = (table) => [...document.querySelectorAll(`#${table}-body tbody tr`)].map((row) =>
    ({ key: row.dataset.key, ...Object.fromEntries(
      [...row.cells].map((cell) => [cell.dataset.name, cell.textContent])) }));
  const figure = (name) =>
    document.querySelector(`#account-line [data-figure="${name}"]`)?.textContent;
  return { positions: rows("positions"), orders: rows("orders"),
    equity: figure("Equity"), exposure: figure("Exposure") };
}"""


@dataclass
class Day:
    """One day of one account, and the trader's hand in it."""

    server: Server
    env: dict[str, str]
    watching: Watching
    page: LivePage
    tab: Any
    chance: random.Random
    stops: int = 0
    wrong: list[Any] = field(default_factory=list)

    # --- the clock -------------------------------------------------------------------------

    def until(self, at: str) -> None:
        """Leap to that time of the day, and run a moment at speed."""
        self.server.call("POST", "/sim/clock", {"set": f"2026-10-08 {at}"})
        self.server.call("POST", "/sim/clock", {"speed": SPEED})
        time.sleep(self.chance.uniform(0.3, 0.8))  # where in the minute it is stopped

    def give(self, symbol: str, **more: Any) -> Any:
        """An order of another program on the same account."""
        body = {"symbol": symbol, "side": "buy", "type": "market", "time_in_force": "day"}
        return self.server.call("POST", "/v2/orders", {"qty": "5", **body, **more})

    def price_of(self, symbol: str) -> Decimal:
        found = self.server.get(f"/v2/stocks/{symbol}/quotes/latest")
        return Decimal(str(found["quote"]["ap"]))

    def held(self) -> set[str]:
        return {p["symbol"] for p in self.server.get("/v2/positions")}

    def stop_and_compare(self) -> None:
        """The clock stands still; a last order is given, so that the account is read again."""
        self.server.call("POST", "/sim/clock", {"speed": 0})
        self.stops += 1
        self.give("KO", type="limit", limit_price="1", qty="1", client_order_id=f"s-{self.stops}")
        assert eventually(lambda: not self.differences()), (self.stops, self.differences())

    # --- the comparison --------------------------------------------------------------------

    def differences(self) -> list[Any]:
        """What is shown otherwise than the exchange has it."""
        shown = self.tab.evaluate(READ)
        return [
            *_between(self._positions(), _positions_shown(shown)),
            *_between(self._orders(), self._orders_shown(shown)),
            *_between(self._account(), _account_shown(shown)),
        ]

    def _every_order(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.server.get(
            "/v2/orders?status=all&limit=500&nested=false"
        )
        return found

    def _positions(self) -> dict[str, Any]:
        """Quantity, entry, price, and the stops that work for it."""
        stops: dict[str, list[Decimal]] = {}
        for one in self._every_order():
            if one["type"] in ("stop", "stop_limit") and one["status"] in OPEN:
                stops.setdefault(one["symbol"], []).append(Decimal(one["stop_price"]))
        return {
            p["symbol"]: (
                Decimal(p["qty"]),
                Decimal(p["avg_entry_price"]).quantize(CENT),
                min(stops.get(p["symbol"], []), default=None),
            )
            for p in self.server.get("/v2/positions")
        }

    def _orders(self) -> dict[str, Any]:
        return {
            one["client_order_id"]: (
                one["status"],
                Decimal(one["filled_qty"]),
                _cents(one["filled_avg_price"]),
            )
            for one in self._every_order()
        }

    def _orders_shown(self, shown: Any) -> dict[str, Any]:
        """Without exits that the exchange refused at its door: it lists none of these."""
        found, there = _orders_shown(shown), self._orders()
        return {name: row for name, row in found.items() if name in there or row[0] != "rejected"}

    def _account(self) -> dict[str, Any]:
        """Exposure: what is held at its price, and what may still be bought at its limit or ask."""
        account = self.server.get("/v2/account")
        held = sum(
            (abs(Decimal(p["market_value"])) for p in self.server.get("/v2/positions")), Decimal(0)
        )
        rests = sum(
            (
                (Decimal(one["qty"]) - Decimal(one["filled_qty"])) * self._bound(one)
                for one in self._every_order()
                if one["side"] == "buy" and one["status"] in OPEN
            ),
            Decimal(0),
        )
        return {"equity": _cents(account["equity"]), "exposure": _cents(held + rests)}

    def _bound(self, order: dict[str, Any]) -> Decimal:
        limit = order["limit_price"]
        return self.price_of(order["symbol"]) if limit is None else Decimal(limit)


def _cents(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value)).quantize(CENT)


def _positions_shown(shown: Any) -> dict[str, Any]:
    return {
        row["key"]: (number(row["Qty"]), _cents(number(row["Entry"])), number(row["Stop"]))
        for row in shown["positions"]
    }


def _orders_shown(shown: Any) -> dict[str, Any]:
    found = {}
    for row in shown["orders"]:
        qty, _, price = row["Filled"].partition(" at ")
        found[row["key"]] = (row["Status"].replace(" ", "_"), number(qty), _cents(number(price)))
    return found


def _account_shown(shown: Any) -> dict[str, Any]:
    return {name: _cents(number(shown[name])) for name in ("equity", "exposure")}


def _between(theirs: dict[str, Any], ours: dict[str, Any]) -> list[Any]:
    return [
        (name, theirs.get(name), ours.get(name))
        for name in sorted(theirs.keys() | ours.keys())
        if theirs.get(name) != ours.get(name)
    ]


@contextmanager
def a_day(seed: int) -> Iterator[Day]:
    hours = ("--calendar", "exchange", "--at", "2026-10-08 09:29:50", "--speed", "1")
    with TemporaryDirectory(prefix="day-", dir="/tmp") as folder, chromium() as browser:
        home = Path(folder)
        (home / "run").mkdir(mode=0o700)
        (home / "trading.yaml").write_text(CONFIG)
        with exchange(home, *hours, "--seed", str(seed)) as server:
            env = server.environment(home, XDG_RUNTIME_DIR=str(home / "run"))
            watching = Watching(env)
            watching.start()
            try:
                with live_page(env) as page:
                    tab = browser.new_page()
                    tab.set_default_timeout(PATIENCE_SECONDS * 1000)
                    tab.goto(page.link)
                    # All of it has begun, while the clock still runs.
                    assert eventually(lambda: _account_shown(tab.evaluate(READ))["equity"])
                    yield Day(server, env, watching, page, tab, random.Random(seed))
            finally:
                watching.kill()


def test_a_day_at_speed_is_on_the_page_as_the_exchange_has_it(
    request: pytest.FixtureRequest,
) -> None:
    with a_day(int(request.config.getoption("--seed"))) as day:
        symbols = day.chance.sample(SYMBOLS, len(SYMBOLS))
        held, guarded, partly, halted, cut = symbols[:5]

        day.until("09:31")
        done(day.env, "buy", held, "--qty", "10", "--stop-loss", "2%", "--take-profit", "6%")
        day.give(guarded, client_order_id="foreign")
        level = (day.price_of(guarded) * Decimal("0.8")).quantize(CENT)
        assert eventually(lambda: guarded in day.held())
        day.give(guarded, side="sell", type="stop", stop_price=str(level), client_order_id="stop")
        day.give("KO", type="limit", limit_price="5", client_order_id="rests")
        day.stop_and_compare()

        # A part of an order is filled: no more is offered.
        day.until("10:30")
        ask = day.price_of(partly)
        offered = {"symbol": partly, "bid": float(ask) - 0.02, "ask": float(ask), "size": 2}
        day.server.call("POST", "/sim/price", offered)
        day.give(partly, type="limit", limit_price=str(ask), qty="9", client_order_id="partly")
        day.stop_and_compare()

        # A stop is hit, an order canceled; the page's server dies over it.
        day.page.kill()
        day.until("11:45")
        day.server.call("POST", "/sim/price", {"symbol": held,
                        "price": float(day.price_of(held)) * 0.96, "hold": False})  # fmt: skip
        rests = day.server.get("/v2/orders:by_client_order_id?client_order_id=rests")
        day.server.call("DELETE", f"/v2/orders/{rests['id']}")
        day.page.start()
        day.tab.goto(day.page.link)
        day.stop_and_compare()
        assert held not in day.held()

        # A halt: what is given then waits; the watch dies over it.
        day.until("13:10")
        day.server.call("POST", "/sim/halt", {"symbol": halted})
        day.give(halted, client_order_id="waits", time_in_force="gtc")
        day.watching.kill()
        day.give(cut, side="sell", qty="3", client_order_id="short")
        day.stop_and_compare()
        day.watching.start()
        day.server.call("POST", "/sim/resume", {"symbol": halted})
        day.until("14:20")
        day.stop_and_compare()

        # The close: orders of the day end.
        day.until("16:00:30")
        day.stop_and_compare()
        states = {one["client_order_id"]: one["status"] for one in day._every_order()}
        assert states["partly"] in ("expired", "canceled", "filled"), states
