"""Goal: a fee in coins is told from a loss by what was bought, not by what is held.

Method: the core alone is told of fills and of the broker's position; what it guards is asked.
Alpaca takes at most 0.25 % of what was bought, in the coin itself.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from execbot.config.schema import TradingSettings
from execbot.journal.records import PositionRecord
from execbot.market.sessions import crypto_now
from execbot.model.account import Position
from execbot.watch.core.core import WatchCore
from execbot.watch.core.inputs import BrokerPositions, Orders

D = Decimal
COIN = "BTC/USD"
START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def guarded(held: str, bought: str, at_broker: str) -> Decimal:
    """What is guarded after fills that left `held` of `bought`, and one look at the broker."""
    core = WatchCore(TradingSettings(), crypto_now)
    position = PositionRecord(
        COIN, "crypto", D(held), D(50000), bought_qty=D(bought), opened_at=START, updated_at=START
    )
    core.handle(Orders((), (position,)), START)
    at = START + timedelta(milliseconds=50)
    theirs = (Position("BTCUSD", D(at_broker)),) if D(at_broker) else ()
    core.handle(BrokerPositions(theirs, at), at)
    return core.symbols[COIN].qty


@pytest.mark.parametrize(
    ("held", "bought", "at_broker"),
    [
        ("1", "1", "0.9975"),  # one purchase by a taker
        ("1", "1", "0.9985"),  # by a maker
        ("0.02", "1", "0.0175"),  # nearly all of it was sold again: the fee is an eighth
        ("3", "3", "2.9925"),
    ],
)
def test_the_fee_of_what_was_bought_is_off_at_once(held: str, bought: str, at_broker: str) -> None:
    """A stop for more coins than are there would be refused."""
    assert guarded(held, bought, at_broker) == D(at_broker)


@pytest.mark.parametrize(
    ("held", "bought", "at_broker"),
    [
        ("1", "1", "0.9920"),  # less than one percent of what is held, and more than any fee
        ("1", "0", "0.9975"),  # the fees of all purchases are booked: coins have gone
        ("10", "0.1", "9.95"),  # a small purchase beside a large holding
        ("1", "1", "1.0025"),  # more is no fee
        ("0.002", "1", "0"),  # that nothing is left one answer does not prove
    ],
)
def test_what_no_fee_explains_is_not_believed_at_once(
    held: str, bought: str, at_broker: str
) -> None:
    """It has to last first, and is then told."""
    assert guarded(held, bought, at_broker) == D(held)
