"""The board as it stands, and what changes on it: one writer, each change made text of once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from execbot.model.times import eastern
from execbot.schemas.board import (
    BoardAccount,
    BoardChange,
    BoardEvent,
    BoardOrder,
    BoardPosition,
    BoardQuality,
    BoardShown,
    BoardSnapshot,
)

EVENTS_KEPT = 200
ORDERS_KEPT = 500
"""Of a day, the newest; older ones are in `execbot orders`."""


class LiveBoard:
    """Calls `publish` with the text of each change. Used by one thread."""

    def __init__(self, board: BoardShown, publish: Callable[[str], None]) -> None:
        self._fields: dict[str, Any] = {
            name: getattr(board, name) for name in type(board).model_fields
        }
        self._fields["positions"] = dict(board.positions)
        self._fields["orders"] = dict(board.orders)
        self._publish = publish
        self._seq = 0
        self._text: dict[bool, tuple[int, str]] = {}
        self._own: deque[BoardEvent] = deque(maxlen=EVENTS_KEPT)

    @property
    def positions(self) -> Mapping[str, BoardPosition]:
        found: dict[str, BoardPosition] = self._fields["positions"]
        return found

    @property
    def account_line(self) -> BoardAccount:
        found: BoardAccount = self._fields["account_line"]
        return found

    @property
    def orders(self) -> Mapping[str, BoardOrder]:
        found: dict[str, BoardOrder] = self._fields["orders"]
        return found

    def snapshot(self, *, lost: bool = False) -> str:
        """All of it, as text: made once for all who come between two changes."""
        kept = self._text.get(lost)
        if kept is None or kept[0] != self._seq:
            board = BoardShown.model_construct(**self._fields)
            text = BoardSnapshot.model_construct(
                type="snapshot", seq=self._seq, lost=lost, board=board
            ).model_dump_json()
            kept = self._text[lost] = (self._seq, text)
        return kept[1]

    def tell(self, row: BoardEvent) -> None:
        """Show an event of the page's own, which neither the watch nor the journal knows: it stays
        when they give all of theirs anew."""
        alarms = self._fields["alerts"]
        self._own.append(row)
        self.change(row.at, events=(row,), alerts=(*alarms, row) if row.is_alarm else alarms)

    def _with_own(self, rows: Sequence[BoardEvent], now: datetime) -> tuple[BoardEvent, ...]:
        """The events with the page's own of today, in the order of their times."""
        today = eastern(now).date()
        own = [row for row in self._own if eastern(row.at).date() == today]
        others = [row for row in rows if row not in own]
        return tuple(sorted([*others, *own], key=lambda row: row.at))[-EVENTS_KEPT:]

    def change(
        self,
        now: datetime,
        *,
        positions: Mapping[str, BoardPosition | None] | None = None,
        orders: Mapping[str, BoardOrder | None] | None = None,
        events: Sequence[BoardEvent] = (),
        all_events: Sequence[BoardEvent] | None = None,
        beats: bool = False,
        **sections: Any,
    ) -> None:
        """Take in what differs, and publish that. `events` are added, `all_events` replace what was
        there. With `beats` it publishes even where nothing differs."""
        new_positions = _differing(self._fields["positions"], positions or {})
        new_orders = _differing(self._fields["orders"], orders or {})
        if "alerts" in sections:
            of_alarms = [row for row in self._with_own(sections["alerts"], now) if row.is_alarm]
            sections["alerts"] = tuple(of_alarms)
        if _is_of_before(sections.get("quality", self._fields["quality"]), now):
            sections["quality"] = BoardQuality()  # "Being read"
        if all_events is not None:
            sections["events"] = self._with_own(all_events, now)
        other = {name: one for name, one in sections.items() if self._fields[name] != one}
        if not (new_positions or new_orders or events or other or beats):
            return
        _merge(self._fields["positions"], new_positions)
        _merge(self._fields["orders"], new_orders)
        new_orders |= self._drop_old()
        self._fields.update(other)
        if events:
            self._fields["events"] = (*self._fields["events"], *events)[-EVENTS_KEPT:]
        self._fields["now"] = now
        self._seq += 1
        self._publish(
            BoardChange(
                seq=self._seq,
                now=now,
                positions=new_positions,
                orders=new_orders,
                events=tuple(events),
                sections=other,
            ).model_dump_json()
        )

    def _drop_old(self) -> dict[str, BoardOrder | None]:
        orders: dict[str, BoardOrder] = self._fields["orders"]
        if len(orders) <= ORDERS_KEPT:
            return {}
        ended = sorted(
            (row for row in orders.values() if not row.is_open),
            key=lambda row: str(row.changed_at or ""),
        )
        gone = [row.client_order_id for row in ended[: len(orders) - ORDERS_KEPT]]
        for name in gone:
            del orders[name]
        return dict.fromkeys(gone)


def _is_of_before(quality: BoardQuality, now: datetime) -> bool:
    """Of a day that is over: it is shown as today's."""
    return quality.day is not None and quality.day < eastern(now).date()


def _differing(known: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row for name, row in new.items() if known.get(name) != row}


def _merge(into: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for name, row in changes.items():
        if row is None:
            into.pop(name, None)
        else:
            into[name] = row
