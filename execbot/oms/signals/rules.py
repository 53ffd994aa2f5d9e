"""Which signals are acted on: pure answers, each with a stable code.

A signal that is not acted on is no error: `not_sent` with its reason, recorded, exit 0. It becomes
an error only when it should have been acted on and was refused.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from execbot.config.schema import TradingSettings
from execbot.journal.care.restored import Restored
from execbot.model.enums import TERMINAL_STATUSES, Side
from execbot.model.numbers import ZERO, text
from execbot.model.signal import Signal, SignalSide
from execbot.model.symbols import option_contract, symbol_key
from execbot.risk.facts import Facts
from execbot.risk.instruments import why_not_opened
from execbot.risk.pending import PendingOrder


class Skip(Struct, frozen=True):
    """Why nothing was done. `code` is stable and listed in docs/signals.md."""

    code: str
    message: str


SKIP_CODES: dict[str, str] = {
    "signal.repeated": "a signal with this id was handled before",
    "signal.restored": "the journal was restored, and it may have been handled before that",
    "signal.weak": "its strength does not exceed `min_signal_strength`",
    "signal.stale": "it is older than its time to live",
    "signal.symbol_not_allowed": "the symbol is not in `symbols` (TRADING_SYMBOLS)",
    "signal.symbol_denied": "the symbol is in `denied_symbols`",
    "signal.instrument": "a pair that is not quoted in dollars is not opened",
    "signal.option_stop": "an option contract is opened by a signal only with a stop of its own",
    "signal.position_held": "a position is held already and scaling in is off",
    "signal.opposite_position": "a position of the other direction is held; `sell` closes it",
    "signal.order_pending": "an order on the symbol is pending already",
    "signal.contradicts": "an alert says that its strategy stood otherwise than the account does",
    "signal.not_closed": "of a reversal: what was held is not proven closed, nothing is opened",
    "signal.shorts_off": "of a reversal: it closes alone, since `risk.allow_short` is off",
    "signal.nothing_to_close": "neither a position nor a pending entry exists",
}


def skip_unread(signal: Signal, now: datetime, settings: TradingSettings) -> Skip | None:
    """What can be decided without asking anybody. Closing is allowed for every symbol."""
    if signal.strength <= settings.min_signal_strength:
        return Skip(
            "signal.weak",
            f"strength {text(signal.strength)} does not exceed "
            f"{text(settings.min_signal_strength)}{_scale_hint(signal)}",
        )
    ends = signal.expires_at(settings.signal_ttl_seconds)
    if now >= ends:
        late = (now - ends).total_seconds()
        return Skip("signal.stale", f"its time to live ended {late:.0f} s ago")
    if not signal.side.opens:
        return None
    why = why_not_opened(signal.symbol)
    if why:
        return Skip("signal.instrument", why)
    contract = option_contract(signal.symbol)
    key = symbol_key(signal.symbol if contract is None else contract.root)
    if settings.symbols and key not in {symbol_key(s) for s in settings.symbols}:
        return Skip("signal.symbol_not_allowed", f"{signal.symbol} is not one of the symbols")
    if contract is not None and signal.stop is None and settings.exits.protect_signals:
        return Skip(
            "signal.option_stop",
            f"{signal.symbol} is an option contract: give its `stop`, the few percent of "
            "stop_loss.default_pct lie within the spread of most",
        )
    if {key, symbol_key(signal.symbol)} & {symbol_key(s) for s in settings.denied_symbols}:
        return Skip("signal.symbol_denied", f"{signal.symbol} is denied")
    return None


def skip_restored(
    signal: Signal, restored: Restored | None, settings: TradingSettings
) -> Skip | None:
    """An entry that could have been acted on in the time of which a restored journal knows nothing:
    its order may have been sent under another id than the signal's, a smaller attempt say."""
    if restored is None or not signal.side.opens or signal.created_at > restored.at:
        return None
    ends = signal.expires_at(settings.signal_ttl_seconds)
    if restored.until is not None and ends <= restored.until:
        return None
    return Skip(
        "signal.restored",
        "the journal was restored since, and does not know whether it was handled; "
        "if it is still meant, give it another id and time",
    )


def _scale_hint(signal: Signal) -> str:
    """Producers that count from 0 to 1 send 0.82 where 82 is meant."""
    if ZERO < signal.strength <= 1:
        return f"; strength counts from 0 to 100, {text(signal.strength * 100)} may be meant"
    return " (strength counts from 0 to 100)"


def entry_side(signal: Signal) -> Side:
    return Side.SELL if signal.side is SignalSide.SELL_SHORT else Side.BUY


def skip_entry(signal: Signal, facts: Facts, settings: TradingSettings) -> Skip | None:
    """Duplicates of what is held or on its way."""
    held = facts.counted(signal.symbol)
    side = entry_side(signal)
    if held is not None and held.qty * side.sign < 0:
        return Skip(
            "signal.opposite_position", f"{text(held.qty)} {signal.symbol} held the other way"
        )
    if held is not None and not settings.risk.scale_in.enabled:
        return Skip("signal.position_held", f"{text(held.qty)} {signal.symbol} held already")
    waiting = [order for order in on_symbol(facts, signal.symbol) if not order.protective]
    if waiting and settings.risk.one_pending_per_symbol:
        return Skip("signal.order_pending", f"{waiting[0].client_order_id} is pending")
    return None


def skip_structure(signal: Signal, facts: Facts, settings: TradingSettings) -> Skip | None:
    """Duplicates of what is held or on its way, contract by contract: of those that open."""
    for leg in (leg for leg in signal.legs if leg.opens):
        held = facts.counted(leg.symbol)
        if held is not None and held.qty * leg.side.sign < 0:
            return Skip(
                "signal.opposite_position", f"{text(held.qty)} {leg.symbol} held the other way"
            )
        if held is not None and not settings.risk.scale_in.enabled:
            return Skip("signal.position_held", f"{text(held.qty)} {leg.symbol} held already")
    for leg in signal.legs:
        waiting = [
            order
            for order in on_symbol(facts, leg.symbol)
            if not order.protective and order.status not in TERMINAL_STATUSES
        ]
        if waiting and settings.risk.one_pending_per_symbol:
            return Skip("signal.order_pending", f"{waiting[0].client_order_id} is pending")
    return None


def on_symbol(facts: Facts, symbol: str) -> list[PendingOrder]:
    key = symbol_key(symbol)
    return [order for order in facts.pending if symbol_key(order.symbol) == key]
