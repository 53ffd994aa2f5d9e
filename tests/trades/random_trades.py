"""Random trades with everything that makes books hard: partial fills, flips, shorts, splits that do
not divide, coins, contracts, one-letter tickers, fees to the cent and shared ones."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal

from msgspec.structs import replace
from trades.making import T0, D, executed

from execbot.journal.records import Execution, FillState
from execbot.oms.machine.positions import ONE_AFTER
from execbot.risk.fees import FillFee, Settled
from execbot.trades.round_trips import round_trips
from execbot.trades.trade import Known, Trade, trade_of

SYMBOLS = ("AAPL", "F", "BRK.B", "BTC/USD", "AAPL261218C00190000", "NA")


def random_history(seed: int) -> Settled:
    chance = random.Random(seed)
    items: list[Execution] = []
    fees: dict[str, FillFee] = {}
    held: dict[str, Decimal] = dict.fromkeys(SYMBOLS, D(0))
    price = {name: D(chance.randint(2, 400)) for name in SYMBOLS}
    for number in range(chance.randint(20, 60)):
        symbol = chance.choice(SYMBOLS)
        at = T0 + timedelta(hours=3 * number, microseconds=chance.randint(0, 999_998))
        price[symbol] *= D(chance.randint(95, 105)) / 100
        price[symbol] = price[symbol].quantize(D("0.0001"))
        now = held[symbol]
        if now > 0 and symbol in ("AAPL", "F", "NA") and chance.random() < 0.1:
            new = (now / 3).quantize(D("0.000000001")) if chance.random() < 0.5 else now * 4
            for step, qty in enumerate((-now, new)):
                name = f"x{number:03}-{step}"
                item = executed(
                    number,
                    str(qty),
                    "1",
                    symbol=symbol,
                    at=at + step * ONE_AFTER,
                    state=FillState.ADJUSTMENT,
                )
                items.append(replace(item, execution_id=name))
            held[symbol] = new
            continue
        qty = _quantity(chance, symbol, now)
        item = executed(number, str(qty), str(price[symbol]), symbol=symbol, at=at)
        items.append(item)
        held[symbol] = now + qty
        if chance.random() < 0.6:
            amount = D(chance.randint(1, 99)) / 100
            if symbol == "BTC/USD":
                amount = (abs(qty) * price[symbol] * D("0.0025")).quantize(D("0.000000001"))
            fees[item.execution_id] = FillFee(amount, chance.random() < 0.5)
    return Settled(tuple(items), fees)


def _quantity(chance: random.Random, symbol: str, held: Decimal) -> Decimal:
    unit = D("0.000000001") * chance.randint(1, 999_999_999) if symbol == "BTC/USD" else D(1)
    size = unit * chance.randint(1, 30)
    if not held:
        short = symbol not in ("BTC/USD",) and chance.random() < 0.3
        return -size if short else size
    sign = -1 if held > 0 else 1
    word = chance.random()
    if word < 0.35:
        return -held
    if word < 0.6:
        return sign * min(size, abs(held))
    if word < 0.7 and symbol != "BTC/USD":
        return sign * (abs(held) + size)
    return -sign * size


def random_trades(seed: int) -> list[Trade]:
    history = random_history(seed)
    words = {
        item.execution_id: "split"
        for item in history.executions
        if item.state is FillState.ADJUSTMENT
    }
    return [trade_of(trip, Known()) for trip in round_trips(history, words)]
