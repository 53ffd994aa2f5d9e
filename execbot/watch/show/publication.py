"""A sink that also tells those who look on. While nobody does it keeps notes, and nothing else.

Everything here runs in the deciding thread, so it does as little as can be: it looks at what has
changed and hands values over. Whoever sends them makes text of them, in a thread of its own.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from execbot.broker.budget import requests_left
from execbot.exits.rules.view import SymbolMarket
from execbot.journal.records import OrderRecord
from execbot.watch.core.core import WatchCore
from execbot.watch.core.jobs import Note
from execbot.watch.core.symbol_state import SymbolState, is_entry
from execbot.watch.health import Watched
from execbot.watch.show.frames import (
    EVENTS_KEPT,
    Frame,
    Held,
    Priced,
    Shape,
    Told,
    Working,
    bare,
)
from execbot.watch.show.position_rows import is_shown
from execbot.watch.show.sinks import Sink

PRICES_SECONDS = 0.25
"""Between two looks at prices: a person sees no more, and every look costs."""

SHAPE_SECONDS = 1.0


class _Seen(NamedTuple):
    """What a symbol's row rests on. All of it is replaced when it changes, never changed."""

    qty: object
    entry: object
    realized: object
    coverage: object
    plan: object
    structure: object
    records: tuple[OrderRecord, ...]


class Publication:
    """See `sinks.Sink`; wraps the one that shows. `is_wanted` and `wants_all` are set by whoever
    sends, from another thread; `send` hands a frame over and must not wait."""

    def __init__(self, inner: Sink, now: Callable[[], datetime]) -> None:
        self._inner = inner
        self._now = now
        self._loop: Watched | None = None
        self.is_wanted = False
        self.wants_all = False
        self.send: Callable[[Frame], bool] = lambda frame: True
        self._told: deque[Told] = deque(maxlen=EVENTS_KEPT)
        self._fresh: list[Told] = []
        self._count = 0
        self._seen: dict[str, _Seen] = {}
        self._orders: dict[str, OrderRecord] = {}
        self._priced: dict[str, datetime | None] = {}
        self._shape: Shape | None = None
        self._prices_at = self._shape_at = 0.0

    # --- a sink ----------------------------------------------------------------------------

    def follow(self, loop: Watched) -> None:
        """Whose news these are."""
        self._loop = loop
        if hasattr(self._inner, "loop"):
            self._inner.loop = loop

    @property
    def is_unread(self) -> bool:
        return bool(getattr(self._inner, "is_unread", False))

    def begin(self, facts: dict[str, Any]) -> None:
        self._inner.begin(facts)

    def note(self, note: Note, at: datetime) -> None:
        self._inner.note(note, at)
        self._count += 1
        symbol = str(note.data.get("symbol") or "")
        alarms = (note.is_alarm, note.is_critical)
        told = Told(self._count, at, note.type, note.text, symbol, *alarms)
        self._told.append(told)
        if self.is_wanted:
            self._fresh.append(told)

    def beat(self) -> None:
        self._inner.beat()
        if self.is_wanted and self._loop is not None:
            self._look(self._loop)

    def end(self, facts: dict[str, Any]) -> None:
        self._inner.end(facts)

    # --- looking ---------------------------------------------------------------------------

    def _look(self, loop: Watched) -> None:
        clock = time.monotonic()
        whole, self.wants_all = self.wants_all, False
        if whole:
            self._forget()
        core = loop.watcher.core
        held, orders = self._changed(core)
        prices = {}
        if whole or held or clock - self._prices_at >= PRICES_SECONDS:
            self._prices_at = clock
            prices = self._new_prices(core)
        shape = None
        if whole or clock - self._shape_at >= SHAPE_SECONDS or self._is_other(loop):
            self._shape_at = clock
            shape = self._new_shape(loop)
        told, self._fresh = (list(self._told) if whole else self._fresh), []
        if not (whole or held or prices or orders or told or shape):
            return
        frame = Frame(self._now(), whole, held, prices, orders, told, shape)
        if not self.send(frame):
            self.wants_all = True

    def _forget(self) -> None:
        self._seen.clear()
        self._orders.clear()
        self._priced.clear()
        self._shape = None

    def _changed(self, core: WatchCore) -> tuple[dict[str, Held | None], dict[str, Working | None]]:
        held: dict[str, Held | None] = {}
        orders: dict[str, Working | None] = {}
        for symbol, state in core.symbols.items():
            seen = _Seen(
                state.qty,
                state.avg_entry_price,
                state.realized_pl,
                state.coverage,
                state.plan,
                state.structure_plan,
                tuple(state.orders.values()),
            )
            before = self._seen.get(symbol)
            if before == seen:  # values that are the very same are not looked into
                continue
            self._seen[symbol] = seen
            held[symbol] = _held(state) if is_shown(state) else None
            self._put_orders(core, state, before, orders)
        for symbol in [name for name in self._seen if name not in core.symbols]:
            before = self._seen.pop(symbol)
            held[symbol] = None
            self._gone(before.records, orders)
        return held, orders

    def _put_orders(
        self,
        core: WatchCore,
        state: SymbolState,
        before: _Seen | None,
        orders: dict[str, Working | None],
    ) -> None:
        """Those that live and are new; those that have ended since, as they ended."""
        living = {record.client_order_id for record in state.living}
        known = {} if before is None else {r.client_order_id: r for r in before.records}
        for name, record in state.orders.items():
            if name in living:
                if self._orders.get(name) is not record:
                    self._orders[name] = record
                    orders[name] = _working(record, core.ends_at(record))
            elif before is not None and known.get(name) is not record:
                self._orders.pop(name, None)
                orders[name] = _working(record, None, lives=False)
        self._gone([r for n, r in known.items() if n not in state.orders], orders)

    def _gone(self, records: Iterable[OrderRecord], orders: dict[str, Working | None]) -> None:
        for record in records:
            if self._orders.pop(record.client_order_id, None) is not None:
                orders[record.client_order_id] = None

    def _new_prices(self, core: WatchCore) -> dict[str, Priced]:
        found = {}
        for symbol, state in core.symbols.items():
            if self._priced.get(symbol) != state.priced_at and is_shown(state):
                self._priced[symbol] = state.priced_at
                price = SymbolMarket(state.bid, state.ask, state.price).price
                found[symbol] = Priced(price, state.bid, state.ask, state.priced_at)
        return found

    def _is_other(self, loop: Watched) -> bool:
        """What must not wait for the next look has changed."""
        session = loop.watcher.core.memory.session
        shape = self._shape
        return shape is None or (shape.stream_up, shape.session) != (
            loop.health.stream_up,
            session.value if session is not None else "",
        )

    def _new_shape(self, loop: Watched) -> Shape:
        health, memory = loop.health, loop.watcher.core.memory
        left, limit = requests_left(loop.client) or (None, None)
        self._shape = Shape(
            stream_up=health.stream_up,
            frame_at=health.last_frame_at,
            lag_ms=health.lag_ms,
            requests_left=left,
            requests_per_minute=limit,
            guarded_at=memory.guarded_at,
            session=memory.session.value if memory.session is not None else "",
            halted=loop.halted_words(),
            differing=tuple(sorted(memory.reported)),
        )
        return self._shape


def _held(state: SymbolState) -> Held:
    return Held(
        symbol=state.symbol,
        qty=state.qty,
        avg_entry_price=state.avg_entry_price,
        realized_pl=state.realized_pl,
        opened_at=state.opened_at,
        has_entry=any(is_entry(r) for r in state.living),
        coverage=state.coverage,
        plan=state.plan,
        structure=state.structure_plan,
    )


def _working(record: OrderRecord, ends_at: datetime | None, *, lives: bool = True) -> Working:
    return Working(
        order=bare(record.order),
        origin=str(record.origin),
        role=None if record.role is None else str(record.role),
        strategy_id=record.strategy_id,
        reason=record.reason,
        ends_at=ends_at,
        lives=lives,
    )
