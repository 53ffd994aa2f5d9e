"""Every way the exchange can misbehave, by name: what it strikes, its parameters, what it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Family(StrEnum):
    """What a rule is matched against."""

    REQUEST = "request"
    STREAM = "stream"
    CONNECT = "connect"
    DATA = "data"
    ORDER = "order"


class Kind(StrEnum):
    """Every way the exchange can misbehave."""

    # The reply to one HTTP request.
    REPLY_LOST = "reply_lost"
    REPLY_DELAYED = "reply_delayed"
    REQUEST_DELAYED = "request_delayed"
    REQUEST_LOST = "request_lost"
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    HTML_BODY = "html_body"
    TRUNCATED_JSON = "truncated_json"
    UNAUTHORIZED = "unauthorized"
    CANNED_REPLY = "canned_reply"
    CLOCK_SKEW = "clock_skew"
    BROKER_RESTART = "broker_restart"
    # Answers that are not true, while the exchange itself is right.
    POSITION_MISSING = "position_missing"
    POSITIONS_LATE = "positions_late"
    ACCOUNT_ZERO = "account_zero"
    EQUITY_OFF = "equity_off"
    ORDER_UNKNOWN = "order_unknown"
    ORDERS_LATE = "orders_late"
    FILL_ROW_ROUNDED = "fill_row_rounded"
    VALUE_SPOILT = "value_spoilt"
    # Events of the trade-updates stream.
    EVENT_DUPLICATED = "event_duplicated"
    EVENT_MISSING = "event_missing"
    EVENT_LATE = "event_late"
    EVENT_REORDERED = "event_reordered"
    STREAM_CUT = "stream_cut"
    STREAM_MUTED = "stream_muted"
    STREAM_ERROR = "stream_error"
    FRAME_SPOILT = "frame_spoilt"
    # Frames of the data streams.
    DATA_MUTED = "data_muted"
    DATA_FRAME_SPOILT = "data_frame_spoilt"
    # New stream connections.
    STREAM_REFUSED = "stream_refused"
    STREAM_UNAUTHORIZED = "stream_unauthorized"
    # Orders, inside the exchange.
    WRONG_FILLED_PRICE = "wrong_filled_price"
    PARTIAL_THEN_CANCEL = "partial_then_cancel"
    CANCEL_LOST = "cancel_lost"
    REPLACE_RACE = "replace_race"
    STUCK_PENDING_CANCEL = "stuck_pending_cancel"
    ACCEPTED_THEN_REJECTED = "accepted_then_rejected"
    FILLED_WITHOUT_QTY = "filled_without_qty"
    QTY_REDUCED = "qty_reduced"


@dataclass(frozen=True, slots=True)
class KindSpec:
    """What a kind is matched against, its parameters with their defaults, and what it does."""

    family: Family
    params: Mapping[str, Any]
    about: str
    method: str | None = None
    path: str | None = None
    # The symbol is one of the answer's rows: a request that names none is struck as well.
    rows: bool = False


_R, _S, _C, _O = Family.REQUEST, Family.STREAM, Family.CONNECT, Family.ORDER
_D = Family.DATA
_ORDERS, _ORDER, _STREAM = "/v2/orders", "/v2/orders/*", "/stream"
_POSITIONS = "/v2/positions*"
_SPOILT: Mapping[str, Any] = {"field": "", "json": None, "text": None}

KINDS: dict[Kind, KindSpec] = {
    Kind.REPLY_LOST: KindSpec(
        _R, {"seconds": 60.0, "how": "hang"}, "carried out, no answer (how: hang or reset)"
    ),
    Kind.REPLY_DELAYED: KindSpec(_R, {"seconds": 5.0}, "carried out, answered late"),
    Kind.REQUEST_DELAYED: KindSpec(_R, {"seconds": 5.0}, "carried out late, answered after it"),
    Kind.REQUEST_LOST: KindSpec(_R, {"seconds": 60.0}, "not carried out, and no answer"),
    Kind.RESET_BEFORE: KindSpec(_R, {}, "connection reset, not carried out"),
    Kind.RESET_AFTER: KindSpec(_R, {}, "carried out, then the connection is reset"),
    Kind.RATE_LIMITED: KindSpec(
        _R, {"retry_after": None, "headers": True, "handled": False}, "429"
    ),
    Kind.SERVER_ERROR: KindSpec(
        _R, {"status": 500, "handled": False, "html": None}, "500, 502, 503 or 504"
    ),
    Kind.HTML_BODY: KindSpec(
        _R, {"status": 200, "handled": True}, "an HTML page where JSON is due"
    ),
    Kind.TRUNCATED_JSON: KindSpec(
        _R, {"handled": True, "how": "body"}, "half of the JSON (how: body or connection)"
    ),
    Kind.UNAUTHORIZED: KindSpec(_R, {}, "401 for keys that were good before"),
    Kind.CANNED_REPLY: KindSpec(
        _R,
        {"status": 403, "body": None, "handled": False},
        "any answer: status and JSON body as given",
    ),
    Kind.CLOCK_SKEW: KindSpec(
        _R, {"seconds": 30.0}, "clock and Date header are off", "GET", "/v[23]/clock"
    ),
    Kind.BROKER_RESTART: KindSpec(
        _R, {"seconds": 2.0, "handled": True}, "connections die, the state is kept"
    ),
    Kind.POSITION_MISSING: KindSpec(
        _R,
        {},
        "positions: none (or not that of `symbol`), though nothing was sold",
        "GET",
        _POSITIONS,
        rows=True,
    ),
    Kind.POSITIONS_LATE: KindSpec(
        _R, {"seconds": 3.0}, "positions as they were so long ago", "GET", _POSITIONS, rows=True
    ),
    Kind.ACCOUNT_ZERO: KindSpec(
        _R,
        {"fields": None},
        "figures of the account are 0: those named, or all of money",
        "GET",
        "/v2/account",
    ),
    Kind.EQUITY_OFF: KindSpec(
        _R, {"factor": 1.5}, "equity that is not cash + long + short", "GET", "/v2/account"
    ),
    Kind.ORDER_UNKNOWN: KindSpec(
        _R,
        {"seconds": 60.0},
        "an order is in no list and 404 for so long after it was taken",
        "GET",
        "/v2/orders*",
        rows=True,
    ),
    Kind.ORDERS_LATE: KindSpec(
        _R,
        {"seconds": 5.0},
        "orders as they were so long ago, whatever the stream has told",
        "GET",
        "/v2/orders*",
        rows=True,
    ),
    Kind.FILL_ROW_ROUNDED: KindSpec(
        _R,
        {"decimals": 2},
        "prices of FILL activities are rounded",
        "GET",
        "/v2/account/activities*",
        rows=True,
    ),
    Kind.VALUE_SPOILT: KindSpec(
        _R,
        _SPOILT,
        "a value that cannot be: raw `json` at `field`, or `text` for the whole answer",
    ),
    Kind.EVENT_DUPLICATED: KindSpec(_S, {"times": 2}, "the event comes more than once"),
    Kind.EVENT_MISSING: KindSpec(_S, {}, "the event never comes"),
    Kind.EVENT_LATE: KindSpec(_S, {"seconds": 5.0}, "the event comes late"),
    Kind.EVENT_REORDERED: KindSpec(
        _S, {"seconds": 5.0}, "the event comes after the next one (or after `seconds`)"
    ),
    Kind.STREAM_CUT: KindSpec(
        _S, {"lose": True}, "the connection dies at the event (lose: the event with it)"
    ),
    Kind.STREAM_MUTED: KindSpec(
        _S, {"seconds": 3600.0}, "open but silent: events are lost for `seconds`"
    ),
    Kind.STREAM_ERROR: KindSpec(_S, {}, "an error frame, then the connection is closed"),
    Kind.FRAME_SPOILT: KindSpec(
        _S,
        {**_SPOILT, "extra": False},
        "a frame that cannot be, as above (extra: besides the true one)",
    ),
    Kind.DATA_MUTED: KindSpec(_D, {}, "data streams are open and silent: frames are lost"),
    Kind.DATA_FRAME_SPOILT: KindSpec(_D, _SPOILT, "a frame of a data stream that cannot be"),
    Kind.STREAM_REFUSED: KindSpec(
        _C, {"status": 429}, "a new connection is refused", None, _STREAM
    ),
    Kind.STREAM_UNAUTHORIZED: KindSpec(
        _C, {}, "good keys are refused on the stream", None, _STREAM
    ),
    Kind.WRONG_FILLED_PRICE: KindSpec(
        _O, {"factor": 1.01}, "the order shows another price than its executions", "POST", _ORDERS
    ),
    Kind.PARTIAL_THEN_CANCEL: KindSpec(
        _O, {"factor": 0.5}, "part is filled, the venue cancels the rest", "POST", _ORDERS
    ),
    Kind.CANCEL_LOST: KindSpec(_O, {}, "204, and the order works on", "DELETE", _ORDER),
    Kind.REPLACE_RACE: KindSpec(
        _O, {}, "the old order fills while the replace is on its way", "PATCH", _ORDER
    ),
    Kind.STUCK_PENDING_CANCEL: KindSpec(
        _O, {"delay_seconds": 0}, "pending_cancel, without an end or for so long", "DELETE", _ORDER
    ),
    Kind.ACCEPTED_THEN_REJECTED: KindSpec(
        _O, {"delay_seconds": 0}, "accepted, then rejected by the venue", "POST", _ORDERS
    ),
    Kind.FILLED_WITHOUT_QTY: KindSpec(
        _O, {}, "the order is `filled`, with no quantity and no execution ever", "POST", _ORDERS
    ),
    Kind.QTY_REDUCED: KindSpec(
        _O,
        {"factor": 0.5},
        "the broker reduces the order to a share of what it has filled",
        "POST",
        _ORDERS,
    ),
}
