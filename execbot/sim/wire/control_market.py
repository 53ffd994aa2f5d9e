"""The control plane's hand on the market: prices, halts, bands, the tape, corporate actions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from execbot.sim.clock import format_ns, parse_time
from execbot.sim.types import SECOND, Ns, Trade
from execbot.sim.wire import tape
from execbot.sim.wire.ask import Ask, wrong


def set_price(ask: Ask) -> Any:
    """From now on the symbol trades at `price` (and `bid`, `ask`, `size` where given).

    With `"hold": false` the market jumps there and lives on around it.
    """
    symbol = str(ask.need("symbol")).upper()
    names = ("price", "bid", "ask", "size")
    prices = {name: ask.number(name) for name in names if name in ask.body}
    ask.venue.market.set_price(symbol, ask.now, prices, hold=bool(ask.body.get("hold", True)))
    ask.venue.exchange.market_changed(symbol)
    ask.venue.advance()
    return {"symbol": symbol, "quote": ask.venue.market.shown_quote(symbol, ask.now)}


def release_price(ask: Ask) -> Any:
    """The symbol has its own prices again."""
    symbol = ask.args[0].upper()
    ask.venue.market.release_price(symbol, ask.now)
    ask.venue.exchange.market_changed(symbol)
    ask.venue.advance()
    return {"symbol": symbol, "quote": ask.venue.market.shown_quote(symbol, ask.now)}


def show_price(ask: Ask) -> Any:
    symbol = ask.args[0].upper()
    return {"symbol": symbol, "quote": ask.venue.market.shown_quote(symbol, ask.now)}


def halt(ask: Ask) -> Any:
    """Trading in the symbol stops: the price stands still, orders wait."""
    symbol = str(ask.need("symbol")).upper()
    reason = str(ask.body.get("reason") or "T1")
    ask.venue.market.halt(ask.venue.exchange, symbol, reason)
    _announce_status(ask, symbol, halted=True, reason=reason)
    return {"symbol": symbol, "halted": True}


def resume(ask: Ask) -> Any:
    symbol = str(ask.need("symbol")).upper()
    ask.venue.market.resume(ask.venue.exchange, symbol)
    _announce_status(ask, symbol, halted=False, reason="T3")
    ask.venue.advance()
    return {"symbol": symbol, "halted": False}


def _announce_status(ask: Ask, symbol: str, *, halted: bool, reason: str) -> None:
    from execbot.sim.wire.data_feed import status_message

    asset = ask.venue.market.assets.get(symbol)
    message = status_message(symbol, asset, ask.now, halted=halted, reason=reason)
    ask.venue.announce(message, ask.now)


def price_band(ask: Ask) -> Any:
    """Limit-up and limit-down: nothing trades outside `low` and `high`; without both, no band."""
    symbol = str(ask.need("symbol")).upper()
    low = ask.number("low") if "low" in ask.body else None
    high = ask.number("high") if "high" in ask.body else None
    ask.venue.market.check_symbol(symbol)
    ask.venue.exchange.set_band(symbol, low, high)
    ask.venue.advance()
    if low is None or high is None:
        return {"symbol": symbol, "band": None}
    from execbot.sim.wire.data_feed import luld_message

    message = luld_message(symbol, ask.venue.market.assets.get(symbol), ask.now, high)
    ask.venue.announce({**message, "u": float(high), "d": float(low)}, ask.now)
    return {"symbol": symbol, "band": [str(low), str(high)]}


def stale(ask: Ask) -> Any:
    """The reference price of a crypto pair is stale (or, with `"stale": false`, no longer)."""
    symbol, on = ask.symbol(), bool(ask.body.get("stale", True))
    if "/" not in symbol:
        raise wrong(f"{symbol} is no crypto pair")
    ask.venue.exchange.set_stale(symbol, on)
    ask.venue.advance()
    return {"symbol": symbol, "stale": on}


# --- the tape: what is told on the data streams besides prices --------------------------------


def late_trade(ask: Ask) -> Any:
    """A print that comes late: the trade, and the bar of its minute once more (`updatedBars`)."""
    symbol, at = ask.symbol(), _past(ask)
    trade = Trade(symbol, at, ask.number("price"), ask.number("size"))
    if trade.price <= 0 or trade.size <= 0:
        raise wrong("price and size are above zero")
    return _tell(ask, tape.late_trade(ask.venue.market, trade))


def _past(ask: Ask) -> Ns:
    """`at`, or `seconds_ago` (90); nothing of the running minute is late."""
    if "at" in ask.body:
        try:
            at = parse_time(str(ask.body["at"]))
        except ValueError as error:
            raise wrong(str(error)) from None
    else:
        ago = ask.number("seconds_ago") if "seconds_ago" in ask.body else Decimal(90)
        at = ask.now - int(ago * SECOND)
    if at >= ask.now - ask.now % (60 * SECOND):
        raise wrong("a late trade lies before the running minute")
    return at


def correction(ask: Ask) -> Any:
    """The last print is corrected to `price` and `size` (`corrections`)."""
    trade = _last_trade(ask)
    price = ask.number("price") if "price" in ask.body else trade.price
    size = ask.number("size") if "size" in ask.body else trade.size
    if price <= 0 or size <= 0:
        raise wrong("price and size are above zero")
    return _tell(ask, [tape.correction(ask.venue.market, trade, price, size, ask.now)])


def trade_cancel(ask: Ask) -> Any:
    """The last print is taken back (`cancelErrors`): action C, or E with `"error": true`."""
    action = "E" if ask.body.get("error") else "C"
    return _tell(ask, [tape.cancel_error(ask.venue.market, _last_trade(ask), action, ask.now)])


def _last_trade(ask: Ask) -> Trade:
    symbol = ask.symbol()
    if "/" in symbol:
        raise wrong("crypto streams have no corrections and cancels")
    trade = ask.venue.market.prices.last_trade(symbol, ask.now)
    if trade is None:
        raise wrong(f"{symbol} has not traded")
    return trade


def imbalance(ask: Ask) -> Any:
    """An order imbalance of a halted stock, at the price at which it would reopen."""
    symbol = ask.symbol()
    if "/" in symbol:
        raise wrong("crypto streams have no imbalances")
    return _tell(ask, [tape.imbalance(ask.venue.market, symbol, ask.number("price"), ask.now)])


def _tell(ask: Ask, messages: list[tape.Message]) -> Any:
    for message in messages:
        ask.venue.announce(message, ask.now)
    return {"told": messages}


# --- corporate actions ------------------------------------------------------------------------


def split(ask: Ask) -> Any:
    """`new` shares for `old` (1) ones: the price moves, positions are rescaled."""
    symbol = ask.symbol()
    old = ask.number("old") if "old" in ask.body else Decimal(1)
    ask.venue.market.split(ask.venue.exchange, symbol, ask.number("new"), old)
    ask.venue.advance()
    return {"symbol": symbol, "quote": ask.venue.market.shown_quote(symbol, ask.now)}


def dividend(ask: Ask) -> Any:
    """`amount` dollars a share to the holders. The price stays; `POST /sim/price` moves it."""
    symbol, amount = ask.symbol(), ask.number("amount")
    if amount <= 0:
        raise wrong("amount is above zero")
    ask.venue.exchange.dividend(symbol, amount)
    return {"symbol": symbol, "amount": str(amount)}


def rename(ask: Ask) -> Any:
    """The symbol becomes `new_symbol`, another one of the list, which takes over its price."""
    symbol, new_symbol = ask.symbol(), ask.symbol("new_symbol")
    if symbol == new_symbol:
        raise wrong("new_symbol is the same symbol")
    ask.venue.market.rename(ask.venue.exchange, symbol, new_symbol)
    ask.venue.advance()
    return {"symbol": symbol, "new_symbol": new_symbol, "at": format_ns(ask.now)}
