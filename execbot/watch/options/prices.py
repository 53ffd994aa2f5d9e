"""What the market says of contracts that are held, and of the stocks behind them.

Stocks are asked for by the name of the underlying: after a corporate action the root of a contract
is another word (MARA1 of MARA), and no stock. One name that the broker refuses costs only itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from execbot.broker.errors import BrokerError
from execbot.broker.port import BrokerClient
from execbot.model.options.contract import is_plain_root
from execbot.model.quote import Quote

log = logging.getLogger("execbot.watch")

REFUSED = (400, 404, 422)
"""The request itself was refused: for one name in it, maybe."""

T = TypeVar("T")


@dataclass
class ContractPrices:
    """Asks the broker; each question raises BrokerError where no answer comes at all."""

    client: BrokerClient
    _stocks: dict[str, str] = field(default_factory=dict)

    def quotes(self, contracts: Iterable[str]) -> Mapping[str, Quote]:
        return _without_refused(self.client.latest_quotes, list(contracts))

    def of_underlyings(self, contracts: Mapping[str, Iterable[str]]) -> Mapping[str, Decimal]:
        """The last price of each underlying, by the root of its contracts. Absent: not known."""
        stocks = {root: self._stock(root, held) for root, held in contracts.items()}
        names = sorted({stock for stock in stocks.values() if stock})
        trades = _without_refused(self.client.latest_trades, names)
        return {root: trades[stock].price for root, stock in stocks.items() if stock in trades}

    def _stock(self, root: str, contracts: Iterable[str]) -> str:
        """Empty where the broker does not say it now."""
        if is_plain_root(root):
            return root
        if root not in self._stocks:
            try:
                self._stocks[root] = self.client.get_contract(next(iter(contracts))).underlying
            except BrokerError as error:
                log.info("the underlying of %s is not known: %s", root, error)
                return ""
        return self._stocks[root]


def _without_refused(
    ask: Callable[[list[str]], Mapping[str, T]], names: list[str]
) -> Mapping[str, T]:
    """All at once; where that is refused one by one, and what is refused alone is left out."""
    if not names:
        return {}
    try:
        return ask(names)
    except BrokerError as error:
        if error.status not in REFUSED:
            raise
        if len(names) == 1:
            log.info("no price of %s: %s", names[0], error)
            return {}
    found: dict[str, T] = {}
    for name in names:
        found |= _without_refused(ask, [name])
    return found
