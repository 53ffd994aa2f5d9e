"""Turns the engine's events into what really goes out on the trade-updates stream.

Between the two stand the stream faults: events may be doubled, lost, late or out of order, and
the connection may be cut or fall silent. The result is a numbered sequence of deliveries that
every door (socket or poll) reads alike.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from typing import Any

from execbot.sim.faults.faults import FaultBook, Rule, Subject
from execbot.sim.faults.kinds import Family, Kind
from execbot.sim.faults.spoilt import spoil
from execbot.sim.records import ALL_DATA, Delivery
from execbot.sim.types import SECOND, Ns, StreamEvent
from execbot.sim.wire.http import encode

_ERROR_FRAME = encode({"action": "error", "data": {"error_message": "internal server error"}})


class Outbox:
    """Orders events into deliveries; holds back what is late or waits for the next one."""

    def __init__(self, faults: FaultBook) -> None:
        self._faults = faults
        self.seq = 0
        # (due, order of arrival, account, frame): a heap of what will go out later.
        self._late: list[tuple[Ns, int, str, bytes]] = []
        self._swapped: dict[str, tuple[Ns, bytes]] = {}
        self._muted_until: dict[str, Ns] = {}
        self._arrivals = 0

    @property
    def holds_back(self) -> bool:
        """Whether anything is to go out later."""
        return bool(self._late or self._swapped)

    def forget(self) -> None:
        """Drops what is held back and lets every stream speak again; the numbering goes on."""
        self._late.clear()
        self._swapped.clear()
        self._muted_until.clear()

    def push(self, events: Iterable[StreamEvent], keys: Mapping[str, str]) -> list[Delivery]:
        """Takes new events; returns what goes out at once. `keys` maps account to key."""
        out: list[Delivery] = []
        for event in events:
            if self.holds_back:
                out.extend(self.due(event.at))
            out.extend(self._one(event, keys.get(event.account_id, "")))
        return out

    def due(self, now: Ns) -> list[Delivery]:
        """What was held back and is to go out by `now`."""
        out: list[Delivery] = []
        while self._late and self._late[0][0] <= now:
            at, _, account, frame = heapq.heappop(self._late)
            out.append(self._send(account, at, frame))
        for account in [a for a, (at, _) in self._swapped.items() if at <= now]:
            at, frame = self._swapped.pop(account)
            out.append(self._send(account, at, frame))
        return out

    def next_due(self) -> Ns | None:
        times = [at for at, _ in self._swapped.values()]
        if self._late:
            times.append(self._late[0][0])
        return min(times, default=None)

    def cut(self, account_ids: Iterable[str], now: Ns) -> list[Delivery]:
        """Kills the connections of these accounts."""
        return [self._send(account, now, b"", "cut") for account in account_ids]

    def notice(self, message: Mapping[str, Any], now: Ns) -> Delivery:
        """A message for the data streams that are subscribed to it."""
        return self._send(ALL_DATA, now, encode(message), "notice")

    def _send(self, account: str, at: Ns, frame: bytes, what: Any = "event") -> Delivery:
        self.seq += 1
        return Delivery(self.seq, account, at, what, frame)

    def _one(self, event: StreamEvent, key: str) -> list[Delivery]:
        account, now = event.account_id, event.at
        frame = encode({"stream": "trade_updates", "data": event.data})
        if self._faults.rules:
            order = event.data.get("order") or {}
            subject = Subject(
                symbols=(str(order.get("symbol", "")),),
                event=str(event.data.get("event", "")),
                key=key,
            )
            rules = self._faults.strike((Family.STREAM,), subject, now)
        else:
            rules = []
        if self._muted_until.get(account, 0) > now:
            return []
        held = self._swapped.pop(account, None)
        out = self._apply(rules, account, frame, now)
        if held is not None:
            out.append(self._send(account, now, held[1]))
        return out

    def _apply(self, rules: list[Rule], account: str, frame: bytes, now: Ns) -> list[Delivery]:
        copies = 1
        for rule in rules:
            wait = int(float(rule.params.get("seconds", 0)) * SECOND)
            match rule.kind:
                case Kind.EVENT_MISSING:
                    return []
                case Kind.STREAM_MUTED:
                    self._muted_until[account] = now + wait
                    return []
                case Kind.EVENT_LATE:
                    self._arrivals += 1
                    heapq.heappush(self._late, (now + wait, self._arrivals, account, frame))
                    return []
                case Kind.EVENT_REORDERED:
                    self._swapped[account] = (now + wait, frame)
                    return []
                case Kind.STREAM_CUT:
                    cut = self._send(account, now, b"", "cut")
                    lost = rule.params["lose"]
                    return [cut] if lost else [cut, self._send(account, now, frame)]
                case Kind.STREAM_ERROR:
                    return [self._send(account, now, _ERROR_FRAME, "error")]
                case Kind.FRAME_SPOILT:
                    spoilt = spoil(frame, rule.params)
                    if rule.params["extra"]:
                        return [self._send(account, now, f) for f in (spoilt, frame)]
                    frame = spoilt
                case Kind.EVENT_DUPLICATED:
                    copies = int(rule.params["times"])
        return [self._send(account, now, frame) for _ in range(copies)]

    def dump(self) -> dict[str, Any]:
        return {
            "seq": self.seq,
            "late": [
                [at, n, account, frame.decode("latin-1")] for at, n, account, frame in self._late
            ],
            "swapped": {
                a: [at, frame.decode("latin-1")] for a, (at, frame) in self._swapped.items()
            },
            "muted": self._muted_until,
            "arrivals": self._arrivals,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        self.seq, self._arrivals = state["seq"], state["arrivals"]
        self._late = [
            (at, n, account, frame.encode("latin-1")) for at, n, account, frame in state["late"]
        ]
        heapq.heapify(self._late)
        self._swapped = {
            a: (at, frame.encode("latin-1")) for a, (at, frame) in state["swapped"].items()
        }
        self._muted_until = dict(state["muted"])
