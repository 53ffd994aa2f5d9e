"""How many shares of a symbol count, and whether that is known (docs/evidence.md, E-POS). Pure.

Two witnesses: the sum of the fills in the journal, and the broker's list of positions. The list may
lag behind a fill, leave a symbol out or be empty for a while; the journal may not have heard of a
fill yet. So each quantity has a range in which the broker's word must lie, and the larger of the
two counts for limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from execbot.journal.records import OrderRecord, PositionRecord
from execbot.model.account import Position
from execbot.model.enums import AssetClass
from execbot.model.numbers import COIN_FEE_SHARE, ZERO, text
from execbot.model.symbols import asset_class_of, option_contract, symbol_key


class MayFill(Struct, frozen=True):
    """Orders of a symbol that are under way, in shares.

    `adds` and `takes` are what entries may still buy and sell short; `bought` and `sold` were
    filled by orders that changed after the broker was asked, so its list may not show them.
    """

    adds: Decimal = ZERO
    takes: Decimal = ZERO
    bought: Decimal = ZERO
    sold: Decimal = ZERO

    def with_order(self, record: OrderRecord, *, is_entry: bool, changed: bool) -> MayFill:
        """The same with one more order; `changed` after the broker was asked."""
        order, filled = record.order, record.order.filled_qty
        found, is_buy = self, record.order.side.sign > 0
        leaves = record.leaves_qty or ZERO
        if is_entry and order.is_open and leaves:
            found = (
                replace(found, adds=found.adds + leaves)
                if is_buy
                else replace(found, takes=found.takes + leaves)
            )
        if not changed or not filled:
            return found
        if is_buy:
            return replace(found, bought=found.bought + filled)
        return replace(found, sold=found.sold + filled)


NOTHING = MayFill()


class HoldingRange(Struct, frozen=True):
    """One symbol by both witnesses, signed. The broker's word is believed from `low` to `high`."""

    symbol: str
    by_fills: Decimal
    by_broker: Decimal
    low: Decimal
    high: Decimal

    @property
    def is_known(self) -> bool:
        """E-POS-3."""
        return self.low <= self.by_broker <= self.high

    @property
    def counted(self) -> Decimal:
        """E-POS-2: the larger of the two."""
        return max(self.by_fills, self.by_broker, key=abs)

    def describe(self) -> str:
        return f"fills make {text(self.by_fills)}, the broker shows {text(self.by_broker)}"


def holding(
    ours: PositionRecord, theirs: Position | None, under_way: MayFill = NOTHING
) -> HoldingRange:
    """The range in which the broker's quantity must lie (E-POS-3).

    A coin's fee is taken in the coin, so the end nearer to zero is lower by it.
    """
    fills = ours.qty
    fee = ours.bought_qty * COIN_FEE_SHARE if ours.asset_class == AssetClass.CRYPTO else ZERO
    return HoldingRange(
        symbol=ours.symbol,
        by_fills=fills,
        by_broker=theirs.qty if theirs is not None else ZERO,
        low=fills - under_way.takes - under_way.bought - (fee if fills > 0 else ZERO),
        high=fills + under_way.adds + under_way.sold,
    )


def counted_positions(
    held: Iterable[HoldingRange],
    positions: Mapping[str, Position],
    ours: Mapping[str, PositionRecord],
) -> dict[str, Position]:
    """The broker's positions by symbol key, with each quantity that is larger by the fills.

    What such a position is worth follows from its own price, or from what was paid.
    """
    found = dict(positions)
    for item in held:
        key = symbol_key(item.symbol)
        theirs = positions.get(key)
        if item.counted == (theirs.qty if theirs is not None else ZERO):
            continue
        found[key] = _of_fills(item, theirs, ours.get(key))
    return found


def _of_fills(item: HoldingRange, theirs: Position | None, ours: PositionRecord | None) -> Position:
    if theirs is not None:
        return replace(theirs, qty=item.counted, market_value=None, qty_available=None)
    return Position(
        item.symbol,
        item.counted,
        avg_entry_price=ours.avg_entry_price if ours is not None else None,
        asset_class=ours.asset_class if ours is not None else AssetClass.US_EQUITY,
    )


class Holdings(Struct, frozen=True):
    """Every symbol by both witnesses, by symbol key; `unseen` as `unseen_leaves` gives it."""

    positions: Mapping[str, Position]
    by_symbol: Mapping[str, HoldingRange] = {}
    unseen: Mapping[str, Decimal] = {}

    def of(self, symbol: str) -> HoldingRange | None:
        """None where the journal has never heard of a fill: then the broker's word is all."""
        return self.by_symbol.get(symbol_key(symbol))

    def perhaps_was(self, symbol: str) -> HoldingRange | None:
        """What a symbol was called before, perhaps: the broker shows some of it, no fill does, and
        just as many of another one are gone at the broker (E-CORP-2). Of a contract one that
        differs in its root alone."""
        come = self.positions.get(symbol_key(symbol))
        if come is None or not come.qty or self.of(symbol) is not None:
            return None
        gone = (i for i in self.by_symbol.values() if not i.by_broker and not i.is_known)
        same = (i for i in gone if i.by_fills == come.qty and _kind(i.symbol) == _kind(symbol))
        return next(same, None)

    def qty(self, symbol: str) -> Decimal:
        """The quantity that counts, signed."""
        position = self.positions.get(symbol_key(symbol))
        return position.qty if position is not None else ZERO

    def fit(self, symbol: str) -> bool:
        """Do journal and broker agree on this symbol, and on what is working anywhere?"""
        item = self.of(symbol)
        return (item is None or item.is_known) and not self.unseen


def _kind(symbol: str) -> tuple[object, ...]:
    """What a new name leaves as it was: of a contract all but its root."""
    contract = option_contract(symbol)
    if contract is None:
        return (asset_class_of(symbol),)
    return (contract.expires, contract.is_call, contract.strike)


def unseen_leaves(
    unlisted: Iterable[OrderRecord],
    held: Mapping[str, HoldingRange],
    positions: Mapping[str, Position],
) -> dict[str, Decimal]:
    """By client_order_id: what of entries that work here and that the broker does not list any
    more its positions do not show either. Done, or not listed yet: it counts (E-ORD-3)."""
    found: dict[str, Decimal] = {}
    shown: dict[str, Decimal] = {}
    for record in unlisted:
        key = symbol_key(record.symbol)
        item = held.get(key)
        if key not in shown:
            theirs = positions[key].qty if key in positions else ZERO
            beyond = item.by_broker - item.by_fills if item is not None else theirs
            shown[key] = max(beyond * record.order.side.sign, ZERO)
        leaves = record.leaves_qty or ZERO
        visible = min(leaves, shown[key])
        shown[key] -= visible
        if leaves > visible:
            found[record.client_order_id] = leaves - visible
    return found
