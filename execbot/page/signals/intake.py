"""From the bytes of a delivery to a signal that is worth keeping, or the reason why not. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Struct

from execbot.config.schema import TradingSettings
from execbot.model.signal import Signal, SignalError, decoded, read_signal
from execbot.page.signals.refusals import NotTaken, not_a_signal, unreadable
from execbot.page.signals.secrets import SECRET_FIELD, Secret, bearer_of, refuse_leftovers
from execbot.page.signals.tradingview import Stance, is_alert, read_alert

_BOM = b"\xef\xbb\xbf"
_NUMBERS = ("strength", "confidence", "ttl_seconds")
"""They are JSON numbers in a signal's line, the others decimal text."""


ENTRY_SUFFIX = ".open"
ID_LENGTH_MAX = 96
"""Of a signal's id."""


class Source:
    """In which of the two shapes a signal came."""

    JSON = "json"
    TRADINGVIEW = "tradingview"


class Delivered(Struct, frozen=True):
    """A signal as it came. `content` is what two bare deliveries are told apart by; `is_bare` has
    neither an id nor what one follows from. `previous`: how its strategy stood before it. `entry`:
    what comes after it, where it is the close of a reversal."""

    signal: Signal
    source: str
    content: str
    is_bare: bool
    previous: Stance | None = None
    entry: Signal | None = None


class Sent(Struct, frozen=True):
    """One request as it came from the wire, without what the decision does not need."""

    body: bytes
    authorization: str | None = None
    in_path: str | None = None


def authenticated(sent: Sent, secret: Secret) -> dict[str, Any]:
    """The body's fields without the secret. Raises NotTaken: 401, or 422 for what is no object.

    Without a right secret nothing is said about the body, not even that it is no JSON.
    """
    is_known = secret.matches(bearer_of(sent.authorization)) or secret.matches(sent.in_path)
    try:
        fields = decoded(sent.body.removeprefix(_BOM))
    except SignalError as error:
        raise not_a_signal(error) if is_known else refused_secret() from None
    if not isinstance(fields, dict):
        if not is_known:
            raise refused_secret()
        raise unreadable("a signal is a JSON object", field="body")
    given = fields.pop(SECRET_FIELD, None)
    if not (is_known or secret.matches(given)):
        raise refused_secret()
    refuse_leftovers(secret, fields)
    return fields


def refused_secret() -> NotTaken:
    """401, the same words for none and for a wrong one."""
    return NotTaken(
        HTTPStatus.UNAUTHORIZED,
        "auth.signals_secret",
        "the secret is missing or wrong",
        hint="It goes into `Authorization: Bearer`, or into the field `secret` of the body.",
    )


def delivered(
    fields: Mapping[str, Any], settings: TradingSettings, *, now: datetime, new_id: str
) -> Delivered:
    """The signal that these fields say; `new_id` where nothing says one.

    Raises NotTaken (422) with the field at fault.
    """
    content = hashlib.sha256(_canonical(fields).encode()).hexdigest()
    previous, then, source, given = None, None, Source.JSON, fields
    if is_alert(fields):
        alert = read_alert(fields, settings.signals)
        previous, then, source, given = (
            alert.previous, alert.entry, Source.TRADINGVIEW, alert.fields,
        )  # fmt: skip
    try:
        signal = read_signal(given, now=now, new_id=new_id)
        entry = None
        if then is not None:
            entry = read_signal(then, now=now, new_id=entry_id_of(signal.id))
    except SignalError as error:
        raise not_a_signal(_renamed(error, source)) from None
    _refuse_old(signal, settings, now, source)
    return Delivered(signal, source, content, given.get("id") is None, previous, entry)


def entry_id_of(close_id: str) -> str:
    """The id of the entry of a reversal: it follows from the close's, so that each acts once."""
    if len(close_id) + len(ENTRY_SUFFIX) > ID_LENGTH_MAX:
        close_id = hashlib.sha256(close_id.encode()).hexdigest()
    return f"{close_id}{ENTRY_SUFFIX}"


_ALERT_NAMES = {
    "symbol": "ticker",
    "side": "action",
    "strategy_id": "strategy",
    "created_at": "timenow",
    "expected_price": "price",
}


def _renamed(error: SignalError, source: str) -> SignalError:
    """The field as the template calls it."""
    if source != Source.TRADINGVIEW or error.field not in _ALERT_NAMES:
        return error
    said = error.message.removeprefix(f"{error.field}: ")
    return SignalError(said, field=_ALERT_NAMES[error.field], hint=error.hint)


def _refuse_old(signal: Signal, settings: TradingSettings, now: datetime, source: str) -> None:
    """Alerts that were held up somewhere are sent again a day later."""
    ends = signal.expires_at(settings.signal_ttl_seconds)
    if now < ends:
        return
    name = _ALERT_NAMES["created_at"] if source == Source.TRADINGVIEW else "created_at"
    late = (now - ends).total_seconds()
    raise NotTaken(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "signal.stale",
        f"its time to live ended {late:.0f} s ago",
        field=name,
        hint="`signal_ttl_seconds` in trading.yaml says how long a signal is good for.",
    )


def line_of(signal: Signal) -> bytes:
    """The signal as one line of `execbot signal -`: read back it is the same."""
    data: dict[str, Any] = signal.to_dict()
    data |= {name: msgspec.Raw(data[name].encode()) for name in _NUMBERS if name in data}
    return msgspec.json.encode(data) + b"\n"


def _canonical(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> str:
    return str(value.normalize()) if isinstance(value, Decimal) else repr(value)
