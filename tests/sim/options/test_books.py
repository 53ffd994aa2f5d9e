"""Goal: whatever is ordered, in whatever order it fills: the books add up, no short call is without
cover, and cash never falls below the collateral.
Method: random accounts by seed, through an expiry week; the judge recomputes everything from the
activities and positions that the account shows, with rules of its own.
"""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

STRIKES = ("225", "230", "235", "240", "245", "250", "255")
DATES = ("2026-10-09", "2026-10-16")
DAYS = ("2026-10-05", "2026-10-06", "2026-10-07", "2026-10-08", "2026-10-09")


class Gambler:
    """Orders at random, mostly what is refused or closes something."""

    def __init__(self, bench: Any, seed: int) -> None:
        self.bench, self.dice = bench, random.Random(seed)

    def contract(self) -> str:
        strike, day = self.dice.choice(STRIKES), self.dice.choice(DATES)
        return str(self.dice.choice((self.bench.c, self.bench.p))(strike, day))

    def act(self) -> None:
        chosen = self.dice.random()
        if chosen < 0.35:
            self._single()
        elif chosen < 0.65:
            self._several()
        elif chosen < 0.78:
            self._close_one()
        elif chosen < 0.88:
            side = self.dice.choice(("buy", "sell", "buy"))
            self.bench.buy(qty=str(self.dice.choice((50, 100, 200))), side=side)
        elif chosen < 0.94:
            self._amend()
        else:
            self.bench.call("DELETE", "/v2/positions?cancel_orders=true")
        self.bench.step(self.dice.choice((0.01, 1, 30, 900)))

    def _limit(self) -> str | None:
        return self.dice.choice((None, "0.05", "1.00", "3.00", "6.00", "12.00"))

    def _single(self) -> None:
        side = self.dice.choice(("buy", "sell"))
        qty = str(self.dice.randint(1, 3))
        self.bench.single(side, self.contract(), self._limit(), qty=qty)

    def _several(self) -> None:
        count = self.dice.randint(2, 4)
        held, legs = self.bench.held(), []
        for symbol in {self.contract() for _ in range(count)}:
            buys = self.dice.random() < 0.5
            qty = int(held.get(symbol, "0"))
            closes = qty < 0 if buys else qty > 0
            intent = f"{'buy' if buys else 'sell'}_to_{'close' if closes else 'open'}"
            legs.append((intent, symbol))
        limit = self.dice.choice((None, "-4.00", "-1.00", "0", "1.00", "5.00"))
        self.bench.several(limit, *legs, qty=str(self.dice.randint(1, 3)))

    def _close_one(self) -> None:
        held = [symbol for symbol in self.bench.held() if len(symbol) > 10]
        if held:
            self.bench.call("DELETE", f"/v2/positions/{self.dice.choice(held)}")

    def _amend(self) -> None:
        orders = self.bench.get("/v2/orders?nested=true")
        if not orders:
            return
        order = self.dice.choice(orders)
        if self.dice.random() < 0.4:
            self.bench.call("DELETE", f"/v2/orders/{order['id']}")
            return
        change = {"limit_price": self.dice.choice(("0.10", "2.00", "7.00"))}
        if self.dice.random() < 0.5:
            change["qty"] = str(self.dice.randint(1, 4))
        self.bench.call("PATCH", f"/v2/orders/{order['id']}", change)


def fields_of(symbol: str) -> tuple[str, str, Decimal]:
    """Date, kind and strike, read by the judge itself."""
    return symbol[-15:-9], symbol[-9], Decimal(symbol[-8:]) / 1000


def check_cover(held: dict[str, Decimal]) -> None:
    """From the farthest date down, calls sold never outnumber calls bought and shares."""
    lots = max(Decimal(0), held.get("AAPL", Decimal(0))) // 100
    calls = [(fields_of(s), q) for s, q in held.items() if len(s) > 10 and fields_of(s)[1] == "C"]
    for day in {fields[0] for fields, _ in calls}:
        net = sum(q for (date, _, _), q in calls if date >= day)
        assert net + lots >= 0, (day, held)


def worst_loss(held: dict[str, Decimal]) -> Decimal:
    """Of puts alone, whose loss is limited: on a grid of prices, at each date."""
    puts = [(fields_of(s), q) for s, q in held.items() if len(s) > 10 and fields_of(s)[1] == "P"]
    worst = Decimal(0)
    for day in {fields[0] for fields, _ in puts}:
        alive = [(strike, q) for (date, _, strike), q in puts if date >= day]
        for price in (Decimal(0), *(strike for strike, _ in alive)):
            value = sum(q * max(Decimal(0), strike - price) for strike, q in alive) * 100
            worst = max(worst, -Decimal(value))
    return worst


def recomputed_cash(bench: Any) -> Decimal:
    cash, token = Decimal(0), ""
    while True:
        path = f"/v2/account/activities?direction=asc&page_size=100&page_token={token}"
        rows = bench.get(path)
        for row in rows:
            if row["activity_type"] == "FILL":
                sign = -1 if row["side"] == "buy" else 1
                factor = 100 if len(row["symbol"]) > 10 else 1
                cash += sign * Decimal(row["qty"]) * Decimal(row["price"]) * factor
            else:
                cash += Decimal(row["net_amount"])
        if len(rows) < 100:
            return cash
        token = rows[-1]["id"]


def judge(bench: Any) -> None:
    held = {symbol: Decimal(qty) for symbol, qty in bench.held().items()}
    check_cover(held)
    account = bench.get("/v2/account")
    assert Decimal(account["options_buying_power"]) >= 0
    if held.get("AAPL", Decimal(0)) == 0:  # shares may be bought on margin, with any cash
        assert Decimal(account["cash"]) >= worst_loss(held), held


@pytest.mark.parametrize("seed", range(4))
def test_books_add_up_and_nothing_is_ever_uncovered(make_options: Any, seed: int) -> None:
    bench = make_options(at=f"{DAYS[0]} 09:31", seed=seed, exchange={"option_row_delay": 0})
    gambler = Gambler(bench, seed)
    for day in DAYS:
        bench.set_clock(f"{day} 09:31")
        for _ in range(14):
            gambler.act()
            judge(bench)
        bench.set_clock(f"{day} 16:50")
        held = {symbol: Decimal(qty) for symbol, qty in bench.held().items()}
        assert not [s for s in held if len(s) > 10 and f"20{s[-15:-9]}" <= day.replace("-", "")]
    assert bench.money() == recomputed_cash(bench).quantize(Decimal("0.01"))
    fills = [e for e in bench.events() if e["event"] in ("fill", "partial_fill")]
    assert len(fills) > 8
