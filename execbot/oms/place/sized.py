"""The size of an entry: one rule for signals and for `submit --risk`, and what is kept of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from execbot.market.sessions import Session
from execbot.model.enums import ErrorCategory, PositionSide
from execbot.model.numbers import CENT, QTY_STEP, round_down, text
from execbot.oms.errors import OmsError
from execbot.risk.facts import Facts, market_price
from execbot.risk.sizing import Risked, Sized, SizeRefused, SizeRequest, size

if TYPE_CHECKING:
    from datetime import datetime

    from execbot.config.schema import TradingSettings
    from execbot.exits.level_facts import LevelReader
    from execbot.exits.plan.wishes import Wishes
    from execbot.journal.journal import Journal
    from execbot.model.order import OrderRequest


class NoSize(OmsError):
    """The amount to be risked buys nothing that the limits and the broker allow."""

    category = ErrorCategory.ADJUSTABLE
    hint = "The size does not fit into what is allowed."
    next_step = "See how far the limits are used: execbot account"

    def __init__(self, refused: SizeRefused) -> None:
        super().__init__(refused.message)
        self.kind = size_code(refused)


def size_code(refused: SizeRefused) -> str:
    """`size.below_minimum` -> `risk.size_below_minimum`: the slug that errors carry."""
    return f"risk.{refused.code.replace('.', '_')}"


def sized_by_risk(
    request: OrderRequest,
    wishes: Wishes,
    risk: Risked,
    facts: Facts,
    levels: LevelReader,
    settings: TradingSettings,
) -> Sized:
    """How much to order so that `risk` is what its stop would lose, within every limit.

    Measured from where the order would trade, as its levels are. Whole shares: the broker holds
    the stop. Raises NoSize, LevelError, BrokerError.
    """
    from execbot.exits.plan.attach import stop_of

    price = request.limit_price or market_price(facts, request.side)
    if price is None:
        raise NoSize(SizeRefused("size.no_price", f"no price for {request.symbol}"))
    at, asset = facts.market.at, facts.asset
    known = levels.facts(request.symbol, at, asset=asset, needs_bars=wishes.needs_bars)
    wanted = SizeRequest(
        symbol=request.symbol,
        side=request.side,
        price=price,
        stop=stop_of(wishes, PositionSide.opened_by(request.side), price, known),
        risk=risk,
        as_notional=facts.market.session is Session.REGULAR,
    )
    found = size(wanted, facts, settings)
    if isinstance(found, SizeRefused):
        raise NoSize(found)
    return _whole_parts(found, wishes)


def _whole_parts(sized: Sized, wishes: Wishes) -> Sized:
    """Raise NoSize where there are more targets than shares."""
    count = len(wishes.targets)
    if sized.estimated_qty >= count:
        return sized
    said = f"{text(sized.estimated_qty)} shares cannot be shared by {count} targets"
    raise NoSize(SizeRefused("size.targets", said, sized.steps))


def audit_size(journal: Journal, subject: str, sized: Sized, now: datetime) -> None:
    """Keep how the size came about, with the intent of the order `subject`."""
    facts = {
        "method": sized.method,
        "qty": sized.qty,
        "notional": sized.notional,
        "steps": steps_of(sized),
    }
    journal.audit("sizing", subject, sized.binding_rule, facts, "sized", now)


def steps_of(sized: Sized | SizeRefused) -> list[list[str]]:
    """Readable: units to nine decimals, worth to the cent."""
    return [
        [s.rule, text(round_down(s.qty, QTY_STEP)), text(round_down(s.value, CENT)), s.note]
        for s in sized.steps
    ]


def sizing_json(sized: Sized | None) -> list[dict[str, Any]]:
    """Each rule and what it allowed, as `--dry-run` shows it."""
    steps = () if sized is None else sized.steps
    return [{"rule": s.rule, "qty": s.qty, "value": s.value, "note": s.note} for s in steps]
