"""The listener: three routes, and nothing else answers.

POST /signals            a signal, or TradingView's alert; 202 once it is on the disk
POST /signals/SECRET     the same, for senders that can say the secret nowhere else
GET  /signals/ID         what became of it; needs `Authorization: Bearer`
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from execbot.config.schema import TradingSettings
from execbot.model.order_ids import new_client_order_id
from execbot.page.guard import answered_failed
from execbot.page.signals.answers import repeated, state_of, taken
from execbot.page.signals.intake import Sent, authenticated, delivered, refused_secret
from execbot.page.signals.pace import OnceAMinute, Pace
from execbot.page.signals.refusals import NotTaken, guarded
from execbot.page.signals.rows import Delivery, Kept, Row, State
from execbot.page.signals.secrets import Secret, bearer_of
from execbot.page.signals.store import SignalStore, StoreFailed, TooManyWaiting

PATIENCE_SECONDS = 2.5
"""TradingView hangs up after three seconds: what is not on the disk by then is answered 503."""

UNKNOWN_PER_SECOND = 20
"""Deliveries with a wrong secret; they take nothing from those with the right one."""


STATUSES = (
    HTTPStatus.OK,
    HTTPStatus.ACCEPTED,
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
"""What a delivery may be answered with here; the guard answers 403, 408 and 413 before."""


class Tell(Protocol):
    """Where the listener reports: the log, the page, a person."""

    def repeated(self, kept: Kept) -> None: ...

    def wrong_secret(self, count: int) -> None:
        """At most once a minute; so many came since the last time."""

    def refused(self, refusal: NotTaken) -> None:
        """Report a refusal of a sender with the right secret, at most once a minute for each
        kind."""

    def not_kept(self, error: StoreFailed) -> None: ...

    def kept(self, kept: Kept) -> None: ...


@dataclass
class Listener:
    """What the routes work with. `now` is the account's time; `trouble` says why nothing is carried
    out at the moment, empty where it is. `arrived` wakes whoever carries out."""

    store: SignalStore
    secret: Secret
    settings: TradingSettings
    now: Callable[[], datetime]
    seconds: Callable[[], float]
    tell: Tell
    arrived: Callable[[Row], None]
    trouble: Callable[[], str]

    def __post_init__(self) -> None:
        self._pace = Pace(float(self.settings.signals.per_second_max), self.seconds)
        self._unknown_pace = Pace(UNKNOWN_PER_SECOND, self.seconds)
        self._wrong = OnceAMinute(self.seconds)
        self._refusals: dict[str, OnceAMinute] = {}
        self.answered: Counter[HTTPStatus] = Counter(dict.fromkeys(STATUSES, 0))
        """Deliveries by the status of their answers."""

    def app(self) -> Starlette:

        return Starlette(
            routes=[
                Route("/signals", self._post, methods=["POST"]),
                Route("/signals/{secret}", self._post, methods=["POST"]),
                Route("/signals/{signal_id:path}", self._get, methods=["GET"]),
            ],
            exception_handlers={
                404: _nothing_here,
                405: _nothing_here,
                Exception: answered_failed(guarded),
            },
        )

    # --- the routes ------------------------------------------------------------------------

    async def _post(self, request: Request) -> Response:
        answer = await self._answer(request)
        self.answered[HTTPStatus(answer.status_code)] += 1
        return answer

    async def _answer(self, request: Request) -> Response:
        try:
            kept = await self._take(request)
        except NotTaken as refusal:
            self._tell_refused(refusal)
            return _refusal(refusal)
        if not kept.is_new:
            self.tell.repeated(kept)
            return _json(HTTPStatus.OK, repeated(kept))
        self.tell.kept(kept)
        for row in (kept.row, kept.entry):
            if row is not None and row.state is not State.DONE:
                self.arrived(row)
        most, shorts = self.settings.broker.requests_per_minute, self.settings.risk.allow_short
        said = taken(kept, most, self.trouble(), allows_short=shorts)
        return _json(HTTPStatus.ACCEPTED, said)

    async def _get(self, request: Request) -> Response:
        if not self.secret.matches(bearer_of(request.headers.get("authorization"))):
            refusal = self._unknown(refused_secret())
            self._tell_refused(refusal)
            return _refusal(refusal)
        try:
            row = await asyncio.to_thread(self.store.row, request.path_params["signal_id"])
        except StoreFailed as error:
            return _refusal(self._failed(error))
        if row is None:
            return _refusal(NotTaken(HTTPStatus.NOT_FOUND, "signals.unknown", "no such signal"))
        return _json(HTTPStatus.OK, state_of(row))

    # --- taking one ------------------------------------------------------------------------

    async def _take(self, request: Request) -> Kept:
        """Raises NotTaken for all that is not kept."""
        sent = Sent(
            await _whole(request),
            request.headers.get("authorization"),
            request.path_params.get("secret"),
        )
        try:
            fields = authenticated(sent, self.secret)
        except NotTaken as refusal:
            raise self._unknown(refusal) from None
        _refuse_fast(self._pace)
        now = self.now()
        what = delivered(fields, self.settings, now=now, new_id=_new_id(now))
        signals = self.settings.signals
        delivery = Delivery(what, now, float(signals.repeat_seconds), signals.waiting_max)
        try:
            return await _in_time(self.store.keep(delivery))
        except StoreFailed as error:
            raise self._failed(error) from None
        except TooManyWaiting as error:
            raise _too_fast(error.kind, error.message, 60) from None

    def _unknown(self, refusal: NotTaken) -> NotTaken:
        """The refusal of a sender whose secret is wrong, slowed down beyond what a person's mistake
        makes."""
        if refusal.status is not HTTPStatus.UNAUTHORIZED:
            return refusal
        if count := self._wrong.count():
            self.tell.wrong_secret(count)
        wait = self._unknown_pace.take()
        return (
            _too_fast("signals.too_fast", "too many with a wrong secret", wait) if wait else refusal
        )

    def _tell_refused(self, refusal: NotTaken) -> None:
        if refusal.status is HTTPStatus.UNAUTHORIZED or not refusal.is_of_known_sender:
            return
        if self._refusals.setdefault(refusal.kind, OnceAMinute(self.seconds)).count():
            self.tell.refused(refusal)

    def _failed(self, error: StoreFailed) -> NotTaken:
        self.tell.not_kept(error)
        status = HTTPStatus.SERVICE_UNAVAILABLE
        return NotTaken(status, error.kind, error.message, hint=error.hint, retry_after_seconds=5)


async def _in_time(promise: Future[Kept]) -> Kept:
    """What the store says. Where it takes long, the listener gives up, and the signal is not kept
    any more: its sender gets 503, and may send it again or let it be. Raises StoreFailed,
    TooManyWaiting."""
    try:
        return await asyncio.wait_for(asyncio.wrap_future(promise), PATIENCE_SECONDS)
    except TimeoutError:
        if promise.cancel():
            raise StoreFailed("the disk did not take it in time") from None
        return await asyncio.wrap_future(promise)  # it was taken at this very moment


async def _whole(request: Request) -> bytes:
    """The guard has read it, and bounded it in length and time."""
    try:
        return await request.body()
    except ClientDisconnect:
        raise NotTaken(HTTPStatus.BAD_REQUEST, "signals.cut", "the body was cut short") from None


def _refuse_fast(pace: Pace) -> None:
    if wait := pace.take():
        raise _too_fast("signals.too_fast", "more signals a second than `signals.per_second_max`",
                        wait)  # fmt: skip


def _too_fast(kind: str, words: str, seconds: int) -> NotTaken:
    return NotTaken(HTTPStatus.TOO_MANY_REQUESTS, kind, words, retry_after_seconds=seconds)


def _new_id(now: datetime) -> str:
    """For a signal that came without one."""
    return f"web-{new_client_order_id(now).removeprefix('execbot-')}"


def _refusal(refusal: NotTaken) -> Response:
    headers = {}
    if refusal.retry_after_seconds is not None:
        headers["Retry-After"] = str(refusal.retry_after_seconds)
    if refusal.status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return _json(refusal.status, refusal.to_dict(), headers)


def _json(
    status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    return Response(
        msgspec.json.encode(body) + b"\n",
        status,
        {"Cache-Control": "no-store", **(headers or {})},
        media_type="application/json",
    )


async def _nothing_here(request: Request, error: Exception) -> Response:
    """No word about what is here: whoever should know has read it in docs/webhook.md."""
    return Response(b"", HTTPStatus.NOT_FOUND)
