"""The control plane, accounts: cash, shares, fees, switches, liquidations, corrections."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from execbot.sim.engine.accounts.flows import CASH_KINDS, FEE_KINDS, SHARE_KINDS
from execbot.sim.types import SECOND, Ns
from execbot.sim.wire.fields import Fields, wrong


def deposit(fields: Fields) -> Any:
    key, account_id = fields.account()
    fields.venue.exchange.deposit(account_id, fields.number("amount"))
    return {"key": key, "cash": fields.venue.exchange.account(account_id)["cash"]}


def account_switches(fields: Fields) -> Any:
    """`blocked`, `trading_blocked`, `liquidation_only`, `suspended`, … of one account."""
    key, account_id = fields.account()
    switches = {name: bool(value) for name, value in fields.body.items() if name != "key"}
    fields.venue.exchange.set_switches(account_id, **switches)
    return {"key": key, "account": fields.venue.exchange.account(account_id)}


def interest(fields: Fields) -> Any:
    """Margin interest that is charged (a negative `amount`), or credit interest that is paid."""
    key, account_id = fields.account()
    amount = fields.number("amount")
    if not amount:
        raise wrong("amount is not zero")
    fields.venue.exchange.interest(account_id, amount)
    return {"key": key, "cash": fields.venue.exchange.account(account_id)["cash"]}


def correct_execution(fields: Fields) -> Any:
    """The last execution (of `order_id`, or of `symbol`) was of another `qty` or `price`."""
    if "qty" not in fields.body and "price" not in fields.body:
        raise wrong("give qty, price or both")
    return _restate(
        fields,
        qty=fields.number("qty") if "qty" in fields.body else None,
        price=fields.number("price") if "price" in fields.body else None,
    )


def bust_execution(fields: Fields) -> Any:
    """The last execution (of `order_id`, or of `symbol`) is taken back."""
    return _restate(fields, qty=Decimal(0), price=None)


def _restate(fields: Fields, *, qty: Decimal | None, price: Decimal | None) -> Any:
    key, account_id = fields.account()
    order_id = str(fields.body.get("order_id") or "") or None
    symbol = fields.symbol() if fields.body.get("symbol") else None
    corrected = fields.venue.exchange.back_office.correct_execution(
        account_id, order_id, symbol=symbol, qty=qty, price=price
    )
    fields.venue.advance()
    return {"key": key, **corrected}


def liquidate(fields: Fields) -> Any:
    """The broker closes positions by itself: of one `symbol`, or all."""
    key, account_id = fields.account()
    symbol = fields.symbol() if fields.body.get("symbol") else None
    return {"key": key, "orders": fields.venue.exchange.liquidate(account_id, symbol)}


def flow(fields: Fields) -> Any:
    """Cash (`amount`) or shares (`symbol`, `qty`, at `price` each) that come or go.

    `type` is the activity: CSD, CSW, JNLC, ACATC or JNLS, ACATS, FOPT. With `row_after` seconds
    the row comes so much later than the change.
    """
    key, account_id = fields.account()
    kind, office = str(fields.need("type")).upper(), fields.venue.exchange.back_office
    if kind in CASH_KINDS:
        office.move_cash(account_id, kind, fields.number("amount"), row_after(fields))
    elif kind in SHARE_KINDS:
        office.move_shares(
            account_id,
            kind,
            fields.symbol(),
            fields.number("qty"),
            price=fields.number("price") if "price" in fields.body else None,
            row_after=row_after(fields),
        )
    else:
        raise wrong(f"type was {kind!r}, not {', '.join((*CASH_KINDS, *SHARE_KINDS))}")
    return {"key": key, "cash": fields.venue.exchange.account(account_id)["cash"]}


def fee(fields: Fields) -> Any:
    """A charge of `amount` dollars (`type` FEE, PTC), or of so many coins of a pair (CFEE)."""
    key, account_id = fields.account()
    kind = str(fields.need("type")).upper()
    if kind not in FEE_KINDS:
        raise wrong(f"type was {kind!r}, not {', '.join(FEE_KINDS)}")
    fields.venue.exchange.back_office.charge(
        account_id,
        kind,
        fields.number("amount"),
        sub_type=str(fields.body.get("sub_type") or ""),
        symbol=fields.symbol() if fields.body.get("symbol") else None,
        row_after=row_after(fields),
    )
    return {"key": key, "cash": fields.venue.exchange.account(account_id)["cash"]}


def row_after(fields: Fields) -> Ns:
    """How long after the change its activity comes, in nanoseconds."""
    if "row_after" not in fields.body:
        return 0
    seconds = fields.number("row_after")
    if seconds < 0:
        raise wrong("row_after is not below zero")
    return int(seconds * SECOND)
