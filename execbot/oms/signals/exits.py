"""The exits that a signal asks for: its own levels, and those of the settings where it is silent.

With `exits.protect_signals` off, only exits that the signal names are planned.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec.structs import replace

from execbot.config.schema import TradingSettings
from execbot.exits.levels import LevelError, LevelKind, LevelSpec, stop_price
from execbot.exits.plan.plan import trail_spec
from execbot.exits.plan.wishes import HUNDRED, Wishes, default_wishes
from execbot.journal.records import Origin
from execbot.model.enums import PositionSide, Side
from execbot.model.signal import Signal
from execbot.oms.place.entry_plans import ExitsAsked

if TYPE_CHECKING:
    from execbot.exits.level_facts import LevelReader


def asked_by_signal(
    settings: TradingSettings, signal: Signal, *, is_watched: bool = True
) -> ExitsAsked:
    """What the signal says, and what the settings say where it is silent.

    With a `watch` running the parts of the position get their pairs while it fills; where none is,
    the stop goes along with the entry.
    """
    side = PositionSide.LONG if signal.side == "buy" else PositionSide.SHORT
    given = Wishes()
    if settings.exits.protect_signals:
        given = default_wishes(settings, side)
    if signal.stop is not None:
        given = replace(given, stop=LevelSpec(LevelKind.PRICE, signal.stop))
    if signal.target is not None:
        target = LevelSpec(LevelKind.PRICE, signal.target)
        given = replace(given, targets=((target, HUNDRED),))
    if given.stop is None and given.trail is None:
        # Without a stop there is no R to measure targets in.
        kept = tuple(t for t in given.targets if t[0].kind is not LevelKind.R_MULTIPLE)
        given = replace(given, targets=kept)
    return ExitsAsked(
        given,
        stop_goes_along=not is_watched,
        origin=Origin.SIGNAL,
        strength=signal.strength,
        plan_id=f"plan-{signal.id}",
    )


def stop_for_size(
    settings: TradingSettings,
    levels: LevelReader,
    signal: Signal,
    side: Side,
    price: Decimal,
    at: datetime,
) -> Decimal | None:
    """Where the stop would stand: what sizing by risk measures. None if there is none.

    Raises BrokerError.
    """
    if signal.stop is not None:
        return signal.stop
    position = PositionSide.LONG if side is Side.BUY else PositionSide.SHORT
    wishes = default_wishes(settings, position)
    spec = wishes.stop
    if spec is None and wishes.trail is not None:
        spec = trail_spec(wishes.trail)
    if spec is None:
        return None
    facts = levels.facts(signal.symbol, at, needs_bars=wishes.needs_bars)
    try:
        return stop_price(spec, position, price, facts)
    except LevelError:
        return None
