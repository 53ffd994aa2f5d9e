"""Signals of structures: one order of several legs, by the checks and under the id of any other."""

from __future__ import annotations

from collections.abc import Callable

from execbot.journal.journal import Journal
from execbot.journal.records import Origin, Role
from execbot.model.flags import Flags
from execbot.model.numbers import ZERO, text
from execbot.model.options.spreads import spread_request
from execbot.model.order import OrderRequest
from execbot.model.order_ids import client_order_id_of
from execbot.model.signal import Signal
from execbot.oms.place.placed import Placed, Provenance
from execbot.oms.place.placer import Placer
from execbot.oms.place.risk_gate import Checked
from execbot.oms.signals.result import Preview
from execbot.oms.signals.rules import Skip, skip_structure

MakeDurable = Callable[[OrderRequest, Journal], None]
"""Writes the claim of the signal, in the transaction of the order's intent."""


class SignalSpreads:
    """Turns signals with legs into orders for one account."""

    def __init__(self, placer: Placer) -> None:
        self._placer = placer

    def request(self, signal: Signal) -> OrderRequest:
        """As `submit --leg` makes it. What opens ends by its clock, as any entry of a signal."""
        opens = signal.side.opens
        return spread_request(
            signal.legs,
            signal.qty or ZERO,
            signal.net,
            client_order_id=client_order_id_of(signal.id),
            strategy_id=signal.strategy_id,
            reason=f"signal {signal.id}, strength {text(signal.strength)}",
            cancel_after=self._placer.oms.settings.timeout_seconds if opens else None,
        )

    def preview(self, signal: Signal, flags: Flags) -> Preview:
        """What would be sent, and every check of it; nothing is written. Raises BrokerError."""
        request = self.request(signal)
        found = self._judged(signal, request, flags)
        return Preview(found) if isinstance(found, Skip) else Preview(None, request, None, found)

    def place(self, signal: Signal, flags: Flags, make_durable: MakeDurable) -> Placed | Skip:
        """Check and send it, just as it is: never smaller, never at another price. Raises what
        `Placer.place` raises."""
        request = self.request(signal)
        checked = self._judged(signal, request, flags)
        if isinstance(checked, Skip):
            return checked
        checked.on_pass = lambda journal: make_durable(request, journal)
        role = Role.ENTRY if signal.side.opens else Role.EXIT
        why = Provenance(Origin.SIGNAL, signal.id, None, role, None)
        return self._placer.place(request, why, checked=checked, flags=flags)

    def _judged(self, signal: Signal, request: OrderRequest, flags: Flags) -> Checked | Skip:
        risk, is_second = self._placer.risk, False
        while True:
            read = risk.reader.read(request)
            facts = risk.reader.complete(request, read)
            skip = skip_structure(signal, facts, risk.settings)
            if skip is not None:
                if is_second or not risk.has_moved(facts):
                    return skip
            else:
                checked = risk.judge(request, read, facts, flags)
                if is_second or not risk.rests_on_kept(checked):
                    return checked
            is_second = True
