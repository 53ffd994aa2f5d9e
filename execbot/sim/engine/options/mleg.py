"""Orders in several contracts: what is refused, and the parent with its legs.

The parent has no symbol and a signed limit: above zero what is paid for one unit, below zero what
is received. Each leg is an order of its own id, with the contracts of all units; it works, ends and
is replaced with its parent. Every short leg must be covered by a long one of the same order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import gcd
from typing import Any

from execbot.sim.chains.contract import Contract
from execbot.sim.engine import parse
from execbot.sim.engine.accounts import funds
from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.options import cover, rules
from execbot.sim.engine.order import Order, OrderClass, OrderType, Side, TimeInForce
from execbot.sim.engine.orders import account_rules
from execbot.sim.engine.orders.rules import forbidden, infer_intent, unprocessable
from execbot.sim.engine.parse import malformed
from execbot.sim.engine.render import CENT, ZERO, text
from execbot.sim.types import AssetClass

LEGS_MIN, LEGS_MAX = 2, 4
LEVEL = 3
TYPES = (OrderType.MARKET, OrderType.LIMIT)


@dataclass(frozen=True, slots=True)
class Leg:
    contract: Contract
    ratio: int
    intent: str

    @property
    def is_buy(self) -> bool:
        return self.intent.startswith("buy")

    @property
    def opens(self) -> bool:
        return self.intent.endswith("_to_open")

    @property
    def signed(self) -> int:
        return self.ratio if self.is_buy else -self.ratio


@dataclass(frozen=True, slots=True)
class Spread:
    """A checked request: `units` of the legs at a net `limit` (None: at the market)."""

    legs: tuple[Leg, ...]
    units: Decimal
    limit: Decimal | None
    client_order_id: str | None

    def contracts(self) -> dict[Contract, Decimal]:
        return {leg.contract: leg.signed * self.units for leg in self.legs}


# --- what the order is -----------------------------------------------------------------------


def read(core: ExchangeCore, body: Mapping[str, Any]) -> Spread:
    """Raises `ApiError` 422 for what is no order in several contracts."""
    if body.get("type") not in TYPES:
        raise unprocessable("invalid order type for options trading")
    if body.get("time_in_force") != TimeInForce.DAY:
        raise unprocessable("invalid time in force")
    if body.get("take_profit") or body.get("stop_loss"):
        raise unprocessable("complex orders not supported for options trading")
    if body.get("notional") not in (None, ""):
        raise unprocessable("notional orders are not supported for options trading")
    if str(body.get("extended_hours")).lower() == "true":
        raise unprocessable("extended hours is not supported for options trading")
    units = parse.number(body, "qty")
    if units is None:
        raise malformed("qty is required")
    if units <= 0:
        raise malformed("qty must be > 0")
    rules.check_whole(units)
    rules.check_limit_price(body, body["type"] == OrderType.LIMIT, signed=True)
    legs = _legs(core, body)
    limit = parse.number(body, "limit_price")
    return Spread(legs, units, limit, parse.client_order_id(body))


def leg_rows(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The `legs` of a request. Raises `ApiError` 422 where they are no list of 2 to 4 objects."""
    rows = body.get("legs")
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise malformed("invalid legs")
    if not LEGS_MIN <= len(rows) <= LEGS_MAX:
        raise malformed(f"mleg orders require {LEGS_MIN} to {LEGS_MAX} legs")
    return rows


def _legs(core: ExchangeCore, body: Mapping[str, Any]) -> tuple[Leg, ...]:
    legs = tuple(_leg(core, index, row) for index, row in enumerate(leg_rows(body)))
    if len({leg.contract for leg in legs}) < len(legs):
        raise malformed("legs must have different symbols")
    first = legs[0].contract.underlying
    for leg in legs:
        if leg.contract.underlying != first:
            raise unprocessable(f"underlying asset mismatch: {first} != {leg.contract.underlying}")
    if gcd(*(leg.ratio for leg in legs)) > 1:
        raise unprocessable("leg ratios must be relatively prime")
    return legs


def _leg(core: ExchangeCore, index: int, row: Mapping[str, Any]) -> Leg:
    symbol = str(row.get("symbol") or "")
    contract = rules.contract_named(core, symbol)
    if contract is None:
        raise unprocessable(f"asset not found for {symbol}")
    rules.check_alive(core, contract)
    ratio = parse.number(row, "ratio_qty")
    if ratio is None or ratio <= 0 or ratio != ratio.to_integral_value():
        raise malformed(f"invalid leg.{index} ratio_qty")
    intent, side = row.get("position_intent"), row.get("side") or None
    if intent not in parse.INTENTS:
        raise unprocessable(f"leg.{index} position intent is required")
    if side is not None and not str(intent).startswith(str(side)):
        raise unprocessable(f"leg.{index} side and position intent do not match")
    return Leg(contract, int(ratio), str(intent))


# --- against the account ---------------------------------------------------------------------


def place(core: ExchangeCore, account: Account, body: Mapping[str, Any]) -> list[Order]:
    """The parent and its legs, checked, not yet on their way. Raises `ApiError`."""
    if core.config.mleg_submit_disabled:
        raise forbidden("submit mleg order is disabled")
    spread = read(core, body)
    if spread.client_order_id is not None:
        core.check_client_id(account.id, spread.client_order_id)
    check_account(core, account, spread)
    orders = build(core, account, spread)
    check_cash(core, account, orders[0], spread, None)
    check_clock(core, account, spread)
    return orders


def check_account(
    core: ExchangeCore, account: Account, spread: Spread, leave_out: Order | None = None
) -> None:
    """Level, intents, contracts to close, coverage."""
    allowed = rules.level(core, account)
    if not allowed:
        raise forbidden(rules.NOT_ALLOWED)
    if allowed < LEVEL:
        raise forbidden(rules.NOT_SPREADS)
    for leg in spread.legs:
        _check_leg(core, account, spread, leg, leave_out)
    opening = {leg.contract: Decimal(leg.signed) for leg in spread.legs if leg.opens}
    if not cover.is_covered_inside(opening):
        raise forbidden(rules.NOT_UNCOVERED)
    underlying = spread.legs[0].contract.underlying
    rules.check_still_covered(core, account, underlying, spread.contracts(), leave_out)


def _check_leg(
    core: ExchangeCore, account: Account, spread: Spread, leg: Leg, leave_out: Order | None
) -> None:
    symbol = leg.contract.symbol
    inferred = infer_intent(Side.BUY if leg.is_buy else Side.SELL, account.qty(symbol))
    if leg.intent != inferred:
        raise unprocessable(
            f"position intent mismatch, inferred: {inferred}, specified: {leg.intent}"
        )
    if leg.opens:
        if not leg.contract.is_standard:
            raise unprocessable(f'contract "{symbol}" is not tradable')
        return
    wanted, available = leg.ratio * spread.units, funds.available_qty(core, account, symbol)
    if leave_out is not None:
        available += sum(
            (core.orders[i].leaves for i in leave_out.legs
             if i in core.orders and core.orders[i].symbol == symbol),
            ZERO,
        )  # fmt: skip
    if wanted > available:
        error = account_rules.insufficient_qty(core, account, symbol, wanted, available)
        error.extra["symbol"] = ""  # as Alpaca answers for orders in several contracts
        raise error


def check_cash(
    core: ExchangeCore, account: Account, parent: Order, spread: Spread, leave_out: Order | None
) -> None:
    """Sets what the parent holds back. Raises `ApiError` 403 where it is not there."""
    net = spread.limit
    if net is None:
        net = sum((leg.signed * _far_side(core, leg) for leg in spread.legs), ZERO)
    needed = rules.cost(core, account, spread.contracts(), net * spread.units, leave_out)
    parent.hold_price = needed / spread.units
    free = funds.money(core, account, leave_out=leave_out).non_marginable
    if needed > free:
        required, available = text(needed.quantize(CENT)), text(free.quantize(CENT))
        raise forbidden(
            f"insufficient options buying power (required: {required}, available: {available})",
            options_buying_power=available,
            cost_basis=required,
        )


def _far_side(core: ExchangeCore, leg: Leg) -> Decimal:
    quote = core.prices.quote(leg.contract.symbol, core.now)
    if quote is None:
        return ZERO
    return quote.ask if leg.is_buy else quote.bid


def check_clock(core: ExchangeCore, account: Account, spread: Spread) -> None:
    if spread.limit is None:
        asset = core.assets.get(spread.legs[0].contract.symbol)
        assert asset is not None
        rules.check_market_hours(core, asset)
    for leg in spread.legs:
        if leg.opens:
            rules.check_opening_expiring(core, leg.contract)
            count = leg.ratio * spread.units
            rules.check_expiring_count(core, account, leg.contract, count)


# --- the orders ------------------------------------------------------------------------------


def build(core: ExchangeCore, account: Account, spread: Spread) -> list[Order]:
    """The parent, then its legs; nothing is registered."""
    parent = blank(
        core,
        account,
        client_order_id=spread.client_order_id or core.ids.uuid(),
        side=Side.BUY,
        type=OrderType.MARKET if spread.limit is None else OrderType.LIMIT,
        qty=spread.units,
        limit_price=spread.limit,
    )
    legs = [
        blank(
            core,
            account,
            client_order_id=core.ids.uuid(),
            symbol=leg.contract.symbol,
            asset_id=leg.contract.asset(core.config.seed).id,
            side=Side.BUY if leg.is_buy else Side.SELL,
            type=OrderType.MARKET,
            position_intent=leg.intent,
            qty=leg.ratio * spread.units,
            ratio_qty=Decimal(leg.ratio),
            parent_id=parent.id,
        )
        for leg in spread.legs
    ]
    parent.legs = [leg.id for leg in legs]
    return [parent, *legs]


def blank(core: ExchangeCore, account: Account, **fields: Any) -> Order:
    """A parent or a leg of now with these fields, the parent without a symbol."""
    core.order_seq += 1
    values: dict[str, Any] = {"symbol": "", "asset_id": "", **fields}
    return Order(
        id=core.ids.uuid(),
        seq=core.order_seq,
        account_id=account.id,
        asset_class=AssetClass.US_OPTION,
        tif=TimeInForce.DAY,
        order_class=OrderClass.MLEG,
        created_at=core.now,
        updated_at=core.now,
        submitted_at=core.now,
        **values,
    )


def legs_of(core: ExchangeCore, parent: Order) -> list[Order]:
    """The legs of a parent, live or over, in their order."""
    found = (core.find(leg_id) for leg_id in parent.legs)
    return [leg for leg in found if leg is not None]


def spread_of(core: ExchangeCore, parent: Order, units: Decimal, limit: Decimal | None) -> Spread:
    """The request that would make such a parent."""
    legs = []
    for leg in legs_of(core, parent):
        contract = core.contract(leg.symbol)
        assert contract is not None and leg.ratio_qty is not None
        legs.append(Leg(contract, int(leg.ratio_qty), leg.position_intent))
    return Spread(tuple(legs), units, limit, None)
