"""TradingView's alert as its server posts it, made from the shipped template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from page.signals.listening import SECRET
from support.processes import Server

TEMPLATE = Path(__file__).parents[3] / "examples" / "tradingview-alert.json"


def alert(now: str, **changed: Any) -> bytes:
    """Filled as for a strategy that goes long from nothing, then changed by field."""
    filled = {
        "ticker": "IBM",
        "exchange": "NYSE",
        "interval": "5",
        "time": now,
        "timenow": now,
        "action": "buy",
        "order_id": "Long",
        "position": "long",
        "previous_position": "flat",
        "price": "100",
        **changed,
    }
    text = TEMPLATE.read_text().replace("EXECBOT_SIGNALS_SECRET", SECRET)
    template = {name: filled.get(name, old) for name, old in json.loads(text).items()}
    return json.dumps({**template, **changed}).encode()


def reversal(now: str, to: str, **changed: Any) -> bytes:
    """From long to short, or back, by one alert."""
    before = {"short": "long", "long": "short"}[to]
    action = {"short": "sell", "long": "buy"}[to]
    fields = {"action": action, "position": to, "previous_position": before, "order_id": to}
    return alert(now, **{**fields, **changed})


def now_of(served: Server) -> str:
    """The exchange's time, as `{{timenow}}` writes it."""
    found: str = served.get("/sim/clock")["now"]
    return f"{found[:19]}Z"
