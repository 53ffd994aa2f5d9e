"""What happens in the month besides the strategies, each at its time in New York."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from trader import Trader

BAD_DAYS = frozenset({date(2026, 10, 13), date(2026, 10, 14)})
"""The market goes against every entry: losses in a row, until execbot itself stops entering."""

UNWATCHED = ("2026-10-08 13:10", "2026-10-08 13:35")
"""The machine was started anew: for these minutes no watch ran."""

THIN = "XOM"
POSTS = {"method": "POST", "path": "/v2/orders"}


def thin(trader: Trader) -> None:
    """Twelve shares on each side, again and again: the order fills in parts."""
    trader.steer("price", symbol=THIN, bid="112.40", ask="112.44", size="12", hold=True)
    trader.buy(THIN, "75", "hand-xom-1", stop="2%", limit="112.44")


def normal_again(trader: Trader) -> None:
    trader.steer("price", symbol=THIN, bid="112.60", ask="112.64", size="500", hold=True)


def answer_lost(trader: Trader) -> None:
    """The broker takes the order, and the line breaks before it says so."""
    trader.steer("faults", kind="reply_lost", how="reset", count=1, **POSTS)
    trader.buy("PEP", "20", "hand-pep-1", stop="1.5%", targets=("2%",))


def broker_busy(trader: Trader) -> None:
    """Two answers of 503, then it works."""
    trader.steer("faults", kind="server_error", count=2, **POSTS)
    trader.buy("AMZN", "24", "hand-amzn-1", stop="2%", targets=("2%", "4%"))


def denied(trader: Trader) -> None:
    """A symbol that the configuration forbids."""
    trader.signal({"id": "tip-gme", "symbol": "GME", "side": "buy", "strength": 99})


def never_filled(trader: Trader) -> None:
    """A limit far below the market; it ends with the day."""
    trader.buy("PFE", "200", "hand-pfe-1", limit="20.00")


Act = Callable[[Trader], None]
DIARY: dict[str, Act] = {
    "2026-10-01 10:00": lambda t: t.buy("GOOGL", "60", "hand-googl-1", stop="4%", targets=("9%",)),
    "2026-10-05 10:15": lambda t: t.buy("BTC/USD", "0.04", "hand-btc-1"),
    "2026-10-06 11:00": lambda t: t.steer("flow", type="CSD", amount=25000),
    "2026-10-07 10:30": thin,
    "2026-10-07 10:50": normal_again,
    "2026-10-09 11:05": answer_lost,
    "2026-10-12 11:20": lambda t: t.close(THIN, "hand-xom-2", qty="30"),
    "2026-10-15 14:00": lambda t: t.close(THIN, "hand-xom-3"),
    "2026-10-16 12:00": lambda t: t.steer("halt", symbol="NVDA", reason="T1"),
    "2026-10-16 12:20": lambda t: t.steer("resume", symbol="NVDA"),
    "2026-10-19 15:00": lambda t: t.steer("flow", type="CSW", amount=-4000),
    "2026-10-20 10:45": denied,
    "2026-10-21 11:00": broker_busy,
    "2026-10-22 10:05": never_filled,
    "2026-10-23 11:30": lambda t: t.close("GOOGL", "hand-googl-2", qty="30"),
    "2026-10-29 12:00": lambda t: t.steer("fee", type="FEE", sub_type="REG", amount="1.25"),
}
