"""Answers requests: each goes in at a moment, a response comes out.

Around the endpoint that answers stand the faults (nothing is carried out, or late, or the reply
is spoilt), the keys, the rate limit and the log of everything that writes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from execbot.sim.faults import false_answers, replies
from execbot.sim.faults.faults import Rule, Subject
from execbot.sim.faults.kinds import KINDS, Family, Kind
from execbot.sim.market import order_fault
from execbot.sim.times import http_date
from execbot.sim.types import SECOND, ApiError, Ns, Request, Response
from execbot.sim.venue import Venue
from execbot.sim.wire import control, data, trading
from execbot.sim.wire.call import Call
from execbot.sim.wire.data_query import Plan
from execbot.sim.wire.http import credentials, error_reply, gateway_page
from execbot.sim.wire.router import Router
from execbot.sim.wire.subject import symbols_of

_WRITES = ("POST", "PATCH", "DELETE", "PUT")
_TRADING = Router.of(trading.ROUTES)


class Requests:
    """Answers the requests to one venue, those that were put off included."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        venue.carry_out = self._carry_out_late

    def handle(self, request: Request, now: Ns | None = None) -> Response:
        """Answers one request at `now` (default: what the clock shows)."""
        venue = self.venue
        now = venue.advance(now)
        if _is_control(request):
            return self._control(request, now)
        if now < venue.down_until:
            return replies.aborted()
        key = _key_of(request)
        rules = self._struck(request, key, now)
        response = self._instead_of_it(rules, request, now)
        if response is None:
            self._inject(rules, self._symbols(request, key) if rules else ())
            response = self._answer(request, key, now)
            if rules:
                account_id = venue.account_of(key) or ""
                asked = false_answers.Asked(request, venue.exchange, account_id, now)
                response = false_answers.falsify(rules, response, asked)
                response = replies.after(rules, response, now)
            venue.collect(now)
        self._restart_if_told(rules, now)
        response = self._signed(response, now)
        self._note(request, key, response, rules, now)
        return response

    def _carry_out_late(self, request: Request, now: Ns) -> Response:
        """A request whose time has come: delayed by a fault, or planned by a scenario."""
        if _is_control(request):
            return self._control(request, now)
        key = _key_of(request)
        response = self._signed(self._answer(request, key, now), now)
        self.venue.collect(now)
        self._note(request, key, response, (), now)
        return response

    # --- answers ---------------------------------------------------------------------------

    def _answer(self, request: Request, key: str, now: Ns) -> Response:
        try:
            return self._route(request, key, now)
        except ApiError as error:
            return error_reply(error)

    def _route(self, request: Request, key: str, now: Ns) -> Response:
        venue = self.venue
        if request.method == "HEAD":  # a GET; whoever sends it leaves the body out
            request = replace(request, method="GET")
        is_data = data.owns(request.path)
        open_to_all = is_data and request.path.startswith("/v1beta3/crypto/")
        if not key and not open_to_all:
            return gateway_page(401)
        account_id = venue.account_of(key) if key else ""
        if account_id is None:
            return replies.unauthorized()
        passes, headers = venue.limit.take(key, "data" if is_data else "trading", now)
        if not passes:
            return replies.too_many_requests(headers)
        if is_data:
            response = data.respond(venue.market, request, now, Plan(venue.config.plan))
        else:
            if request.method in _WRITES:
                venue.changed = True
            try:
                endpoint, args = _TRADING.find(request.method, request.path)
                response = endpoint(Call(venue, request, args, key, account_id, now))
            except ApiError as error:
                response = error_reply(error)
        if headers:
            response = replace(response, headers={**response.headers, **headers})
        return response

    def _control(self, request: Request, now: Ns) -> Response:
        if request.method in _WRITES:
            self.venue.changed = True
        try:
            return control.answer(self.venue, request, now)
        except ApiError as error:
            return error_reply(error)

    # --- faults ----------------------------------------------------------------------------

    def _struck(self, request: Request, key: str, now: Ns) -> list[Rule]:
        faults = self.venue.faults
        if not faults.rules:
            return []
        subject = Subject(request.method, request.path, self._symbols(request, key), "", key)
        rules = faults.strike((Family.REQUEST, Family.ORDER), subject, now)
        self.venue.changed = self.venue.changed or bool(faults.rules)
        return rules

    def _instead_of_it(self, rules: Sequence[Rule], request: Request, now: Ns) -> Response | None:
        """The reply where the request is not carried out now; None where it is."""
        early = replies.before(rules, now)
        if early is not None:
            return early
        late = next((rule for rule in rules if rule.kind is Kind.REQUEST_DELAYED), None)
        if late is None:
            return None
        seconds = float(late.params["seconds"])
        ticket = self.venue.put_off(now + int(seconds * SECOND), request)
        return Response(0, fault={"do": "later", "seconds": seconds, "ticket": ticket})

    def _symbols(self, request: Request, key: str) -> tuple[str, ...]:
        return symbols_of(request, lambda order_id: self._symbol_of(order_id, key))

    def _symbol_of(self, order_id: str, key: str) -> str:
        """The symbol of an order of this key; empty when there is none."""
        venue = self.venue
        try:
            found = venue.exchange.order(venue.account_of(key) or "", order_id, False)
        except ApiError:
            return ""
        return str(found["symbol"])

    def _inject(self, rules: Sequence[Rule], symbols: Sequence[str]) -> None:
        for rule in rules:
            if KINDS[rule.kind].family is Family.ORDER:
                symbol = rule.symbol or (symbols[0] if symbols else None)
                self.venue.exchange.inject(order_fault(rule, symbol))

    def _restart_if_told(self, rules: Sequence[Rule], now: Ns) -> None:
        for rule in rules:
            if rule.kind is Kind.BROKER_RESTART:
                self.venue.restart(float(rule.params["seconds"]), now)

    # --- the reply and the log -------------------------------------------------------------

    def _signed(self, response: Response, now: Ns) -> Response:
        """Every reply carries the exchange's time and a request id, the same ones in every run."""
        venue = self.venue
        venue.served += 1
        text = f"{venue.config.seed}:{venue.served}".encode()
        request_id = hashlib.blake2b(text, digest_size=16).hexdigest()
        headers = {"Date": http_date(now), **response.headers, "X-Request-ID": request_id}
        if venue.clock.speed != 1:
            headers["X-Clock-Speed"] = f"{venue.clock.speed:g}"
        return replace(response, headers=headers)

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
        self.venue.records.log(
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


def _is_control(request: Request) -> bool:
    return request.path == "/sim" or request.path.startswith("/sim/")


def _key_of(request: Request) -> str:
    found = credentials(request.headers, request.query)
    return found[0] if found else ""
