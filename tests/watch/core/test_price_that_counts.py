"""Goal: a position is judged by a price that counts now. Method: a table."""

from __future__ import annotations

import pytest
from support.world import D

from execbot.watch.core.symbol_state import SymbolState


@pytest.mark.parametrize(
    ("is_crypto", "last", "bid", "ask", "price"),
    [
        (True, "50000", "52995", "53005", "52995"),
        (True, "50000", "47000", "47010", "47010"),
        (True, "50000", "49990", "50010", "50000"),
        (True, "50000", None, "50010", "50000"),
        (True, "50000", "50010", "49990", "50000"),  # a crossed quote says nothing
        (True, None, "49990", "50010", None),
        (False, "100", "105", "110", "100"),  # stops of shares are elected by trades
    ],
)
def test_trade_counts_unless_the_quote_of_a_coin_has_left_it_behind(
    is_crypto: bool, last: str | None, bid: str | None, ask: str | None, price: str | None
) -> None:
    state = SymbolState("BTC/USD" if is_crypto else "AAPL", is_crypto=is_crypto)
    state.last, state.bid, state.ask = (D(v) if v else None for v in (last, bid, ask))
    assert state.price == (D(price) if price else None)
