"""One leg of a multi-leg order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from execbot.model.enums import Side
from execbot.model.symbols import OptionContract, option_contract


class Leg(Struct, frozen=True):
    """One leg of an order: `ratio` contracts for each unit of it. `opens`: it is to open."""

    symbol: str
    side: Side
    ratio: int = 1
    opens: bool = True

    @property
    def signed(self) -> int:
        return self.ratio * self.side.sign

    @property
    def intent(self) -> str:
        """Alpaca's `position_intent`."""
        return f"{self.side.value}_to_{'open' if self.opens else 'close'}"

    @property
    def contract(self) -> OptionContract:
        """Raises ValueError where the symbol names none."""
        found = option_contract(self.symbol)
        if found is None:
            raise ValueError(f"{self.symbol} is no option contract")
        return found

    def to_wire(self) -> dict[str, str]:
        return {
            "symbol": self.symbol,
            "ratio_qty": str(self.ratio),
            "side": self.side.value,
            "position_intent": self.intent,
        }

    @classmethod
    def from_wire(cls, row: Mapping[str, Any]) -> Leg:
        """Raises ValueError for a row that is no leg with a ratio, a side and an intent."""
        intent, side = str(row.get("position_intent") or ""), Side(str(row.get("side")))
        return cls(
            str(row.get("symbol") or ""),
            side,
            int(str(row.get("ratio_qty") or "1")),
            not intent.endswith("_to_close"),
        )
