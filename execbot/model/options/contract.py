"""A contract as the broker lists it (GET /v2/options/contracts). Numbers come as text.

`multiplier` is dollars for one dollar of premium and of strike, `size` the shares that one contract
delivers (Alpaca's OpenAPI description); rows without them mean the standard 100 of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from msgspec import Struct

from execbot.model.account import Asset
from execbot.model.enums import AssetClass
from execbot.model.numbers import text
from execbot.model.plausible import believed
from execbot.model.struct import Reported
from execbot.model.symbols import OPTION_MULTIPLIER, option_contract


class Contract(Reported, frozen=True):
    """One contract. `penny`: it is in the Penny Program; None where the row does not say it."""

    symbol: str
    status: str
    tradable: bool
    expires: date
    root: str
    underlying: str
    is_call: bool
    strike: Decimal
    style: str = "american"
    multiplier: Decimal = OPTION_MULTIPLIER
    size: Decimal = OPTION_MULTIPLIER
    open_interest: Decimal | None = None
    close_price: Decimal | None = None
    penny: bool | None = None
    name: str = ""

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Contract:
        """Raises ValueError for a row whose symbol names no contract, or another one."""
        symbol = str(data.get("symbol") or "")
        said = option_contract(symbol)
        if said is None:
            raise ValueError(f"{symbol[:40]!r} names no option contract")
        strike = believed(data.get("strike_price"))
        if strike is not None and strike != said.strike and is_plain_root(said.root):
            raise ValueError(f"{symbol} with a strike of {strike}")
        penny = data.get("ppind")
        return cls(
            symbol=symbol,
            status=str(data.get("status") or ""),
            tradable=bool(data.get("tradable")),
            expires=said.expires,
            root=str(data.get("root_symbol") or said.root),
            underlying=str(data.get("underlying_symbol") or said.root),
            is_call=said.is_call,
            strike=said.strike if strike is None else strike,
            style=str(data.get("style") or "american"),
            multiplier=believed(data.get("multiplier")) or OPTION_MULTIPLIER,
            size=believed(data.get("size")) or OPTION_MULTIPLIER,
            open_interest=believed(data.get("open_interest")),
            close_price=believed(data.get("close_price")),
            penny=penny if isinstance(penny, bool) else None,
            name=str(data.get("name") or ""),
            raw=data,
        )

    @property
    def is_standard(self) -> bool:
        """It delivers 100 shares of what its root names. Others Alpaca lets be closed only."""
        usual = self.multiplier == self.size == OPTION_MULTIPLIER
        return usual and is_plain_root(self.root)

    def as_asset(self) -> Asset:
        """As the rules of all assets see it: whole contracts, no margin, no borrowing."""
        return Asset(
            id=str(self.raw.get("id") or ""),
            symbol=self.symbol,
            name=self.name or self.symbol,
            asset_class=AssetClass.US_OPTION,
            exchange="",
            status=self.status,
            tradable=self.tradable,
            marginable=False,
            shortable=False,
            easy_to_borrow=False,
            fractionable=False,
            raw=self.raw,
        )


def is_plain_root(root: str) -> bool:
    """Whether the root is the name of its underlying: a corporate action adds a digit to it."""
    return root[-1:].isalpha()


class ContractQuery(Struct, frozen=True):
    """Which contracts of one underlying. Both ends of a range are included; without an expiry
    Alpaca lists those until the coming weekend alone."""

    underlying: str
    expires_from: date | None = None
    expires_until: date | None = None
    strike_from: Decimal | None = None
    strike_until: Decimal | None = None
    is_call: bool | None = None

    def filters(self) -> dict[str, str]:
        """In the words that the lists of contracts and of snapshots share."""
        found = {
            "expiration_date_gte": self.expires_from and self.expires_from.isoformat(),
            "expiration_date_lte": self.expires_until and self.expires_until.isoformat(),
            "strike_price_gte": None if self.strike_from is None else text(self.strike_from),
            "strike_price_lte": None if self.strike_until is None else text(self.strike_until),
            "type": None if self.is_call is None else ("call" if self.is_call else "put"),
        }
        return {name: value for name, value in found.items() if value}


class Greeks(Struct, frozen=True):
    """Per share. None where Alpaca leaves them out: the day of expiry, and most far strikes."""

    delta: Decimal | None = None
    gamma: Decimal | None = None
    theta: Decimal | None = None
    vega: Decimal | None = None
    rho: Decimal | None = None

    @classmethod
    def from_wire(cls, data: object) -> Greeks:
        if not isinstance(data, Mapping):
            return cls()
        return cls(**{name: believed(data.get(name)) for name in cls.__struct_fields__})
