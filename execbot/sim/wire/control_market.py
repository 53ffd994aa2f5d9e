"""The control plane, market: prices, halts, bands, the tape, corporate actions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from execbot.sim.times import format_ns, parse_time
from execbot.sim.types import SECOND, Ns, Trade
from execbot.sim.wire import tape
from execbot.sim.wire.data_feed import luld_message, status_message
from execbot.sim.wire.fields import Fields, wrong


def set_price(fields: Fields) -> Any:
    """From now on the symbol trades at `price` (and `bid`, `ask`, `size` where given).

    With `"hold": false` the market jumps there and lives on around it.
    """
    symbol = str(fields.need("symbol")).upper()
    names = ("price", "bid", "ask", "size")
    prices = {name: fields.number(name) for name in names if name in fields.body}
    fields.venue.market.set_price(
        symbol, fields.now, prices, hold=bool(fields.body.get("hold", True))
    )
    fields.venue.exchange.market_changed(symbol)
    fields.venue.advance()
    return {"symbol": symbol, "quote": fields.venue.market.shown_quote(symbol, fields.now)}


def release_price(fields: Fields) -> Any:
    """The symbol has its own prices again."""
    symbol = fields.args[0].upper()
    fields.venue.market.release_price(symbol, fields.now)
    fields.venue.exchange.market_changed(symbol)
    fields.venue.advance()
    return {"symbol": symbol, "quote": fields.venue.market.shown_quote(symbol, fields.now)}


def show_price(fields: Fields) -> Any:
    symbol = fields.args[0].upper()
    return {"symbol": symbol, "quote": fields.venue.market.shown_quote(symbol, fields.now)}


def halt(fields: Fields) -> Any:
    """Trading in the symbol stops: the price stands still, orders wait."""
    symbol = str(fields.need("symbol")).upper()
    reason = str(fields.body.get("reason") or "T1")
    fields.venue.market.halt(fields.venue.exchange, symbol, reason)
    _announce_status(fields, symbol, halted=True, reason=reason)
    return {"symbol": symbol, "halted": True}


def resume(fields: Fields) -> Any:
    symbol = str(fields.need("symbol")).upper()
    fields.venue.market.resume(fields.venue.exchange, symbol)
    _announce_status(fields, symbol, halted=False, reason="T3")
    fields.venue.advance()
    return {"symbol": symbol, "halted": False}


def _announce_status(fields: Fields, symbol: str, *, halted: bool, reason: str) -> None:
    asset = fields.venue.market.assets.get(symbol)
    message = status_message(symbol, asset, fields.now, halted=halted, reason=reason)
    fields.venue.announce(message, fields.now)


def price_band(fields: Fields) -> Any:
    """Limit-up and limit-down: nothing trades outside `low` and `high`; without both, no band."""
    symbol = str(fields.need("symbol")).upper()
    low = fields.number("low") if "low" in fields.body else None
    high = fields.number("high") if "high" in fields.body else None
    fields.venue.market.check_symbol(symbol)
    fields.venue.exchange.set_band(symbol, low, high)
    fields.venue.advance()
    if low is None or high is None:
        return {"symbol": symbol, "band": None}
    message = luld_message(symbol, fields.venue.market.assets.get(symbol), fields.now, high)
    fields.venue.announce({**message, "u": float(high), "d": float(low)}, fields.now)
    return {"symbol": symbol, "band": [str(low), str(high)]}


def stale(fields: Fields) -> Any:
    """The reference price of a crypto pair is stale (or, with `"stale": false`, no longer)."""
    symbol, on = fields.symbol(), bool(fields.body.get("stale", True))
    if "/" not in symbol:
        raise wrong(f"{symbol} is no crypto pair")
    fields.venue.exchange.set_stale(symbol, on)
    fields.venue.advance()
    return {"symbol": symbol, "stale": on}


# --- the tape: what is told on the data streams besides prices --------------------------------


def late_trade(fields: Fields) -> Any:
    """A print that comes late: the trade, and the bar of its minute once more (`updatedBars`)."""
    symbol, at = fields.symbol(), _past(fields)
    trade = Trade(symbol, at, fields.number("price"), fields.number("size"))
    if trade.price <= 0 or trade.size <= 0:
        raise wrong("price and size are above zero")
    return _tell(fields, tape.late_trade(fields.venue.market, trade))


def _past(fields: Fields) -> Ns:
    """`at`, or `seconds_ago` (90); nothing of the running minute is late."""
    if "at" in fields.body:
        try:
            at = parse_time(str(fields.body["at"]))
        except ValueError as error:
            raise wrong(str(error)) from None
    else:
        ago = fields.number("seconds_ago") if "seconds_ago" in fields.body else Decimal(90)
        at = fields.now - int(ago * SECOND)
    if at >= fields.now - fields.now % (60 * SECOND):
        raise wrong("a late trade lies before the running minute")
    return at


def correction(fields: Fields) -> Any:
    """The last print is corrected to `price` and `size` (`corrections`)."""
    trade = _last_trade(fields)
    price = fields.number("price") if "price" in fields.body else trade.price
    size = fields.number("size") if "size" in fields.body else trade.size
    if price <= 0 or size <= 0:
        raise wrong("price and size are above zero")
    return _tell(fields, [tape.correction(fields.venue.market, trade, price, size, fields.now)])


def trade_cancel(fields: Fields) -> Any:
    """The last print is taken back (`cancelErrors`): action C, or E with `"error": true`."""
    action = "E" if fields.body.get("error") else "C"
    return _tell(
        fields, [tape.cancel_error(fields.venue.market, _last_trade(fields), action, fields.now)]
    )


def _last_trade(fields: Fields) -> Trade:
    symbol = fields.symbol()
    if "/" in symbol:
        raise wrong("crypto streams have no corrections and cancels")
    trade = fields.venue.market.prices.last_trade(symbol, fields.now)
    if trade is None:
        raise wrong(f"{symbol} has not traded")
    return trade


def imbalance(fields: Fields) -> Any:
    """An order imbalance of a halted stock, at the price at which it would reopen."""
    symbol = fields.symbol()
    if "/" in symbol:
        raise wrong("crypto streams have no imbalances")
    return _tell(
        fields, [tape.imbalance(fields.venue.market, symbol, fields.number("price"), fields.now)]
    )


def _tell(fields: Fields, messages: list[tape.Message]) -> Any:
    for message in messages:
        fields.venue.announce(message, fields.now)
    return {"told": messages}


# --- corporate actions ------------------------------------------------------------------------


def split(fields: Fields) -> Any:
    """`new` shares for `old` (1) ones: the price moves, positions are rescaled."""
    symbol = fields.symbol()
    old = fields.number("old") if "old" in fields.body else Decimal(1)
    fields.venue.market.split(fields.venue.exchange, symbol, fields.number("new"), old)
    fields.venue.advance()
    return {"symbol": symbol, "quote": fields.venue.market.shown_quote(symbol, fields.now)}


def dividend(fields: Fields) -> Any:
    """`amount` dollars a share to the holders. The price stays; `POST /sim/price` moves it. With
    `ex_date` it is announced for that day alone, and paid by a call without it."""
    symbol, amount = fields.symbol(), fields.number("amount")
    if amount <= 0:
        raise wrong("amount is above zero")
    if "ex_date" in fields.body:
        day = str(fields.body["ex_date"])
        fields.venue.market.announce_dividend(symbol, amount, day, fields.now)
        return {"symbol": symbol, "amount": str(amount), "ex_date": day}
    fields.venue.market.dividend(fields.venue.exchange, symbol, amount)
    return {"symbol": symbol, "amount": str(amount)}


def rename(fields: Fields) -> Any:
    """The symbol becomes `new_symbol`, another one of the list, which takes over its price."""
    symbol, new_symbol = fields.symbol(), fields.symbol("new_symbol")
    if symbol == new_symbol:
        raise wrong("new_symbol is the same symbol")
    fields.venue.market.rename(fields.venue.exchange, symbol, new_symbol)
    fields.venue.advance()
    return {"symbol": symbol, "new_symbol": new_symbol, "at": format_ns(fields.now)}


def merger(fields: Fields) -> Any:
    """Each share of `symbol` becomes `rate` shares of `new_symbol`, `cash` dollars, or both."""
    symbol, body = fields.symbol(), fields.body
    new_symbol = fields.symbol("new_symbol") if body.get("new_symbol") else None
    if new_symbol is not None:
        fields.venue.market.check_market(new_symbol, fields.now)
    rate = fields.number("rate") if "rate" in body else Decimal(0)
    cash = fields.number("cash") if "cash" in body else Decimal(0)
    fields.venue.exchange.back_office.merge(symbol, new_symbol, rate=rate, cash=cash)
    _note_merger(fields, symbol, new_symbol, rate, cash)
    fields.venue.advance()
    return {"symbol": symbol, "at": format_ns(fields.now)}


def _note_merger(
    fields: Fields, symbol: str, new_symbol: str | None, rate: Decimal, cash: Decimal
) -> None:
    log = fields.venue.market.corporate
    if new_symbol is None:
        log.add(fields.now, "cash_merger", acquiree_symbol=symbol, rate=cash)
        return
    shares = {"acquirer_symbol": new_symbol, "acquirer_rate": rate}
    shares.update(acquiree_symbol=symbol, acquiree_rate=1)
    if cash:
        log.add(fields.now, "stock_and_cash_merger", **shares, cash_rate=cash)
    else:
        log.add(fields.now, "stock_merger", **shares)


def spin_off(fields: Fields) -> Any:
    """Holders of `symbol` get `rate` shares of `new_symbol` for each, with `cost_share` (0) of
    what the old ones had cost."""
    symbol, new_symbol = fields.symbol(), fields.symbol("new_symbol")
    fields.venue.market.check_market(new_symbol, fields.now)
    share = fields.number("cost_share") if "cost_share" in fields.body else Decimal(0)
    rate = fields.number("rate")
    fields.venue.exchange.back_office.spin_off(symbol, new_symbol, rate, share)
    fields.venue.market.corporate.add(
        fields.now,
        "spin_off",
        source_symbol=symbol,
        source_rate=1,
        new_symbol=new_symbol,
        new_rate=rate,
    )
    return {"symbol": symbol, "new_symbol": new_symbol, "at": format_ns(fields.now)}
