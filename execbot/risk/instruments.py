"""Says which instruments execbot opens, and which it only shows, counts and closes. Pure.

Stocks, option contracts and coins against dollars are opened. Limits, sizes and profit are counted
in dollars, so a pair that is quoted in anything else would be counted wrong.
"""

from __future__ import annotations

from execbot.model.symbols import is_in_dollars, quote_currency


def why_not_opened(symbol: str) -> str:
    """Why no position of it is opened here, for people; empty for what is."""
    if not is_in_dollars(symbol):
        return (
            f"{symbol} is quoted in {quote_currency(symbol)}: execbot opens pairs in dollars only, "
            "since it counts sizes, limits and profit in dollars"
        )
    return ""
