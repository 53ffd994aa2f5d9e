"""The most that held contracts may still lose, by underlying. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal

from execbot.model.account import Position
from execbot.model.numbers import ZERO
from execbot.model.options.structure import Holding, collateral
from execbot.model.symbols import OPTION_MULTIPLIER, OptionContract, option_contract, symbol_key


def options_at_risk(positions: Mapping[str, Position]) -> dict[str, Decimal]:
    """By symbol key, in USD: the contracts of one underlying count together, as what they are worth
    and the collateral behind them, under the key of the first of them; the others count nothing.

    Where calls are uncovered each contract counts alone, the sold ones by their strike.
    """
    groups: defaultdict[str, list[tuple[str, OptionContract, Position]]] = defaultdict(list)
    for key in sorted(positions):
        contract = option_contract(positions[key].symbol)
        if contract is not None:
            groups[contract.root].append((key, contract, positions[key]))
    found: dict[str, Decimal] = {}
    for root, items in groups.items():
        if not any(position.qty < 0 for _, _, position in items):
            continue  # bought contracts lose what they are worth
        stock = positions.get(symbol_key(root))
        shares = ZERO if stock is None else stock.qty
        behind = collateral((Holding(c, p.qty) for _, c, p in items), shares)
        if behind is None:
            found |= {key: _alone(contract, position) for key, contract, position in items}
            continue
        worth = sum((_worth(position) for _, _, position in items), ZERO)
        found |= {key: ZERO for key, _, _ in items}
        found[items[0][0]] = max(worth + behind, ZERO)
    return found


def _alone(contract: OptionContract, position: Position) -> Decimal:
    if position.qty < 0:
        return -position.qty * contract.strike * OPTION_MULTIPLIER
    return abs(_worth(position))


def _worth(position: Position) -> Decimal:
    """Signed, at the broker's price, else at what was paid."""
    if position.market_value is not None:
        value = abs(position.market_value)
    else:
        price = position.current_price or position.avg_entry_price or ZERO
        value = abs(position.qty) * price * OPTION_MULTIPLIER
    return value if position.qty > 0 else -value
