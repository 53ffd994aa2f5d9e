"""Goal: what the listener answers is what its published schemas say, every field of it described.

Method: real answers of a real process, judged by pydantic and by the JSON Schema.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from page.signals.alerting import now_of, reversal
from page.signals.listening import BEARER, CONFIG, Answer, Doors
from page.signals.making import body
from support.processes import Server, exchange
from support.schema_judge import complaints
from support.waiting import eventually

from execbot.page.signals.rows import State
from execbot.schemas.webhook import WEBHOOK, SignalKept


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with exchange(tmp_path_factory.mktemp("exchange"), "--speed", "60") as running:
        yield running


@pytest.fixture(scope="module")
def doors(served: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    slow = CONFIG.replace("per_second_max: 500", "per_second_max: 3")
    slow += "  signal_ttl_seconds: 604800\n"
    running = Doors(served, tmp_path_factory.mktemp("page"), config=slow)
    yield running
    running.kill()


def fits(name: str, answer: Answer) -> None:
    assert answer.headers["content-type"] == "application/json"
    assert complaints(name, answer.data) == [], answer.text


def patiently(doors: Doors, sent: bytes) -> Answer:
    """Posted until it is not too fast."""
    found: list[Answer] = []

    def is_taken() -> bool:
        found[:] = [doors.post(sent)]
        return found[0].status != 429

    assert eventually(is_taken)
    return found[0]


def test_taken_repeated_and_what_became_of_it(doors: Doors, served: Server) -> None:
    buy = body(id="held", symbol="AAPL", qty=2, ttl_seconds=604_800)
    fits("webhook-taken", patiently(doors, buy))
    fits("webhook-repeated", patiently(doors, buy))
    assert eventually(lambda: doors.state("held")["outcome"] == "filled")
    turned = patiently(doors, reversal(now_of(served), "short", ticker="AAPL", qty="1"))
    fits("webhook-taken", turned)
    states = set()
    for name in ("held", turned.data["id"], turned.data["then"]):
        waiting = doors.ask("GET", f"/signals/{name}")
        fits("webhook-signal", waiting)
        states.add(waiting.data["state"])
        doors.outcome(name)
        fits("webhook-signal", doors.ask("GET", f"/signals/{name}"))
    assert "done" in states
    weak = patiently(doors, body(strength=1, symbol="KO"))
    doors.outcome(weak.data["id"])
    fits("webhook-signal", doors.ask("GET", weak.data["result"]))


def test_every_refusal_has_one_shape(doors: Doors) -> None:
    refused = {
        401: doors.post(body(), {}),
        403: doors.post(body(), {**BEARER, "Host": "evil.example"}),
        404: doors.ask("GET", "/signals/none"),
        413: doors.post(body(tier="x" * 70_000)),
        422: patiently(doors, body(strength="much")),
    }
    for status, answer in refused.items():
        assert answer.status == status
        fits("webhook-refused", answer)
    assert refused[422].data["field"] == "strength"
    assert refused[413].data["kind"] == "signals.too_large"


def test_too_fast_says_when_to_come_again(doors: Doors) -> None:
    answers = [doors.post(body(strength=1)) for _ in range(12)]
    late = next(answer for answer in answers if answer.status == 429)
    fits("webhook-refused", late)
    assert str(late.data["retry_after_seconds"]) == late.headers["retry-after"]


def test_a_body_that_comes_too_slowly_is_told_in_the_same_shape(doors: Doors) -> None:
    from execbot.page.guard import BODY_SECONDS

    host, port = doors.signals.split(":")
    with socket.create_connection((host, int(port)), timeout=BODY_SECONDS + 60) as slow:
        slow.sendall(b"POST /signals HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{")
        said = b""
        while piece := slow.recv(4096):
            said += piece
    head, _, text = said.partition(b"\r\n\r\n")
    assert b" 408 " in head.splitlines()[0]
    fits("webhook-refused", Answer(408, {"content-type": "application/json"}, text.decode()))


def test_the_schema_knows_every_state_and_each_is_a_command_away() -> None:
    from execbot.schemas.catalogue import find

    said = SignalKept.model_json_schema()["properties"]["state"]["enum"]
    assert said == [state.value for state in State]
    assert all(find(name) is not None for name in WEBHOOK)
