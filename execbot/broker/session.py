"""One account's requests: keys, the rate budget, the transport, and what came back.

A write is sent once and its failure says whether it is in doubt. Only reads are tried again, and
only where nothing can have happened.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from execbot.broker.budget import RateBudget, RequestPriority, priority_of_reads
from execbot.broker.errors import (
    BrokerError,
    RateLimited,
    bad_reply,
    classify,
    classify_transport,
)
from execbot.broker.http import HttpReply, IsLate, SecretHeaders, Transport, TransportFailure
from execbot.broker.remedy import Remedy
from execbot.model.json_in import read_json
from execbot.model.retrying import Attempts, Backoff, RetryAfter, error_of, retried
from execbot.model.timer import Timer

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from execbot.broker.clock import BrokerClock

Host = Literal["trading", "data"]

READ_ATTEMPTS = Attempts(3)
READ_WAIT = RetryAfter(Backoff(first=0.5, most=2.0, least=0.25), spread=0.25)
READ_RETRY_SECONDS_MAX = 5.0
"""A read that would have to wait longer than this for the rate limit is reported instead."""

WRITE_PATIENCE_SHARE = 0.1
"""Of the timeout: how long a write may wait for its turn in the rate budget. Whoever sends it has
written down when, and others may conclude that it did not arrive; a wait belongs before that."""

KEY_LENGTH_MIN = 8
"""Alpaca's keys have 20 characters and more. The made-up ones of a local exchange may be words
that also occur in its messages, and hide nothing."""


class Call(Struct, frozen=True):
    """One request, as the caller asked for it."""

    host: Host
    method: str
    path: str
    query: Mapping[str, str] | None = None
    body: Mapping[str, Any] | None = None
    priority: RequestPriority = RequestPriority.READ
    client_order_id: str | None = None
    is_late: IsLate | None = None


class Exchanged(Struct, frozen=True):
    """An observer's record of one request: the request id can be read only now."""

    method: str
    path: str
    status: int | None
    request_id: str | None
    seconds: float
    error: str | None = None


class RestSession:
    """Sends calls. `open_transport` makes the transport of a host at its first use."""

    def __init__(
        self,
        api_key: str,
        secret_key: str,
        *,
        open_transport: Callable[[Host], Transport],
        url_of: Callable[[Host], str] = lambda host: "",
        timeout_seconds: float,
        requests_per_minute: int | None,
        now: Callable[[], datetime],
        timer: Timer = Timer(),
        observer: Callable[[Exchanged], None] | None = None,
        clock: BrokerClock | None = None,
    ) -> None:
        self._keys = SecretHeaders({"APCA-API-KEY-ID": api_key, "APCA-API-SECRET-KEY": secret_key})
        self._open_transport = open_transport
        self._url_of = url_of
        self._transports: dict[Host, Transport] = {}
        self._timeout_seconds = timeout_seconds
        self._now = now
        self._timer = timer
        self._observer = observer
        self._clock = clock
        self.budgets: dict[Host, RateBudget] = {}
        if requests_per_minute is not None:
            self.budgets = {
                "trading": RateBudget(requests_per_minute, timer=timer),
                "data": RateBudget(requests_per_minute, timer=timer),
            }

    @property
    def keys(self) -> tuple[str, str]:
        return self._keys["APCA-API-KEY-ID"], self._keys["APCA-API-SECRET-KEY"]

    def close(self) -> None:
        transports, self._transports = self._transports, {}
        for transport in transports.values():
            transport.close()

    def open_ahead(self, host: Host, count: int) -> None:
        """Start to open connections, if the transport has any."""
        begin = getattr(self._transport(host), "open_ahead", None)
        if begin is not None and count > 0:
            begin(count, timeout_seconds=self._timeout_seconds)

    def get_object(self, call: Call, *, key: str = "") -> Mapping[str, Any]:
        """Send and read a JSON object, which must have a value under `key`. Raises BrokerError."""
        reply = self.send(call)
        with self._naming_server(call):
            data = parse_json(reply, call)
            if not isinstance(data, Mapping):
                raise _unreadable(reply, call, "an object was expected")
            if key and not data.get(key):
                raise _unreadable(reply, call, f"it has no {key}")
        return data

    def get_list(self, call: Call) -> list[Mapping[str, Any]]:
        """Send and read a JSON array of objects. Raises BrokerError."""
        reply = self.send(call)
        if call.method == "DELETE" and not reply.text.strip():
            return []
        with self._naming_server(call):
            data = parse_json(reply, call)
            if not isinstance(data, list):
                raise _unreadable(reply, call, "a list was expected")
        # What is no object stays in the list as one that nobody can read: it is not absent.
        return [row if isinstance(row, Mapping) else {"": row} for row in data]

    def send(self, call: Call) -> HttpReply:
        """Send once; repeat a read a few times if its failure was harmless."""
        if call.method != "GET":
            return self._send_once(call)
        return retried(
            lambda: self._send_once(call),
            may_retry=may_read_again,
            wait=wait_before_read,
            stop=READ_ATTEMPTS,
            sleep=self._timer.sleep,
        )

    def _send_once(self, call: Call) -> HttpReply:
        transport = self._transport(call.host)
        budget = self.budgets.get(call.host)
        if budget is not None:
            priority, patience = call.priority, self._timeout_seconds
            if call.method == "GET":
                priority = min(priority, priority_of_reads())
            else:
                patience *= WRITE_PATIENCE_SHARE
            wait = budget.acquire(priority, patience_seconds=patience)
            if wait > 0:
                raise _held_back(call, wait)
        started = self._timer.monotonic()
        try:
            reply = self._exchange(transport, call)
        except BrokerError as error:
            self._report(call, None, started, error)
            raise
        if self._clock is not None:
            self._clock.observe(reply.headers.get("date"), reply.headers.get("x-clock-speed"))
        refused = None if 200 <= reply.status < 300 else self._classified(reply, call)
        if budget is not None:
            after = refused.retry_after_seconds if refused is not None else None
            budget.observe(reply.status, reply.headers, after)
        self._report(call, reply, started, refused)
        if refused is not None:
            raise refused
        return reply

    def _exchange(self, transport: Transport, call: Call) -> HttpReply:
        headers = SecretHeaders(self._keys)
        headers["Accept"] = "application/json"
        payload = None
        if call.body is not None:
            payload = json.dumps(call.body, separators=(",", ":")).encode()
            headers["Content-Type"] = "application/json"
        deadline = {} if call.is_late is None else {"is_late": call.is_late}
        try:
            return transport.send(
                call.method,
                call.path,
                query=call.query,
                body=payload,
                headers=headers,
                timeout_seconds=self._timeout_seconds,
                **deadline,
            )
        except TransportFailure as failure:
            cause, sent = failure.cause, failure.sent
        except OSError as exc:  # a transport of somebody else's: assume the worse
            cause, sent = exc, True
        raise classify_transport(
            cause,
            method=call.method,
            sent=sent,
            client_order_id=call.client_order_id,
            url=self._url_of(call.host),
        )

    def _classified(self, reply: HttpReply, call: Call) -> BrokerError:
        found = classify(
            reply.status,
            self._without_keys(reply.text),
            reply.headers,
            method=call.method,
            path=call.path,
            now=self._now(),
            client_order_id=call.client_order_id,
        )
        found.url = self._url_of(call.host)
        if found.retry_after_seconds is not None and self._clock is not None:
            found.retry_after_seconds = self._clock.seconds_here(found.retry_after_seconds)
        return found

    @contextmanager
    def _naming_server(self, call: Call) -> Iterator[None]:
        """Adds the server's URL to an error that is raised inside."""
        try:
            yield
        except BrokerError as error:
            error.url = self._url_of(call.host)
            raise

    def _transport(self, host: Host) -> Transport:
        found = self._transports.get(host)
        if found is None:
            found = self._transports.setdefault(host, self._open_transport(host))
        return found

    def _report(
        self, call: Call, reply: HttpReply | None, started: float, error: BrokerError | None
    ) -> None:
        if self._observer is None:
            return
        self._observer(
            Exchanged(
                call.method,
                call.path,
                reply.status if reply else None,
                reply.headers.get("x-request-id") if reply else None,
                self._timer.monotonic() - started,
                error.kind if error else None,
            )
        )

    def _without_keys(self, body_text: str) -> str:
        """Removes the keys from the text: a server may echo what we sent."""
        for key in self._keys.values():
            if len(key) >= KEY_LENGTH_MIN:
                body_text = body_text.replace(key, "***")
        return body_text


def _held_back(call: Call, wait: float) -> RateLimited:
    """The error when our share of the rate limit stays used up for longer than a caller waits."""
    return RateLimited(
        kind="broker.rate_limited",
        message=f"Not sent: the broker's rate limit is used up for {wait:.0f} more seconds",
        hint="Part of the limit is kept back for exits and cancels; other programs count too.",
        next_step="wait a minute, then try again",
        remedy=Remedy.RETRY_AFTER,
        client_order_id=call.client_order_id,
        retry_after_seconds=wait,
    )


def may_read_again(error: Exception) -> bool:
    """Is a failed read worth another try? Pure.

    No if the server refused, is unknown or is silent: a person waits for the answer.
    """
    if not isinstance(error, BrokerError):
        return False
    if error.kind == "broker.rate_limited":
        return (error.retry_after_seconds or 0.0) <= READ_RETRY_SECONDS_MAX
    if error.kind == "network.reset":
        return True
    return error.status is not None and error.status >= 500


def wait_before_read(tries: RetryCallState) -> float:
    """Seconds until a failed read is tried again."""
    error = error_of(tries)
    is_first = tries.attempt_number == 1
    if is_first and isinstance(error, BrokerError) and error.kind == "network.reset":
        return 0.0  # most likely only the kept connection was old
    return READ_WAIT(tries)


def parse_json(reply: HttpReply, call: Call) -> Any:
    """Market data sends its numbers as JSON numbers: they become Decimal, never float."""
    try:
        return read_json(reply.text, parse_float=Decimal if call.host == "data" else None)
    except ValueError:
        reason = "it was empty" if not reply.text.strip() else "it was not JSON"
    raise _unreadable(reply, call, reason)


def _unreadable(reply: HttpReply, call: Call, reason: str) -> BrokerError:
    return bad_reply(
        reason,
        method=call.method,
        status=reply.status,
        body_text=reply.text,
        headers=reply.headers,
        client_order_id=call.client_order_id,
    )
