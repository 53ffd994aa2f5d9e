"""A desk whose executions are confirmed, and what the exchange's own books say of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from execbot.config.schema import Mode, TradingSettings
from execbot.journal.confirmation import Confirmation
from execbot.journal.records import OrderRecord
from execbot.market.calendar_cache import load_table
from execbot.model.order import OrderRequest
from execbot.model.times import parse_time
from execbot.oms.place.risk_gate import RiskGate
from execbot.quality.confirmer import Confirmer
from support.desk import Desk, open_desk

D = Decimal
TABLE = load_table()


def nothing(_: str) -> None:
    """At a step of the confirmer."""


@dataclass
class Confirmed:
    """One account with a confirmer beside it."""

    desk: Desk
    settings: TradingSettings = field(default_factory=TradingSettings)

    def confirmer(self, step: Callable[[str], None] = nothing) -> Confirmer:
        desk = self.desk
        return Confirmer(desk.journal, desk.client, self.settings, lambda at: TABLE, desk.now, step)

    def submit(self, request: OrderRequest, **more: Any) -> OrderRecord:
        """Checked by the gate, as commands do it, so that the decision has its quote."""
        desk = self.desk
        risk = RiskGate(desk.client, desk.journal, TradingSettings(), Mode.SIM, now=desk.now)
        name = request.client_order_id or desk.oms.new_id(desk.now())
        request = replace(request, client_order_id=name)
        checked = risk.check(request)
        return desk.oms.submit(
            request, gate=checked.gate, arrival_price=checked.arrival_price, **more
        )

    def hear(self) -> None:
        """What the stream says, into the journal."""
        self.desk.oms.apply_batch(self.desk.frames())

    def confirm(self, *, looks: int = 0) -> list[Confirmation]:
        self.hear()
        confirmer = self.confirmer()
        written = confirmer.take_in(batches=20)
        return written + (confirmer.look_up(looks) if looks else [])

    def later(self, seconds: float) -> list[Confirmation]:
        """Time passes, and everything that is due is looked up."""
        self.desk.sleep(seconds)
        self.confirm()
        written: list[Confirmation] = []
        for _ in range(50):
            found = self.confirmer().look_up(20)
            written += found
            if not self.desk.journal.confirmations_due(self.desk.now()):
                break
        return written

    def of(self, name: str) -> Confirmation:
        found = self.desk.journal.confirmation(name)
        assert found is not None
        return found

    # --- the exchange's own word ---------------------------------------------------------------

    def price(self, symbol: str, bid: str, ask: str, **more: Any) -> None:
        body = {"symbol": symbol, "bid": bid, "ask": ask, **more}
        self.desk.call("POST", "/sim/price", body)

    def fills_there(self) -> dict[str, list[dict[str, Any]]]:
        """FILL rows by the broker's order id."""
        found: dict[str, list[dict[str, Any]]] = {}
        for row in self.desk.call("GET", "/v2/account/activities/FILL?direction=asc"):
            found.setdefault(row["order_id"], []).append(row)
        return found

    def quote_there(self, symbol: str, at: datetime) -> tuple[Decimal, Decimal, datetime]:
        """The last quote at or before a moment, by the exchange's tape."""
        begin = (at - timedelta(minutes=5)).isoformat().replace("+00:00", "Z")
        end = at.isoformat().replace("+00:00", "Z")
        path = f"/v2/stocks/{symbol}/quotes?start={begin}&end={end}&limit=10000"
        rows = self.desk.call("GET", path)["quotes"]
        moment = parse_time(rows[-1]["t"])
        assert moment is not None
        return D(str(rows[-1]["bp"])), D(str(rows[-1]["ap"])), moment


def open_confirmed(path: Path, **settings: Any) -> Confirmed:
    return Confirmed(open_desk(path, **settings))
