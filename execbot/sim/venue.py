"""The whole exchange in one object: market, engine, clock, faults and wire. No I/O.

A request and a moment go in, a response comes out and deliveries for the streams are recorded.
Both doors, the server and the in-process transport, drive this class and nothing below it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from execbot.sim.clock import VenueClock, http_date
from execbot.sim.config import SimConfig
from execbot.sim.faults import replies
from execbot.sim.faults.deliveries import Outbox
from execbot.sim.faults.faults import KINDS, Family, FaultBook, Kind, Rule, Subject
from execbot.sim.faults.pending import Pending
from execbot.sim.market import Market, order_fault
from execbot.sim.records import Delivery, MemoryRecords, Records
from execbot.sim.types import SECOND, ApiError, Ns, Request, Response
from execbot.sim.wire import data, trading
from execbot.sim.wire.call import Call
from execbot.sim.wire.data_query import Plan
from execbot.sim.wire.http import (
    credentials,
    encode,
    error_reply,
    gateway_page,
    make_request,
)
from execbot.sim.wire.limits import RateLimit
from execbot.sim.wire.router import Router
from execbot.sim.wire.subject import symbols_of

if TYPE_CHECKING:
    from execbot.sim.store import SqliteArchive

_HORIZONS_SECONDS = (1, 60, 3600, 86_400, 7 * 86_400)
_WRITES = ("POST", "PATCH", "DELETE", "PUT")

_TRADING = Router.of(trading.ROUTES)


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
        self.market = Market(self.config)
        self._archive = archive
        self.down_until: Ns = 0
        self.generation = 0
        self.changed = True
        self.stream_status: Callable[[], Sequence[Mapping[str, Any]]] = lambda: ()
        self._served = 0
        self._pending = Pending()
        self._keys: dict[str, str] = {}
        self._seen = 0
        if state is None:
            self.exchange = self.market.open_exchange(self.clock.now(), archive)
            self.faults.extend(self.config.faults)
            self._schedule_actions()
        else:
            self.load(state)

    # --- time ------------------------------------------------------------------------------

    def advance(self, now: Ns | None = None) -> Ns:
        """Lets everything happen that is due by `now` (default: what the clock shows)."""
        now = max(self.clock.now() if now is None else now, self.exchange.now)
        for due, ticket, request in self._pending.due(now):
            self._advance_engine(max(due, self.exchange.now))
            self._run_delayed(ticket, request)
        self._advance_engine(now)
        return now

    def next_event_at(self, until: Ns) -> Ns | None:
        """When something happens next by itself, not later than `until`."""
        times = (
            self.exchange.next_event_at(until),
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

    # --- requests --------------------------------------------------------------------------

    def handle(self, request: Request, now: Ns | None = None) -> Response:
        """Answers one request at `now` (default: what the clock shows)."""
        now = self.advance(now)
        if request.path == "/sim" or request.path.startswith("/sim/"):
            return self._control(request, now)
        if now < self.down_until:
            return replies.aborted()
        found = credentials(request.headers, request.query)
        key = found[0] if found else ""
        rules = self._struck(request, key)
        early = replies.before(rules, now)
        if early is None:
            late = next((r for r in rules if r.kind is Kind.REQUEST_DELAYED), None)
            if late is not None:
                early = self._put_off(request, now, float(late.params["seconds"]))
        if early is not None:
            response = early
        else:
            self._inject(rules, self._symbols(request, key) if rules else ())
            response = replies.after(rules, self._answer(request, key, now), now)
            self.collect(now)
        self._restart_if_told(rules, now)
        response = self._signed(response, now)
        self._note(request, key, response, rules, now)
        return response

    def redeem(self, ticket: int) -> Response | None:
        """The answer to a request that was put off; None while it has not been carried out."""
        self.advance()
        return self._pending.redeem(ticket)

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

    def connect(self, path: str, key: str = "") -> Rule | None:
        """A new stream connection wants in: the fault that meets it, if any."""
        if not self.faults.rules:
            return None
        hits = self.faults.strike((Family.CONNECT,), Subject(path=path, key=key))
        self.changed = self.changed or bool(hits)
        return hits[0] if hits else None

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
            self.market = Market(config)
        else:
            self.market.reset()
        self.generation += 1
        self.records.deliver(self.outbox.cut(self._keys.values(), self.clock.now()))
        if self._archive is not None:
            self._archive.clear()
        self.exchange = self.market.open_exchange(self.clock.now(), self._archive)
        self._keys.clear()
        self._pending = Pending()
        self.limit = RateLimit(self.config.rate_limit)
        self._seen, self.down_until, self.changed = 0, 0, True

    # --- inside ----------------------------------------------------------------------------

    def _answer(self, request: Request, key: str, now: Ns) -> Response:
        try:
            return self._route(request, key, now)
        except ApiError as error:
            return error_reply(error)

    def _route(self, request: Request, key: str, now: Ns) -> Response:
        is_data = data.owns(request.path)
        open_to_all = is_data and request.path.startswith("/v1beta3/crypto/")
        if not key and not open_to_all:
            return gateway_page(401)
        account_id = self.account_of(key) if key else ""
        if account_id is None:
            return replies.unauthorized()
        passes, headers = self.limit.take(key, "data" if is_data else "trading", now)
        if not passes:
            return replies.too_many_requests(headers)
        if is_data:
            response = data.respond(self.market, request, now, Plan(self.config.plan))
        else:
            if request.method in _WRITES:
                self.changed = True
            try:
                endpoint, args = _TRADING.find(request.method, request.path)
                response = endpoint(Call(self, request, args, key, account_id, now))
            except ApiError as error:
                response = error_reply(error)
        if headers:
            response = replace(response, headers={**response.headers, **headers})
        return response

    def _control(self, request: Request, now: Ns) -> Response:
        from execbot.sim.wire import control

        if request.method in _WRITES:
            self.changed = True
        try:
            return control.answer(self, request, now)
        except ApiError as error:
            return error_reply(error)

    def _struck(self, request: Request, key: str) -> list[Rule]:
        if not self.faults.rules:
            return []
        subject = Subject(request.method, request.path, self._symbols(request, key), "", key)
        rules = self.faults.strike((Family.REQUEST, Family.ORDER), subject)
        self.changed = self.changed or bool(self.faults.rules)
        return rules

    def _symbols(self, request: Request, key: str) -> tuple[str, ...]:
        return symbols_of(request, lambda order_id: self._symbol_of(order_id, key))

    def _symbol_of(self, order_id: str, key: str) -> str:
        """The symbol of an order of this key; empty when there is none."""
        try:
            found = self.exchange.order(self.account_of(key) or "", order_id, False)
        except ApiError:
            return ""
        return str(found["symbol"])

    def _inject(self, rules: Sequence[Rule], symbols: Sequence[str]) -> None:
        for rule in rules:
            if KINDS[rule.kind].family is Family.ORDER:
                symbol = rule.symbol or (symbols[0] if symbols else None)
                self.exchange.inject(order_fault(rule, symbol))

    def _restart_if_told(self, rules: Sequence[Rule], now: Ns) -> None:
        for rule in rules:
            if rule.kind is Kind.BROKER_RESTART:
                self.restart(float(rule.params["seconds"]), now)

    def _put_off(self, request: Request, now: Ns, seconds: float) -> Response:
        ticket = self._later(now + int(seconds * SECOND), request)
        return Response(0, fault={"do": "later", "seconds": seconds, "ticket": ticket})

    def _later(self, due: Ns, request: Request) -> int:
        self.changed = True
        return self._pending.put(due, request)

    def _run_delayed(self, ticket: int, request: Request) -> None:
        now = self.exchange.now
        if request.path.startswith("/sim/"):
            response = self._control(request, now)
        else:
            found = credentials(request.headers, request.query)
            key = found[0] if found else ""
            response = self._signed(self._answer(request, key, now), now)
            self.collect(now)
            self._note(request, key, response, (), now)
        self._pending.answer(ticket, response)
        self.changed = True

    def _schedule_actions(self) -> None:
        start = self.clock.now()
        for action in self.config.actions:
            method, target = str(action["request"]).split(" ", 1)
            body = encode(action.get("body") or {})
            request = make_request(method, target, {}, body)
            self._later(start + int(float(action["after"]) * SECOND), request)

    def _signed(self, response: Response, now: Ns) -> Response:
        """Every reply carries the exchange's time and a request id, the same ones in every run."""
        self._served += 1
        text = f"{self.config.seed}:{self._served}".encode()
        request_id = hashlib.blake2b(text, digest_size=16).hexdigest()
        headers = {"Date": http_date(now), **response.headers, "X-Request-ID": request_id}
        kind, fault = response.content_type, response.fault
        return Response(response.status, response.body, headers, kind, fault)

    def _note(
        self,
        request: Request,
        key: str,
        response: Response,
        rules: Sequence[Rule],
        now: Ns,
    ) -> None:
        """Writes orders and closes into the log, with what was answered."""
        if request.method not in _WRITES:
            return
        fault = response.fault or {}
        self.records.log(
            {
                "at": now,
                "key": key,
                "method": request.method,
                "path": request.path,
                "query": dict(request.query),
                "body": request.body.decode(errors="replace"),
                "status": response.status,
                "answer": response.body.decode(errors="replace"),
                "request_id": response.headers.get("X-Request-ID"),
                "faults": [rule.kind.value for rule in rules],
                "delivered": fault.get("do") not in ("abort", "hang", "later", "cut"),
            }
        )

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
            "pending": self._pending.dump(),
            "served": self._served,
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
        self._keys = dict(state["keys"])
        self._pending.load(state["pending"])
        self._served, self._seen = state["served"], state["seen"]
        self.down_until, self.generation = state["down_until"], state["generation"]
        self.changed = False
