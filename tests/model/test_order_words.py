"""Goal: a person reads of a spread what each of its legs does, before it goes and after it has.

Method: the request, and the same order as the broker shows it.
"""

from __future__ import annotations

from decimal import Decimal

from execbot.model.enums import Side
from execbot.model.options.legs import Leg
from execbot.model.options.spreads import spread_request
from execbot.model.order import Order
from execbot.model.order_words import describe

D = Decimal
OLD, NEW = "AAPL261120C00200000", "AAPL261218C00200000"
ROLL = (Leg(OLD, Side.SELL, 1, opens=False), Leg(NEW, Side.BUY, 1, opens=True))
WORDS = f"2 spreads (sell 1 {OLD} to close, buy 1 {NEW}) at a debit of 0.30, day"


def test_a_roll_says_which_legs_close() -> None:
    request = spread_request(ROLL, D(2), D("0.30"))
    assert describe(request) == WORDS
    legs = [
        {"id": f"leg-{n}", "symbol": leg.symbol, "side": leg.side.value, "qty": "2",
         "order_class": "mleg", "position_intent": leg.intent, "status": "new", "type": ""}
        for n, leg in enumerate(ROLL)
    ]  # fmt: skip
    shown = {"id": "one", "symbol": "", "side": "buy", "qty": "2", "order_class": "mleg",
             "type": "limit", "limit_price": "0.3", "time_in_force": "day", "status": "new",
             "legs": legs}  # fmt: skip
    assert describe(Order.from_wire(shown)) == WORDS
