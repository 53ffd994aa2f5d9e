"""Signals of structures: one order of several legs, by the checks and under the id of any other."""

from __future__ import annotations

from collections.abc import Callable

from execbot.exits.levels import LevelKind, LevelSpec
from execbot.exits.plan.wishes import Wishes, in_equal_parts
from execbot.journal.journal import Journal
from execbot.journal.records import Origin, Role
from execbot.model.flags import Flag, Flags
from execbot.model.numbers import ZERO, text
from execbot.model.options.spreads import spread_request
from execbot.model.order import OrderRequest
from execbot.model.order_ids import client_order_id_of
from execbot.model.signal import Signal
from execbot.oms.place.entry_plans import ExitsAsked, PricedEntry
from execbot.oms.place.placed import Placed, Provenance
from execbot.oms.place.placer import Placer
from execbot.oms.place.risk_gate import Checked
from execbot.oms.signals.result import Preview, exits_of
from execbot.oms.signals.rules import Skip, skip_structure

MakeDurable = Callable[[OrderRequest, Journal], None]
"""Writes the claim of the signal, in the transaction of the order's intent."""


class SignalSpreads:
    """Turns signals with legs into orders for one account."""

    def __init__(self, placer: Placer, is_watched: Callable[[], bool] = lambda: True) -> None:
        """`is_watched`: whether a `watch` runs that keeps the exits of what opens."""
        self._placer = placer
        self._is_watched = is_watched

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
        found = self._judged(signal, self.request(signal), flags)
        if isinstance(found, Skip):
            return Preview(found)
        entry, checked = found
        exits = exits_of(entry, entry.request, self._placer.oms.now())
        return Preview(None, entry.request, None, checked, exits=exits)

    def place(self, signal: Signal, flags: Flags, make_durable: MakeDurable) -> Placed | Skip:
        """Check and send it, just as it is: never smaller, never at another price. Raises what
        `Placer.place` raises."""
        request = self.request(signal)
        found = self._judged(signal, request, flags)
        if isinstance(found, Skip):
            return found
        entry, checked = found
        checked.on_pass = lambda journal: make_durable(request, journal)
        role = Role.ENTRY if signal.side.opens else Role.EXIT
        why = Provenance(Origin.SIGNAL, signal.id, None, role, None)
        return self._placer.place(entry, why, checked=checked, flags=flags)

    def _asked(self, signal: Signal, flags: Flags) -> ExitsAsked:
        """Those of the signal alone: a few percent of a net price lie within its spread."""
        stop = None if signal.stop is None else LevelSpec(LevelKind.PRICE, signal.stop)
        targets = () if signal.target is None else (LevelSpec(LevelKind.PRICE, signal.target),)
        return ExitsAsked(
            Wishes(stop, targets=in_equal_parts(targets)),
            must_go_along=True,
            watch_places=Flag.NAKED in flags or self._is_watched(),
            origin=Origin.SIGNAL,
        )

    def _judged(
        self, signal: Signal, request: OrderRequest, flags: Flags
    ) -> tuple[PricedEntry, Checked] | Skip:
        risk, is_second = self._placer.risk, False
        while True:
            read = risk.reader.read(request)
            facts = risk.reader.complete(request, read)
            skip = skip_structure(signal, facts, risk.settings)
            if skip is not None:
                if is_second or not risk.has_moved(facts):
                    return skip
            else:
                entry = self._placer.planner.priced(request, self._asked(signal, flags), facts)
                checked = risk.judge(request, read, facts, flags)
                if is_second or not risk.rests_on_kept(checked):
                    return entry, checked
            is_second = True
