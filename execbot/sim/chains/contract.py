"""One option contract: what its OCC symbol says, and an id from which the symbol can be read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b

from execbot.sim.types import Asset, AssetClass

MULTIPLIER = Decimal(100)
TAIL = 15  # YYMMDD, C or P, strike in thousandths as eight digits
LATE_CLOSE = frozenset({"SPY", "QQQ", "IWM"})
"""Underlyings whose options trade a quarter of an hour longer than the stock."""
LATE_CLOSE_ATTRIBUTE = "options_late_close"

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{10}0c")
_LETTERS = "\0ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_PACKED_BYTES = 10  # root 32 bits, day 17, kind 1, strike 27


@dataclass(frozen=True, slots=True)
class Root:
    """A root that a corporate action has made: the stock, and the shares that a contract delivers.

    `since` is the date of the action, of which the expiries are that it has; empty for one of long
    ago, which has the next two months.
    """

    underlying: str
    shares: Decimal
    since: str = ""


Roots = Mapping[str, Root]
ROOTS: Roots = {"MARA1": Root("MARA", Decimal(50))}
"""Those that every exchange begins with. Others come by splits, at one exchange each."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What an OCC symbol says: `AAPL250117C00190000` is the call on AAPL at 190."""

    symbol: str
    root: str
    underlying: str
    expires: str  # YYYY-MM-DD
    is_call: bool
    strike: Decimal
    shares: Decimal = MULTIPLIER  # of the underlying, delivered for one contract

    @classmethod
    def parse(cls, symbol: str, roots: Roots = ROOTS) -> Contract | None:
        """None for what is no OCC symbol. It is read from the right, for a root may have digits.

        `roots` are those of the exchange that asks; without them only dates, kinds and strikes of
        contracts that a split has changed are right.
        """
        found = _parse(symbol)
        changed = None if found is None else roots.get(found.root)
        return found if changed is None else _changed(symbol, changed)

    @classmethod
    def of(
        cls, root: str, expires: str, is_call: bool, strike: Decimal, roots: Roots = ROOTS
    ) -> Contract:
        kind = "C" if is_call else "P"
        symbol = f"{root}{expires[2:].replace('-', '')}{kind}{int(strike * 1000):08d}"
        found = cls.parse(symbol, roots)
        assert found is not None
        return found

    @property
    def is_standard(self) -> bool:
        return self.shares == MULTIPLIER

    @property
    def kind(self) -> str:
        return "call" if self.is_call else "put"

    def intrinsic(self, spot: Decimal) -> Decimal:
        """What exercising is worth for each dollar of the multiplier, at a price of the stock."""
        value = spot * self.shares / MULTIPLIER - self.strike
        return max(Decimal(0), value if self.is_call else -value)

    def asset(self, seed: int) -> Asset:
        return _asset(self, seed)


@lru_cache(maxsize=8192)
def _parse(symbol: str) -> Contract | None:
    root, tail = symbol[:-TAIL], symbol[-TAIL:]
    day, kind, strike = tail[:6], tail[6:7], tail[7:]
    plain = root.isascii() and root.isalnum() and root == root.upper() and len(root) <= 6
    if not plain or not day.isdecimal() or not strike.isdecimal():
        return None
    if kind not in ("C", "P") or len(strike) != 8 or not symbol.isascii():
        return None
    expires = f"20{day[:2]}-{day[2:4]}-{day[4:]}"
    return Contract(symbol, root, root, expires, kind == "C", Decimal(strike) / 1000)


@lru_cache(maxsize=1024)
def _changed(symbol: str, root: Root) -> Contract:
    found = _parse(symbol)
    assert found is not None
    return replace(found, underlying=root.underlying, shares=root.shares)


@lru_cache(maxsize=8192)
def _asset(contract: Contract, seed: int) -> Asset:
    late = contract.underlying in LATE_CLOSE
    return Asset(
        id=contract_id(contract.symbol, seed),
        symbol=contract.symbol,
        name=contract.symbol,
        exchange="",
        asset_class=AssetClass.US_OPTION,
        marginable=False,
        fractionable=False,
        maintenance_margin=Decimal(100),
        attributes=(LATE_CLOSE_ATTRIBUTE,) if late else (),
        multiplier=MULTIPLIER,
    )


# --- ids -------------------------------------------------------------------------------------


def contract_id(symbol: str, seed: int) -> str:
    """A UUID of version 4 in shape. It holds the symbol: ten bytes of it under a mask that four
    bytes of checksum make, so that no table of all contracts is needed to find one by its id.
    """
    packed = _pack(symbol)
    check = blake2b(b"%d" % seed + packed, digest_size=4).digest()
    masked = bytes(a ^ b for a, b in zip(packed, _mask(check, seed), strict=True))
    digits = check.hex() + masked.hex()  # 28 digits; version, variant and two more are fixed
    return f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-a{digits[15:18]}-{digits[18:28]}0c"


def symbol_of_id(text: str, seed: int) -> str | None:
    """The symbol in an id of `contract_id`; None for any other."""
    text = text.lower()
    if not _ID.fullmatch(text):
        return None
    digits = text[:8] + text[9:13] + text[15:18] + text[20:23] + text[24:34]
    raw = bytes.fromhex(digits)
    check, masked = raw[:4], raw[4:]
    packed = bytes(a ^ b for a, b in zip(masked, _mask(check, seed), strict=True))
    if blake2b(b"%d" % seed + packed, digest_size=4).digest() != check:
        return None
    return _unpack(packed)


def _mask(check: bytes, seed: int) -> bytes:
    return blake2b(b"mask %d" % seed + check, digest_size=_PACKED_BYTES).digest()


def _pack(symbol: str) -> bytes:
    root, tail = symbol[:-TAIL], symbol[-TAIL:]
    number = 0
    for letter in root.ljust(6, "\0"):
        number = number * len(_LETTERS) + max(_LETTERS.find(letter.upper()), 0)
    number = number * 1_000_000 + int(tail[:6])
    number = (number * 2 + (tail[6] == "C")) * 100_000_000 + int(tail[7:])
    return number.to_bytes(_PACKED_BYTES + 1, "big")[-_PACKED_BYTES:]


def _unpack(packed: bytes) -> str:
    number = int.from_bytes(packed, "big")
    number, strike = divmod(number, 100_000_000)
    number, call = divmod(number, 2)
    number, day = divmod(number, 1_000_000)
    root = ""
    while number:
        number, letter = divmod(number, len(_LETTERS))
        root = _LETTERS[letter] + root
    return f"{root.strip(chr(0))}{day:06d}{'C' if call else 'P'}{strike:08d}"
