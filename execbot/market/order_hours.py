"""May this order trade now: Alpaca's session rules and our own switches, as one answer.

| session | what Alpaca trades | our switch |
|---|---|---|
| regular | everything | - |
| pre-market | limit, day or gtc, `extended_hours`, simple | `market_hours.trade_premarket` |
| after-hours | the same | `market_hours.trade_afterhours` |
| overnight | the same, assets marked `overnight_tradable` | `market_hours.trade_overnight` |
| closed | nothing | - |

Options trade in the regular session alone.

Alpaca never says "market is closed" for equities: it keeps the order for the next session, at
whatever price that brings. Hence an order that cannot trade now is queued with us instead, where
it is sized and checked afresh. Auction orders (`opg`, `cls`) are meant to wait at the broker.
"""

from __future__ import annotations

from datetime import time

from msgspec import Struct

from execbot.config.schema import MarketHoursSettings
from execbot.market.sessions import MarketNow, Session
from execbot.model.account import Asset
from execbot.model.enums import OrderClass, OrderType, TimeInForce
from execbot.model.order import OrderRequest
from execbot.model.symbols import is_option
from execbot.model.times import eastern

OPG_CUTOFF = time(9, 28)
CLS_CUTOFF = time(15, 50)
"""Documented cut-off; the server was seen to take it until 15:55."""
AUCTION_REOPENS = time(19, 0)


class HoursAnswer(Struct, frozen=True):
    """The answer. `limit` names the rule, `seen` the facts; `waiting`: it only has to wait."""

    allowed: bool
    limit: str
    seen: str
    waiting: bool = False


_SWITCHES: dict[Session, str] = {
    Session.PRE: "trade_premarket",
    Session.AFTER: "trade_afterhours",
    Session.OVERNIGHT: "trade_overnight",
}


def may_trade_now(
    request: OrderRequest, asset: Asset | None, now: MarketNow, settings: MarketHoursSettings
) -> HoursAnswer:
    """May an order for an equity or a crypto pair go to the broker at this instant?"""
    if asset is not None and asset.is_crypto:
        return HoursAnswer(True, "crypto trades round the clock", "open")
    if now.never_closes:
        return HoursAnswer(True, "this exchange never closes", "open")
    if request.spread or is_option(request.symbol):
        is_open = now.session is Session.REGULAR
        return HoursAnswer(is_open, "regular session (options)", str(now.session), not is_open)
    if request.time_in_force in (TimeInForce.OPG, TimeInForce.CLS):
        return _auction(request.time_in_force, now)
    if now.session is Session.REGULAR:
        return HoursAnswer(True, "regular session", "regular")
    if now.session is Session.CLOSED:
        return HoursAnswer(False, "an open session", "closed", waiting=True)
    switch = _SWITCHES[now.session]
    if not getattr(settings, switch):
        return HoursAnswer(False, f"market_hours.{switch}", f"{now.session}, off", waiting=True)
    return _extended(request, asset, now.session)


def _auction(time_in_force: TimeInForce, now: MarketNow) -> HoursAnswer:
    wall = eastern(now.at).time()
    cutoff = OPG_CUTOFF if time_in_force is TimeInForce.OPG else CLS_CUTOFF
    limit = f"{time_in_force} before {cutoff:%H:%M} or after {AUCTION_REOPENS:%H:%M} ET"
    allowed = wall < cutoff or wall >= AUCTION_REOPENS
    return HoursAnswer(allowed, limit, f"{wall:%H:%M} ET", waiting=not allowed)


def _extended(request: OrderRequest, asset: Asset | None, session: Session) -> HoursAnswer:
    if session is Session.OVERNIGHT and (asset is None or not _trades_overnight(asset)):
        return HoursAnswer(False, "an asset marked overnight_tradable", "not marked", waiting=True)
    limit = "a simple day or gtc limit order marked extended_hours"
    for fits, seen in (
        (request.type is OrderType.LIMIT, f"type {request.type}"),
        (request.extended_hours, "not marked extended_hours"),
        (request.time_in_force in (TimeInForce.DAY, TimeInForce.GTC), str(request.time_in_force)),
        (request.order_class in (OrderClass.NONE, OrderClass.SIMPLE), str(request.order_class)),
    ):
        if not fits:
            return HoursAnswer(False, limit, f"{seen} in {session}", waiting=True)
    return HoursAnswer(True, limit, str(session))


def _trades_overnight(asset: Asset) -> bool:
    return "overnight_tradable" in asset.attributes and "overnight_halted" not in asset.attributes


def in_entry_window(now: MarketNow, settings: MarketHoursSettings) -> HoursAnswer:
    """Refuses entries in the first and last minutes of the session, where configured."""
    first, last = settings.no_entry_first_minutes, settings.no_entry_last_minutes
    limit = f"not in the first {first} or last {last} min"
    since, left = now.minutes_since_open, now.minutes_to_close
    if since is not None and since < first:
        return HoursAnswer(False, limit, f"{since:.1f} min after the open", waiting=True)
    if left is not None and left < last:
        return HoursAnswer(False, limit, f"{left:.1f} min before the close")
    seen = "no open or close near" if since is None else f"{since:.0f} min after the open"
    return HoursAnswer(True, limit, seen)
