"""Books the fills of orders in several contracts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.events import emit
from execbot.sim.engine.options import spreads
from execbot.sim.engine.order import KEEPS_STATUS, Order, Status
from execbot.sim.engine.orders import executions
from execbot.sim.engine.render import text
from execbot.sim.times import format_ns


def meet(core: ExchangeCore, parent: Order) -> bool:
    """Fills what can be filled now; whether something was."""
    found = spreads.prices(core, parent, core.now)
    if found is None or not spreads.ready(core, parent, core.now):
        return False
    units = min(parent.leaves, *(_units(core, leg) for leg, _ in found))
    if units <= 0:
        return False
    fill(core, core.accounts[parent.account_id], parent, units, found)
    return True


def _units(core: ExchangeCore, leg: Order) -> Decimal:
    quote = core.prices.quote(leg.symbol, core.now)
    assert quote is not None and leg.ratio_qty is not None
    size = quote.ask_size if leg.is_buy else quote.bid_size
    return size // leg.ratio_qty


def fill(
    core: ExchangeCore,
    account: Account,
    parent: Order,
    units: Decimal,
    found: list[tuple[Order, Decimal]],
) -> None:
    """Books so many units at these prices of the legs: one frame, the parent's, and a FILL row for
    each leg.
    """
    price, rows = spreads.net(found), []
    for leg, each in sorted(found, key=lambda pair: not pair[0].is_buy):
        qty = units * (leg.ratio_qty or 1)
        executions.execute(core, account, leg, each, qty, quiet=True)
        rows.append((leg, each, qty))
    parent.filled_qty += units
    parent.filled_value += price * units
    parent.filled_at = parent.updated_at = core.now
    if parent.leaves <= 0:
        parent.status = Status.FILLED
        core.retire(parent)
    else:
        if parent.status not in KEEPS_STATUS:
            parent.status = Status.PARTIALLY_FILLED
        account.reserve(parent, parent.leaves * parent.hold_price)
    order = {leg.id: place for place, leg in enumerate(leg for leg, _ in found)}
    rows.sort(key=lambda row: order[row[0].id])
    _tell(core, account, parent, units, price, rows)


def _tell(
    core: ExchangeCore,
    account: Account,
    parent: Order,
    units: Decimal,
    price: Decimal,
    rows: list[tuple[Order, Decimal, Decimal]],
) -> None:
    body: dict[str, Any] = {
        "execution_id": core.ids.uuid(),
        "price": text(price),
        "qty": text(units),
        "position_qtys": {leg.symbol: text(account.qty(leg.symbol)) for leg, _, _ in rows},
        "settle_date": core.settle_date(rows[0][0].symbol),
        "legs": [
            {
                "execution_id": leg.fills[-1][0],
                "order_id": leg.id,
                "symbol": leg.symbol,
                "qty": text(qty),
                "price": text(each),
                "timestamp": format_ns(core.now),
            }
            for leg, each, qty in rows
        ],
    }
    emit(core, parent, "fill" if parent.status is Status.FILLED else "partial_fill", body)
