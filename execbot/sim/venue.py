"""The whole exchange in one object: market, engine, clock, faults and deliveries. No I/O.

Both doors, the server and the in-process transport, drive it through `Requests`, which answers
requests; here time passes, and what happened goes out as deliveries for the streams.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from execbot.sim.clock import VenueClock
from execbot.sim.config import SimConfig
from execbot.sim.faults.deliveries import Outbox
from execbot.sim.faults.false_answers import remembered
from execbot.sim.faults.faults import FaultBook, Rule, Subject
from execbot.sim.faults.kinds import KINDS, Family, Kind
from execbot.sim.faults.pending import Pending
from execbot.sim.faults.spoilt import spoil
from execbot.sim.market import VenueMarket
from execbot.sim.records import Delivery, MemoryRecords, Records
from execbot.sim.types import SECOND, Ns, Request, Response
from execbot.sim.wire.http import encode, make_request
from execbot.sim.wire.limits import RateLimit

if TYPE_CHECKING:
    from execbot.sim.store import SqliteArchive

_HORIZONS_SECONDS = (1, 60, 3600, 86_400, 7 * 86_400)


class Venue:
    """One exchange. Not thread-safe: a door calls it from one thread at a time.

    `wall` gives real time in nanoseconds, `archive` keeps finished orders, `records` the request
    log and the deliveries, `state` is what an earlier `dump` returned.
    """

    def __init__(
        self,
        config: SimConfig | None = None,
        *,
        archive: SqliteArchive | None = None,
        records: Records | None = None,
        wall: Callable[[], Ns] = time.time_ns,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self.config = config or SimConfig()
        self.records: Records = records or MemoryRecords(self.config.log_size)
        self.faults = FaultBook(self.config.seed)
        self.outbox = Outbox(self.faults)
        self.limit = RateLimit(self.config.rate_limit)
        self.clock = VenueClock.of(self.config, wall)
        self.market = VenueMarket(self.config)
        self._archive = archive
        self.down_until: Ns = 0
        self.generation = 0
        self.changed = True
        self.stream_status: Callable[[], Sequence[Mapping[str, Any]]] = lambda: ()
        # Carries out a request that was put off; `Requests` sets it.
        self.carry_out: Callable[[Request, Ns], Response] | None = None
        self.served = 0
        self._pending = Pending()
        self._keys: dict[str, str] = {}
        # Account id to its lists, by id (`wire.reference.watchlists`).
        self.watchlists: dict[str, dict[str, dict[str, Any]]] = {}
        self._seen = 0
        if state is None:
            self.exchange = self.market.open_exchange(self.clock.now(), archive)
            self.add_faults(self.config.faults)
            self._plan_actions()
        else:
            self.load(state)

    # --- time ------------------------------------------------------------------------------

    def advance(self, now: Ns | None = None) -> Ns:
        """Lets everything happen that is due by `now` (default: what the clock shows)."""
        now = max(self.clock.now() if now is None else now, self.exchange.now)
        if self.carry_out is not None:
            for due, ticket, request in self._pending.due(now):
                self._advance_engine(max(due, self.exchange.now))
                self._pending.answer(ticket, self.carry_out(request, self.exchange.now))
                self.changed = True
        self._advance_engine(now)
        return now

    def put_off(self, due: Ns, request: Request) -> int:
        """Keeps a request to be carried out at `due`; the ticket with which it is redeemed."""
        self.changed = True
        return self._pending.put(due, request)

    def redeem(self, ticket: int) -> Response | None:
        """The answer to a request that was put off; None while it has not been carried out."""
        self.advance()
        return self._pending.redeem(ticket)

    def _plan_actions(self) -> None:
        start = self.clock.now()
        for action in self.config.actions:
            method, target = str(action["request"]).split(" ", 1)
            body = encode(action.get("body") or {})
            request = make_request(method, target, {}, body)
            self.put_off(start + int(float(action["after"]) * SECOND), request)

    def next_event_at(self, until: Ns) -> Ns | None:
        """When something happens next by itself, not later than `until`."""
        splits = self.market.recorded_splits(self.exchange.now, until)
        times = (
            self.exchange.next_event_at(until),
            splits[0][0] if splits else None,
            self.outbox.next_due(),
            self._pending.next_due(),
        )
        return min((at for at in times if at is not None and at <= until), default=None)

    def next_event(self) -> Ns | None:
        """The next event within a week. Looks near first: the market is searched tick by tick."""
        for seconds in _HORIZONS_SECONDS:
            found = self.next_event_at(self.exchange.now + seconds * SECOND)
            if found is not None:
                return found
        return None

    def _advance_engine(self, now: Ns) -> None:
        for at, symbol, ratio in self.market.recorded_splits(self.exchange.now, now):
            self.exchange.advance(at)
            self.market.tell_split(self.exchange, symbol, ratio)
            self.changed = True
        self.exchange.advance(now)
        self.collect(now)

    def collect(self, now: Ns) -> None:
        """Turns the engine's new events into deliveries."""
        rows: list[Delivery] = []
        if self.exchange.last_seq != self._seen:
            events = self.exchange.events_since(self._seen)
            self._seen = self.exchange.last_seq
            self.exchange.events.clear()
            rows = self.outbox.push(events, {a: k for k, a in self._keys.items()})
            self.changed = True
        if self.outbox.holds_back:
            rows += self.outbox.due(now)
        if rows:
            self.records.deliver(rows)
            self.changed = True

    # --- accounts and connections ---------------------------------------------------------

    def account_of(self, key: str, secret: str = "") -> str | None:
        """The account that a pair of keys opens; None when the key is refused."""
        if not key or key in self.config.bad_keys:
            return None
        account_id = self._keys.get(key)
        if account_id is None:
            account_id = self._keys[key] = self.exchange.account_id(key)
            self.changed = True
        return account_id

    def keys(self) -> Mapping[str, str]:
        """Key to account id, of every account seen."""
        return self._keys

    def add_faults(self, specs: Iterable[Mapping[str, Any]]) -> list[Rule]:
        """Puts rules in force from now on, all or none. Raises `FaultError`."""
        rules = self.faults.extend(specs, self.clock.now())
        self.exchange.remember(remembered(self.faults.rules))
        self.changed = True
        return rules

    def drop_faults(self, rule_id: str | None = None) -> bool:
        """Ends one rule, or all of them; whether there was one."""
        found = bool(self.faults.rules) if rule_id is None else self.faults.remove(rule_id)
        if rule_id is None:
            self.faults.clear()
        self.exchange.remember(remembered(self.faults.rules))
        self.changed = True
        return found

    def connect(self, path: str, key: str = "") -> Rule | None:
        """A new stream connection wants in: the fault that meets it, if any."""
        if not self.faults.rules:
            return None
        hits = self.faults.strike((Family.CONNECT,), Subject(path=path, key=key), self.clock.now())
        self.changed = self.changed or bool(hits)
        return hits[0] if hits else None

    def data_frames(self, feed: str, key: str, frames: Sequence[str | bytes]) -> list[str | bytes]:
        """What really goes out of these frames on one connection of a data stream."""
        if not any(KINDS[rule.kind].family is Family.DATA for rule in self.faults.rules):
            return list(frames)
        out: list[str | bytes] = []
        for frame in frames:
            subject = Subject(path=feed, symbols=_symbols_in(frame), key=key)
            rules = self.faults.strike((Family.DATA,), subject, self.clock.now())
            self.changed = self.changed or bool(rules)
            if any(rule.kind is Kind.DATA_MUTED for rule in rules):
                continue
            for rule in rules:
                text = frame if isinstance(frame, bytes) else frame.encode()
                frame = spoil(text, rule.params).decode("utf-8", "replace")
            out.append(frame)
        return out

    def announce(self, message: Mapping[str, Any], now: Ns) -> None:
        """Puts a message on the data streams: a halt, a price band."""
        self.records.deliver([self.outbox.notice(message, now)])

    def restart(self, seconds: float, now: Ns) -> None:
        """The broker goes down for `seconds`: connections die, accounts and orders stay."""
        self.down_until = now + int(seconds * SECOND)
        self.generation += 1
        self.limit.clear()
        self.records.deliver(self.outbox.cut(self._keys.values(), now))

    def reset(self, config: SimConfig | None = None) -> None:
        """Back to a fresh exchange; the clock keeps its course unless a new config moves it."""
        if config is not None:
            self.config = config
            self.clock = VenueClock.of(config, self.clock.wall)
            self.market = VenueMarket(config)
        else:
            self.market.reset()
        self.generation += 1
        self.outbox.forget()
        self.records.deliver(self.outbox.cut(self._keys.values(), self.clock.now()))
        if self._archive is not None:
            self._archive.clear()
        self.exchange = self.market.open_exchange(self.clock.now(), self._archive)
        self.exchange.remember(remembered(self.faults.rules))
        self._keys.clear()
        self.watchlists.clear()
        self._pending = Pending()
        self.limit = RateLimit(self.config.rate_limit)
        self._seen, self.down_until, self.changed = 0, 0, True

    # --- keeping ---------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """The live state as JSON values. Finished orders are in the archive, not here."""
        return {
            "exchange": self.exchange.dump(),
            "clock": self.clock.dump(),
            "market": self.market.dump(),
            "faults": self.faults.dump(),
            "outbox": self.outbox.dump(),
            "keys": self._keys,
            "watchlists": self.watchlists,
            "pending": self._pending.dump(),
            "served": self.served,
            "seen": self._seen,
            "down_until": self.down_until,
            "generation": self.generation,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Takes over what `dump` returned, in this process or another."""
        self.clock.load(state["clock"])
        self.market.load(state["market"])
        self.faults.load(state["faults"])
        self.outbox.load(state["outbox"])
        self.exchange = self.market.load_exchange(state["exchange"], self._archive)
        self.exchange.remember(remembered(self.faults.rules))
        self._keys = dict(state["keys"])
        self.watchlists = dict(state.get("watchlists", {}))  # an older file has none
        self._pending.load(state["pending"])
        self.served, self._seen = state["served"], state["seen"]
        self.down_until, self.generation = state["down_until"], state["generation"]
        self.changed = False


def _symbols_in(frame: str | bytes) -> tuple[str, ...]:
    """The symbols that a frame of market data is about. A packed one is not read: none."""
    if isinstance(frame, bytes):
        return ()
    return tuple(message["S"] for message in json.loads(frame) if "S" in message)
