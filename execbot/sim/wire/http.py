"""HTTP in values: reading a request, writing a reply, and the bodies of a gateway."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from execbot.sim.types import ApiError, Request, Response

JSON = "application/json; charset=UTF-8"
HTML = "text/html"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"cannot be sent as JSON: {type(value).__name__}")


# Five times as fast as the standard library's. A `Decimal` is written as a number.
encode: Callable[[Any], bytes] = msgspec.json.Encoder(
    decimal_format="number", enc_hook=_plain
).encode


def reply(payload: Any, status: int = 200) -> Response:
    return Response(status, encode(payload), {}, JSON)


def error_reply(error: ApiError) -> Response:
    """Alpaca's error body: `code` where there is one, `message`, and what the refusal adds."""
    body: dict[str, Any] = {} if error.code is None else {"code": error.code}
    body["message"] = error.message
    body.update(error.extra)
    return reply(body, error.status)


_REASONS = {
    200: "OK",
    401: "Authorization Required",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}


def gateway_page(status: int) -> Response:
    """The page that a proxy in front of the API answers with."""
    title = f"{status} {_REASONS.get(status, 'Error')}"
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n<hr><center>nginx</center>\r\n"
        "</body>\r\n</html>\r\n"
    )
    return Response(status, page.encode(), {}, HTML)


def parse_query(text: str) -> dict[str, str]:
    """A query string; a name that comes twice is joined with a comma, as lists are written.

    A parameter without a value (`status=`) is none: clients send them for filters not in use.
    """
    if not text:
        return {}
    found: dict[str, str] = {}
    for name, value in parse_qsl(text):
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def make_request(
    method: str, target: str, headers: Mapping[str, str], body: bytes | None
) -> Request:
    """A request from its parts; `target` is the path with its query, still percent-encoded."""
    target, _, query = target.partition("?")
    path = tidy(target)
    lowered = {name.lower(): readable(value) for name, value in headers.items()}
    return Request(method.upper(), path, parse_query(query), lowered, body or b"")


def readable(text: str) -> str:
    """The text with a question mark for what no encoding can write."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def tidy(path: str) -> str:
    """The path as a tolerant server reads it: no empty parts (`//v2/orders`, of a base URL that
    ends with a slash), and a colon that was encoded (`orders%3Aby_client_order_id`) is a colon.
    """
    return _SLASHES.sub("/", path).replace("%3A", ":").replace("%3a", ":")


_SLASHES = re.compile("/{2,}")


def credentials(headers: Mapping[str, str], query: Mapping[str, str]) -> tuple[str, str] | None:
    """Key and secret from Alpaca's headers, HTTP Basic or a bearer token; None without any."""
    key = headers.get("apca-api-key-id")
    if key:
        return key, headers.get("apca-api-secret-key", "")
    scheme, _, value = headers.get("authorization", "").partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer" and value:
        return value, ""
    if scheme.lower() == "basic" and value:
        try:
            user, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
        except (ValueError, UnicodeDecodeError):
            return None
        return (user, secret) if user else None
    return None


def segments(path: str) -> list[str]:
    """The parts of a path, decoded one by one so that `BTC%2FUSD` stays one part."""
    return [unquote(part) for part in path.strip("/").split("/")]


def decode(body: bytes, decoder: json.JSONDecoder | None = None) -> Any:
    """As `json.loads`, with one decoder for all requests; a byte order mark is no part of it.
    Raises ValueError.
    """
    try:
        value = (decoder or _decoder).decode(body.decode("utf-8-sig"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if b"\\u" in body:
        # Half of a surrogate pair is no text: nothing could write it down again.
        json.dumps(value, ensure_ascii=False, default=str).encode()
    return value


_decoder = json.JSONDecoder(parse_float=Decimal)


def json_body(request: Request) -> dict[str, Any]:
    """The JSON object of a request; numbers with a point become `Decimal`.

    Raises `ApiError` (400) for anything else.
    """
    if not request.body.strip():
        return {}
    try:
        value = decode(request.body)
    except ValueError:
        raise ApiError(400, 40010000, "request body format is invalid") from None
    if not isinstance(value, dict):
        raise ApiError(400, 40010000, "request body format is invalid")
    return value
