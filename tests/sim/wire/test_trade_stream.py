"""Goal: the trade-updates protocol, frame by frame. Method: the state machine without sockets."""

from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest

from execbot.sim.wire.trade_stream import Encoding, TradeStream

LISTEN = {"action": "listen", "data": {"streams": ["trade_updates"]}}
EVENT = b'{"stream":"trade_updates","data":{"event":"new"}}'


def accounts(key: str, secret: str) -> str | None:
    return None if key == "bad" else f"account of {key}"


def send(stream: TradeStream, message: Any) -> list[Any]:
    data = message if isinstance(message, str | bytes) else json.dumps(message)
    return [json.loads(frame) for frame in stream.receive(data)]


@pytest.mark.parametrize(
    "message",
    [
        {"action": "auth", "key": "k", "secret": "s"},
        {"action": "authenticate", "data": {"key_id": "k", "secret_key": "s"}},
    ],
)
def test_both_published_forms_of_auth_are_taken(message: Any) -> None:
    stream = TradeStream(accounts)
    assert send(stream, message) == [
        {
            "stream": "authorization",
            "data": {"status": "authorized", "action": "authenticate"},
        }
    ]
    assert stream.account_id == "account of k"


def test_refused_key_is_unauthorized_and_may_try_again() -> None:
    stream = TradeStream(accounts)
    refused = send(stream, {"action": "auth", "key": "bad", "secret": "s"})
    assert refused[0]["data"] == {"status": "unauthorized", "action": "authenticate"}
    assert send(stream, {"action": "auth", "key": "k", "secret": "s"})[0]["data"]["status"] == (
        "authorized"
    )


def test_listen_before_auth_is_unauthorized() -> None:
    stream = TradeStream(accounts)
    assert send(stream, LISTEN)[0] == {
        "stream": "authorization",
        "data": {"status": "unauthorized", "action": "listen"},
    }
    assert stream.frame(EVENT) is None


def test_events_pass_only_while_listening_and_unknown_streams_are_left_out() -> None:
    stream = TradeStream(accounts)
    send(stream, {"action": "auth", "key": "k", "secret": "s"})
    assert stream.frame(EVENT) is None
    names = {"action": "listen", "data": {"streams": ["trade_updates", "nonsense"]}}
    assert send(stream, names)[0] == {
        "stream": "listening",
        "data": {"streams": ["trade_updates"]},
    }
    assert stream.frame(EVENT) == EVENT
    assert send(stream, {"action": "listen", "data": {"streams": []}})[0]["data"] == {"streams": []}
    assert stream.frame(EVENT) is None


def test_paper_frames_are_binary_live_frames_are_text_and_msgpack_is_packed() -> None:
    frames = {}
    for encoding in Encoding:
        stream = TradeStream(accounts, encoding)
        stream.receive(json.dumps({"action": "auth", "key": "k", "secret": "s"}))
        stream.receive(json.dumps(LISTEN))
        frames[encoding] = stream.frame(EVENT)
    assert frames[Encoding.BINARY] == EVENT
    assert frames[Encoding.TEXT] == EVENT.decode()
    packed = frames[Encoding.MSGPACK]
    assert isinstance(packed, bytes) and msgpack.unpackb(packed) == json.loads(EVENT)


def test_msgpack_client_may_send_msgpack() -> None:
    stream = TradeStream(accounts, Encoding.MSGPACK)
    packed = msgpack.packb({"action": "auth", "key": "k", "secret": "s"})
    reply = stream.receive(packed)[0]
    assert isinstance(reply, bytes)
    assert msgpack.unpackb(reply)["data"]["status"] == "authorized"


@pytest.mark.parametrize("junk", ["", "{", "[]", "7", b"\xff\xfe", '{"action":"dance"}'])
def test_junk_is_answered_with_an_error_and_the_connection_goes_on(junk: str | bytes) -> None:
    stream = TradeStream(accounts)
    assert send(stream, junk)[0]["action"] == "error"
    send(stream, {"action": "auth", "key": "k", "secret": "s"})
    assert stream.account_id is not None
