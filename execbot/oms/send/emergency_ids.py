"""Ids of closing orders that are sent without a journal, so that no position is closed twice.

Without a journal only the broker remembers what was sent. So the ids are counted there: for each
symbol and New York day `flat-AAPL-20261120-1`, `-2` and so on, and the next one is taken only when
the one before has ended. The same command, run again or at the same time, arrives at the same id,
which the broker takes once.
"""

from __future__ import annotations

import re
from datetime import datetime

from execbot.broker.errors import NotFound
from execbot.broker.port import BrokerClient
from execbot.model.order import Order
from execbot.model.times import eastern

ATTEMPTS_MAX = 1000
"""Nobody closes one position that often in a day: a broker that knows all of them is confused."""


_FLAT_ID = re.compile(r"flat-[A-Z0-9]+-[0-9]{8}-[0-9]+")


def is_flat_id(client_order_id: str) -> bool:
    return _FLAT_ID.fullmatch(client_order_id) is not None


class EmergencyIds:
    """The ids for closing one position.

    Look first (`last`), then read the position: an order that ended before the look shows in the
    quantity that is read after it. Raises BrokerError when the broker cannot be asked.
    """

    def __init__(self, client: BrokerClient, symbol: str, now: datetime) -> None:
        name = "".join(char for char in symbol if char.isalnum())
        self._stem = f"flat-{name}-{eastern(now):%Y%m%d}"
        self.last: Order | None = None
        self._number = 0
        for number in range(1, ATTEMPTS_MAX):
            try:
                found = client.get_order_by_client_id(f"{self._stem}-{number}")
            except NotFound:
                return
            self.last, self._number = found, number

    @property
    def in_progress(self) -> Order | None:
        """The closing order that is still working."""
        return self.last if self.last is not None and not self.last.is_terminal else None

    def new_id(self, now: datetime) -> str:
        """For the next order, or for the next try after a refusal."""
        self._number += 1
        return f"{self._stem}-{self._number}"
