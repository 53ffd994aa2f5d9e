"""Makes an order of a request: runs all checks of the POST, then builds the order and its legs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import Any

from execbot.sim.chains.contract import Contract
from execbot.sim.engine import parse
from execbot.sim.engine.accounts import funds, margin
from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.options import mleg
from execbot.sim.engine.options import rules as option_rules
from execbot.sim.engine.order import Order, OrderClass, OrderType, Role, Side, Status
from execbot.sim.engine.orders import account_rules, lifecycle, rules, trailing
from execbot.sim.engine.parse import Ticket
from execbot.sim.types import Asset, AssetClass

# In the order in which they are made.
BEFORE_ORDER = (
    rules.check_crypto,
    rules.check_time_in_force,
    rules.check_fraction,
    rules.check_prices,
    account_rules.check_restriction,
    rules.check_class,
    account_rules.check_intent,
    account_rules.check_direction,
    account_rules.check_short,
    account_rules.check_open_orders,
    account_rules.check_wash_trade,
    rules.check_stop_side,
    account_rules.check_day_trades,
)
OPTION_FROM_ELSEWHERE = (account_rules.check_intent,)
OPTION = (
    option_rules.check_limits,
    account_rules.check_intent,
    option_rules.check_level,
    option_rules.check_adjusted,
    option_rules.check_sold_stop,
    account_rules.check_wash_trade,
)
OPTION_CLOCK = (option_rules.check_hours, option_rules.check_expiring)
"""What comes after shares and cash: `check_available`, `check_cover`, `check_cash`."""


def place(
    core: ExchangeCore, account: Account, body: Mapping[str, Any], *, by_broker: bool = False
) -> Order:
    """`POST /v2/orders`. Raises `ApiError`; otherwise the order is live and on its way.

    `by_broker`: a liquidation, which no block of the account holds up.
    """
    parse.check_body(body)
    if body.get("order_class") == OrderClass.MLEG:
        return _place_several(core, account, body)
    contract = _contract(core, account, body)
    ticket = parse.ticket(body, beside_legs=core.config.oco_prices_beside_legs)
    if not by_broker:
        rules.check_account(account)
    if ticket.client_order_id is not None:
        core.check_client_id(account.id, ticket.client_order_id)
    asset = rules.check_asset(ticket.symbol, core.listed(ticket.symbol))
    margin.roll(core, account)
    intent = rules.infer_intent(ticket.side, account.qty(asset.symbol))
    case = rules.Case(core, account, asset, ticket, intent)
    for check in _checks(asset, by_broker):
        check(case)
    order = _order(core, account, asset, ticket, intent)
    account_rules.check_available(case, _shares_wanted(order))
    if contract is not None:
        _check_option(case, order, contract, by_broker)
    elif not by_broker:
        account_rules.check_cost(case, order)
    legs = _legs(core, account, order, ticket)
    lifecycle.register(core, account, order)
    for leg in legs:
        lifecycle.register(core, account, leg)
    lifecycle.send(core, order)
    return order


def _place_several(core: ExchangeCore, account: Account, body: Mapping[str, Any]) -> Order:
    rules.check_account(account)
    margin.roll(core, account)
    parent, *legs = mleg.place(core, account, body)
    for leg in legs:
        lifecycle.register_leg(core, account, leg)
    lifecycle.register(core, account, parent)
    lifecycle.send(core, parent)
    return parent


def _contract(core: ExchangeCore, account: Account, body: Mapping[str, Any]) -> Contract | None:
    """The contract that an order names, if it names one; its shape has been checked then."""
    symbol = body.get("symbol")
    if not isinstance(symbol, str) or core.contract(symbol) is None:
        return None
    found = core.contract(symbol) if account.qty(symbol) else None
    contract = found or option_rules.check_contract(core, symbol)
    option_rules.check_shape(body)
    return contract


def _check_option(case: rules.Case, order: Order, contract: Contract, by_broker: bool) -> None:
    if by_broker:
        option_rules.reserve_for(case.core, case.account, order, contract, None)
        return
    option_rules.check_cover(case, order.leaves)
    option_rules.check_cash(case, order)
    for check in OPTION_CLOCK:
        check(case)


def _checks(asset: Asset, by_broker: bool) -> tuple[Callable[[rules.Case], None], ...]:
    if asset.asset_class is not AssetClass.US_OPTION:
        return BEFORE_ORDER
    return OPTION_FROM_ELSEWHERE if by_broker else OPTION


def _shares_wanted(order: Order) -> Decimal:
    if order.qty is not None:
        return order.qty
    return order.leaves.quantize(Decimal("0.000000001"), ROUND_DOWN)


def _blank(
    core: ExchangeCore, account: Account, asset: Asset, ticket: Ticket, **fields: Any
) -> Order:
    core.order_seq += 1
    return Order(
        id=core.ids.uuid(),
        seq=core.order_seq,
        account_id=account.id,
        symbol=asset.symbol,
        asset_id=asset.id,
        asset_class=asset.asset_class,
        tif=ticket.tif,
        order_class=ticket.order_class,
        created_at=core.now,
        updated_at=core.now,
        submitted_at=core.now,
        **fields,
    )


def _order(
    core: ExchangeCore, account: Account, asset: Asset, ticket: Ticket, intent: str
) -> Order:
    role = Role.ALONE
    if ticket.order_class is OrderClass.OCO:
        role = Role.TARGET
    elif ticket.order_class is not OrderClass.SIMPLE:
        role = Role.ENTRY
    order = _blank(
        core,
        account,
        asset,
        ticket,
        client_order_id=ticket.client_order_id or core.ids.uuid(),
        side=ticket.side,
        type=ticket.type,
        qty=ticket.qty,
        notional=ticket.notional,
        limit_price=ticket.limit_price,
        stop_price=ticket.stop_price,
        trail_price=ticket.trail_price,
        trail_percent=ticket.trail_percent,
        extended_hours=ticket.extended_hours,
        position_intent=intent,
        role=role,
    )
    if order.type is OrderType.TRAILING_STOP:
        order.hwm = core.price(order.symbol, core.now)
        order.stop_price = trailing.trail_stop(order, order.hwm)
    if order.type is OrderType.MARKET and order.asset_class is AssetClass.CRYPTO:
        order.collar = _crypto_collar(core, asset, order)
    order.hold_price = funds.unit_price(core, order, intent == "sell_to_open")
    return order


def _crypto_collar(core: ExchangeCore, asset: Asset, order: Order) -> Decimal | None:
    """A crypto market order is a limit order two percent through the market."""
    quote = core.prices.quote(order.symbol, core.now)
    side = None if quote is None else (quote.ask if order.is_buy else quote.bid)
    if not side:
        return None
    share = core.config.crypto_collar
    price = side * (1 + share if order.is_buy else 1 - share)
    step = asset.price_increment or Decimal("0.01")
    rounding = ROUND_UP if order.is_buy else ROUND_DOWN
    return (price / step).to_integral_value(rounding) * step


def _legs(core: ExchangeCore, account: Account, parent: Order, ticket: Ticket) -> list[Order]:
    """The exits of a group, all `held` until their time comes. An OCO is its own target."""
    if ticket.order_class is OrderClass.SIMPLE:
        return []
    asset = core.asset_of(parent)
    exit_side = parent.side if ticket.order_class is OrderClass.OCO else parent.side.opposite
    common: dict[str, Any] = {
        "side": exit_side,
        "qty": parent.qty,
        "status": Status.HELD,
        "position_intent": "sell_to_close" if exit_side is Side.SELL else "buy_to_close",
        "parent_id": parent.id,
    }
    legs: list[Order] = []
    if ticket.target_limit is not None and ticket.order_class is not OrderClass.OCO:
        fields = {"type": OrderType.LIMIT, "limit_price": ticket.target_limit, **common}
        legs.append(
            _blank(
                core, account, asset, ticket,
                client_order_id=core.ids.uuid(), role=Role.TARGET, **fields,
            )
        )  # fmt: skip
    if ticket.stop_stop is not None:
        kind = OrderType.STOP if ticket.stop_limit is None else OrderType.STOP_LIMIT
        fields = {"type": kind, "stop_price": ticket.stop_stop, **common}
        legs.append(
            _blank(
                core, account, asset, ticket,
                client_order_id=core.ids.uuid(), role=Role.STOP,
                limit_price=ticket.stop_limit, **fields,
            )
        )  # fmt: skip
    parent.legs = [leg.id for leg in legs]
    pair = [parent, *legs] if ticket.order_class is OrderClass.OCO else legs
    if len(pair) == 2:
        pair[0].sibling_id, pair[1].sibling_id = pair[1].id, pair[0].id
    return legs
