"""One typed error for everything that can go wrong between us and the broker.

    BrokerError                    everything below; catch this one
    ├── AuthenticationError        the keys were not accepted (REST or stream)
    ├── RequestRefused             understood and refused: nothing happened at the broker
    │   ├── DuplicateClientOrderId it is there already
    │   └── NotFound               definitively absent
    ├── RateLimited                429: not executed
    ├── BrokerUnavailable          5xx: a write may have happened
    ├── BadReply                   an answer, but not one that the API documents
    │   └── UnreadRow              an order or a position with an impossible value
    ├── NetworkError               no answer: refused, timed out, reset, name not found, TLS
    └── StreamError                a WebSocket session that cannot go on

Ours and theirs are told apart: whatever we refuse ourselves before sending is no BrokerError.
Classification is pure; the table of refusals is `error_table`.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from execbot.broker.clock import read_date
from execbot.broker.error_table import ROWS
from execbot.broker.proxy import ProxyRefused, ProxyUnusable
from execbot.broker.remedy import CATEGORY_OF, READ_AGAIN_NEXT, Remedy, Row
from execbot.model.enums import ErrorCategory
from execbot.model.errors import ExecbotError
from execbot.model.json_in import read_json
from execbot.model.unread import Unread

TEXT_LIMIT = 300
"""How much of a broker's text is kept for people; a gateway may answer with a whole page."""

RETRY_AFTER_LIMIT_SECONDS = 300.0
"""A rate limit is per minute: a longer announced wait is a clock that differs, not a wait."""

WRITE_METHODS = frozenset({"POST", "PATCH", "PUT", "DELETE"})


class BrokerError(ExecbotError):
    """`kind` is a stable slug for programs; message, hint and next_step are what, why, what next.

    `in_doubt` is True when a write may have happened: only a look-up can tell, never a guess.
    `said` is the broker's own text, `url` the server that was asked. `extra` holds the other fields
    of its body, for instance buying_power and cost_basis. `retry_after_seconds` is set on a rate
    limit where known.
    """

    def __init__(
        self,
        kind: str,
        message: str,
        hint: str = "",
        next_step: str = "",
        remedy: Remedy = Remedy.FATAL_REQUEST,
        status: int | None = None,
        code: int | None = None,
        said: str = "",
        request_id: str | None = None,
        extra: Mapping[str, Any] | None = None,
        in_doubt: bool = False,
        client_order_id: str | None = None,
        retry_after_seconds: float | None = None,
        url: str = "",
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint
        self.next_step = next_step
        self.remedy = remedy
        self.status = status
        self.code = code
        self.said = said
        self.request_id = request_id
        self.extra: Mapping[str, Any] = {} if extra is None else extra
        self.in_doubt = in_doubt
        self.client_order_id = client_order_id
        self.retry_after_seconds = retry_after_seconds
        self.url = url

    @property
    def category(self) -> ErrorCategory:
        return CATEGORY_OF[self.remedy]

    @property
    def outcome(self) -> str:
        """`rejected` only for an order that the broker saw and refused."""
        if self.in_doubt:
            return "in_doubt"
        return "rejected" if self.client_order_id else "not_sent"

    @property
    def facts(self) -> Mapping[str, Any]:
        names = ("code", "status", "request_id", "client_order_id", "url")
        return {name: getattr(self, name) for name in names}

    def __str__(self) -> str:
        facts = [str(part) for part in (self.status, self.code) if part is not None]
        if self.said and self.said not in self.message:
            facts.append(self.said)
        return f"{self.message} [{' '.join(facts)}]" if facts else self.message


class AuthenticationError(BrokerError):
    """The keys were not accepted. Retrying cannot help."""


class RequestRefused(BrokerError):
    """The broker understood the request and refused it: nothing happened."""


class DuplicateClientOrderId(RequestRefused):
    """An order with this client_order_id exists: look it up."""


class NotFound(RequestRefused):
    """The order, position or asset does not exist in this account: definitive."""


class RateLimited(BrokerError):
    """Too many requests. The request was not executed."""


class BrokerUnavailable(BrokerError):
    """The broker failed (5xx). A write may have happened all the same."""


class BadReply(BrokerError):
    """The reply was not what the API documents: HTML, empty, broken JSON, a redirect."""


class UnreadRow(BadReply):
    """One order or position with an impossible value in its answer: unknown, not absent."""

    unread: Unread | None = None

    @classmethod
    def of(cls, unread: Unread, method: str, client_order_id: str | None = None) -> UnreadRow:
        in_doubt = method.upper() in WRITE_METHODS
        error = cls(
            kind="broker.bad_reply",
            message=f"The broker's reply is impossible: {unread}",
            hint="It is not believed. What was known before still counts.",
            next_step=_DOUBT_NEXT if in_doubt else "run it again; ask Alpaca if it stays so",
            remedy=Remedy.IN_DOUBT if in_doubt else Remedy.RETRY,
            in_doubt=in_doubt,
            client_order_id=client_order_id,
        )
        error.unread = unread
        return error


class NetworkError(BrokerError):
    """No reply at all."""


class StreamError(BrokerError):
    """A WebSocket session that cannot go on by reconnecting."""


def classify(
    status: int,
    body_text: str,
    headers: Mapping[str, str],
    *,
    method: str,
    path: str,
    now: datetime | None = None,
    client_order_id: str | None = None,
) -> BrokerError:
    """Turn a reply that is not a success into its error. Pure.

    `headers` is read without regard to case. `now` serves only to turn X-RateLimit-Reset into
    seconds to wait; the reply's own Date header is preferred.
    """
    reply = _read_body(body_text)
    lowered = {name.lower(): value for name, value in headers.items()}
    is_write = method.upper() in WRITE_METHODS
    row = _find_row(status, reply)
    base: dict[str, Any] = {
        "status": status,
        "code": reply.code,
        "said": reply.text,
        "extra": reply.extra,
        "request_id": lowered.get("x-request-id"),
        "client_order_id": client_order_id,
    }
    if row is None:
        return _unlisted(status, method, path, reply, base)
    in_doubt = row.remedy is Remedy.IN_DOUBT and is_write
    remedy, next_step, hint = row.remedy, row.next_step, row.hint
    if row.remedy is Remedy.IN_DOUBT and not is_write:
        remedy, next_step, hint = Remedy.RETRY, READ_AGAIN_NEXT, "Nothing was changed."
    if row.remedy is Remedy.RETRY_AFTER:
        base["retry_after_seconds"] = retry_after(lowered, now)
    return _class_of(row)(
        kind=row.kind,
        message=row.says + _facts(reply.extra),
        hint=hint,
        next_step=next_step,
        remedy=remedy,
        in_doubt=in_doubt,
        **base,
    )


def bad_reply(
    reason: str,
    *,
    method: str,
    status: int,
    body_text: str = "",
    headers: Mapping[str, str] | None = None,
    client_order_id: str | None = None,
) -> BadReply:
    """A success status whose body cannot be used. A write was most likely carried out."""
    in_doubt = method.upper() in WRITE_METHODS
    lowered = {name.lower(): value for name, value in (headers or {}).items()}
    return BadReply(
        kind="broker.bad_reply",
        message=f"The broker's reply could not be read: {reason}",
        hint="A proxy in between, or a server that does not speak Alpaca's protocol.",
        next_step=_DOUBT_NEXT if in_doubt else "check the URL with `execbot doctor`",
        remedy=Remedy.IN_DOUBT if in_doubt else Remedy.RETRY,
        status=status,
        said=_read_body(body_text).text,
        request_id=lowered.get("x-request-id"),
        in_doubt=in_doubt,
        client_order_id=client_order_id,
    )


_DOUBT_NEXT = "run `execbot reconcile`; never send it again by hand"


class HeldUp(TimeoutError):
    """The request came too late: its deadline passed before a byte left."""


class NetworkRow(NamedTuple):
    """`errors` are matched by class."""

    errors: tuple[type[BaseException], ...]
    kind: str
    says: str
    hint: str


TLS_ROW = NetworkRow(
    (),
    "network.tls",
    "No secure connection to the broker could be made",
    "A wrong clock, a proxy that replaces certificates, or a wrong host.",
)
NETWORK_ROWS: tuple[NetworkRow, ...] = (
    NetworkRow(
        (HeldUp,),
        "network.held_up",
        "Not sent: the request was held up on this machine for too long",
        "The machine was suspended, or has far too much to do.",
    ),
    NetworkRow(
        (ProxyUnusable, ProxyRefused),
        "network.proxy",
        "The proxy opened no way to the broker",
        "HTTPS_PROXY or ALL_PROXY names it; NO_PROXY names hosts that are reached without it.",
    ),
    NetworkRow(
        (socket.gaierror,),
        "network.dns",
        "The broker's host name was not found",
        "No network, or a mistyped URL.",
    ),
    NetworkRow(
        (ConnectionRefusedError,),
        "network.refused",
        "Nothing listens at the broker's address",
        "The server is down, or the URL's host or port is wrong.",
    ),
    NetworkRow(
        (TimeoutError,),
        "network.timeout",
        "The broker did not answer in time",
        "A slow network, or a server that hangs.",
    ),
    NetworkRow(
        (ConnectionError,),
        "network.reset",
        "The connection to the broker broke",
        "The other side or something in between closed it.",
    ),
    NetworkRow(
        (Exception,),
        "network.failed",
        "The connection to the broker failed",
        "No route, a firewall, or no network.",
    ),
)


def classify_transport(
    exc: BaseException,
    *,
    method: str,
    sent: bool,
    client_order_id: str | None = None,
    url: str = "",
) -> NetworkError:
    """Turn a failure without a reply into its error. Pure.

    `sent` says whether any byte of the request may have left this machine. A write that left is in
    doubt; anything else did not happen, or changed nothing. `url` is the server that was asked.
    """
    in_doubt = sent and method.upper() in WRITE_METHODS
    row = _network_row(exc)
    words = plain_line(str(getattr(exc, "strerror", None) or exc))
    hint = f"{row.hint} The system says: {words}." if words else row.hint
    if in_doubt:
        hint += " The request had left, so it may have been carried out."
    return NetworkError(
        kind=row.kind,
        message=f"{row.says}: {url}" if url else row.says,
        hint=hint,
        next_step=_DOUBT_NEXT if in_doubt else "check the network, then try again",
        remedy=Remedy.IN_DOUBT if in_doubt else Remedy.RETRY,
        said=plain_line(str(exc)),
        in_doubt=in_doubt,
        client_order_id=client_order_id,
        url=url,
    )


def _network_row(exc: BaseException) -> NetworkRow:
    # By name: importing ssl only to recognise its error would slow every start.
    if any(base.__name__ == "SSLError" for base in type(exc).__mro__):
        return TLS_ROW
    return next(row for row in NETWORK_ROWS if isinstance(exc, row.errors))


def plain_line(text: str) -> str:
    """One short printable line: no markup, no control characters, bounded."""
    if "<" in text and ">" in text:
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        text = title.group(1) if title else re.sub(r"<[^>]*>", " ", text[: TEXT_LIMIT * 20])
    words = "".join(char if char.isprintable() else " " for char in text).split()
    line = " ".join(words)
    return line if len(line) <= TEXT_LIMIT else line[: TEXT_LIMIT - 1] + "…"


def retry_after(lowered_headers: Mapping[str, str], now: datetime | None) -> float | None:
    """Seconds to wait by Retry-After or X-RateLimit-Reset (epoch seconds); None when unsaid."""
    after = _number(lowered_headers.get("retry-after"))
    if after is None:
        reset = _number(lowered_headers.get("x-ratelimit-reset"))
        at = read_date(lowered_headers.get("date")) or now
        if reset is None or at is None:
            return None
        after = reset - at.timestamp()
    return min(max(after, 0.0), RETRY_AFTER_LIMIT_SECONDS)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if abs(number) < 1e12 else None


class _Body:
    """The fields of an error body."""

    __slots__ = ("code", "extra", "is_json", "text")

    def __init__(
        self, text: str, code: int | None, extra: Mapping[str, Any], is_json: bool
    ) -> None:
        self.text, self.code, self.extra, self.is_json = text, code, extra, is_json


def _read_body(body_text: str) -> _Body:
    """Alpaca's `{"code", "message", …}`, a body without either, a page of HTML, or nothing."""
    try:
        data = read_json(body_text) if body_text.strip() else None
    except ValueError:
        data = None
    if not isinstance(data, dict):
        return _Body(plain_line(body_text), None, {}, False)
    message = data.get("message") or data.get("error") or data.get("msg") or ""
    code = data.get("code")
    number = int(str(code)) if re.fullmatch(r"[0-9]{1,12}", str(code)) else None
    extra = {k: v for k, v in data.items() if k not in ("code", "message", "error", "msg")}
    return _Body(plain_line(str(message)), number, extra, True)


def _find_row(status: int, reply: _Body) -> Row | None:
    for row in ROWS:
        if status not in row.statuses:
            continue
        if row.when is not None and not row.when(reply.extra):
            continue
        if not row.pattern:
            return row
        # Only the API's own words are trusted to be definitive, not those of a page in between.
        trusted = reply.is_json or row.kind.startswith("auth.")
        if trusted and re.search(row.pattern, reply.text, re.IGNORECASE):
            return row
    return None


_FACTS_SHOWN = (
    "buying_power",
    "daytrading_buying_power",
    "options_buying_power",
    "cost_basis",
    "existing_qty",
    "held_for_orders",
    "available",
    "balance",
    "base_price",
    "market_price",
    "stop_price",
    "reject_reason",
    "existing_order_id",
    "related_orders",
)


def _facts(extra: Mapping[str, Any]) -> str:
    """The numbers Alpaca gives with a refusal: ` (buying_power 400000, cost_basis 8177000)`."""
    found = [f"{name} {_plain(extra[name])}" for name in _FACTS_SHOWN if extra.get(name)]
    return f" ({', '.join(found)})" if found else ""


def _plain(value: object) -> str:
    if isinstance(value, list | tuple):
        return " ".join(plain_line(str(item)) for item in value)
    return plain_line(str(value))


_CLASSES: dict[Remedy, type[BrokerError]] = {
    Remedy.DUPLICATE: DuplicateClientOrderId,
    Remedy.NOT_FOUND: NotFound,
    Remedy.RETRY_AFTER: RateLimited,
    Remedy.IN_DOUBT: BrokerUnavailable,
}


def _class_of(row: Row) -> type[BrokerError]:
    if row.kind.startswith("auth."):
        return AuthenticationError
    if row.statuses == (404,):
        return NotFound
    return _CLASSES.get(row.remedy, RequestRefused)


def _unlisted(
    status: int, method: str, path: str, reply: _Body, base: dict[str, Any]
) -> BrokerError:
    """The error for a status or a wording that the table does not list."""
    if 300 <= status < 400:
        return BadReply(
            kind="broker.redirected",
            message="The server sent us elsewhere instead of answering",
            hint="Redirects are not followed: an order must not wander. The URL is not the API's.",
            next_step="check the URL with `execbot doctor`",
            **base,
        )
    # Timeouts and conflicts are said on the way as often as by the API, in either's form: they are
    # no proof that the order was not taken.
    in_doubt = method.upper() in WRITE_METHODS and status in (408, 409, 425)
    if 400 <= status < 500 and reply.is_json and not in_doubt:
        said = reply.text or f"HTTP {status}"
        return RequestRefused(
            kind="broker.rejected",
            message=f"The broker refused the request: {said}",
            hint="A refusal that execbot has no further explanation for.",
            next_step="correct the request; Alpaca's support can look up the request id",
            **base,
        )
    return BadReply(
        kind="broker.bad_reply",
        message=f"The answer to {method} {path.partition('?')[0]} was not Alpaca's (HTTP {status})",
        hint="A proxy in between, or a server that does not speak Alpaca's protocol.",
        next_step=_DOUBT_NEXT if in_doubt else "check the URL with `execbot doctor`",
        remedy=Remedy.IN_DOUBT if in_doubt else Remedy.FATAL_REQUEST,
        in_doubt=in_doubt,
        **base,
    )
