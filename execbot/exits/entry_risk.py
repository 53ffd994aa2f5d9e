"""Cost and risk of an entry, and the room it leaves in the limits, as answers show them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

from execbot.model.amounts import dollars, money_words, price_words
from execbot.model.numbers import ZERO, maybe_text, text


class LimitUse(Struct, frozen=True):
    """How far a limit is used with this entry, in the words of trading.yaml; `used` None: not
    known."""

    name: str
    used: Decimal | None
    limit: Decimal

    @property
    def left(self) -> Decimal | None:
        return None if self.used is None else max(self.limit - self.used, ZERO)


class EntryRisk(Struct, frozen=True):
    """USD, and percent of equity. `usd` is what the stop would lose; without a `stop` all that it
    costs is at risk. `r_per_share` is one R of a share, None without a stop. None: not known, as of
    what was bought beyond its stop. `is_most`: of contracts, whose largest loss `usd` is, a stop or
    not."""

    cost: Decimal | None
    cost_pct: Decimal | None
    usd: Decimal | None
    usd_pct: Decimal | None
    price: Decimal | None
    stop: Decimal | None
    r_per_share: Decimal | None
    buying_power_left: Decimal | None
    limits: tuple[LimitUse, ...]
    is_most: bool = False

    def to_dict(self) -> dict[str, Any]:
        names = ("cost", "cost_pct", "usd", "usd_pct", "price", "stop", "r_per_share")
        return {
            **{name: maybe_text(getattr(self, name)) for name in names},
            "buying_power_left": maybe_text(self.buying_power_left),
            "limits": [
                {
                    "name": one.name,
                    "used": maybe_text(one.used),
                    "limit": text(one.limit),
                    "left": maybe_text(one.left),
                }
                for one in self.limits
            ],
        }

    def lines(self) -> list[str]:
        """Three: what it costs, what it risks, what is left."""
        shown = money_words if self.is_most else price_words
        at = "" if self.price is None else f" at {shown(self.price)}"
        left = ", ".join([f"buying power {_usd(self.buying_power_left)}", *self._left()])
        return [f"Cost: {_usd(self.cost)}{at}{_share(self.cost_pct)}", self.line(), f"Left: {left}"]

    def line(self) -> str:
        """`Risk: 47.50 USD (0.05 % of equity), stop 232.97, R 4.75 a share`."""
        if self.is_most:
            return f"Risk: {_usd(self.usd)}{_share(self.usd_pct)}, the most that it can lose"
        if self.stop is None:
            return f"Risk: {_usd(self.usd)}{_share(self.usd_pct)}, no stop: all of it, no R"
        r = "" if self.r_per_share is None else f", R {price_words(self.r_per_share)} a share"
        return f"Risk: {_usd(self.usd)}{_share(self.usd_pct)}, stop {price_words(self.stop)}{r}"

    def left_line(self) -> str:
        return f"Left of the limits: {', '.join(self._left()) or 'there are none'}"

    def _left(self) -> list[str]:
        return [_left_words(one) for one in self.limits]


_WORDS: Mapping[str, tuple[str, str]] = {
    "max_positions": ("positions", ""),
    "max_position_size_pct": ("size of the position", " %"),
    "max_account_exposure_pct": ("exposure", " %"),
    "risk.max_daily_orders": ("orders today", ""),
    "risk.max_daily_loss_pct": ("day's loss", " %"),
}


def _left_words(use: LimitUse) -> str:
    name, unit = _WORDS[use.name]
    shown = "not known" if use.left is None else text(use.left)
    return f"{name} {shown} of {text(use.limit)}{unit}"


def _usd(value: Decimal | None) -> str:
    return "not known" if value is None else dollars(value)


def _share(pct: Decimal | None) -> str:
    return "" if pct is None else f" ({text(pct)} % of equity)"
