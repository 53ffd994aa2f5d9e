"""Goal: a service elsewhere is told what it can understand, and a job's end with its exit code.

Method: tables of what is sent to which kind of service; a real web server that refuses, breaks or
moves; a command as a job against it.
"""

from __future__ import annotations

import pytest
from desk.operate.listeners import Heard, listening

from execbot.alerts.pings import BODY_MAX, Event, Ping, Pinger, Request, request_of, send

HC = "https://hc-ping.com/11111111-2222-3333-4444-555555555555"
OWN = "http://hc.example/ping/key/execbot?create=1"
KUMA = "https://kuma.example/api/push/TOKEN?status=up&msg=OK&ping="
PLAIN = "https://example.com/beat"
FORM = "https://example.com/{event}/{code}"
START, ALIVE = Ping(Event.START, run="r"), Ping(Event.ALIVE, "well")
DONE, FAILED = Ping(Event.END, "b", 0, "r"), Ping(Event.END, "no <good>", 8, "r")
FAIL = Ping(Event.FAIL, "blind")


@pytest.mark.parametrize(
    ("url", "ping", "wanted"),
    [
        (HC, START, (f"{HC}/start?rid=r", b"")),
        (HC, ALIVE, (HC, b"well")),
        (HC, DONE, (f"{HC}/0?rid=r", b"b")),
        (HC, FAILED, (f"{HC}/8?rid=r", b"no <good>")),
        (HC, FAIL, (f"{HC}/fail", b"blind")),
        (OWN, FAILED, ("http://hc.example/ping/key/execbot/8?create=1&rid=r", b"no <good>")),
        (KUMA, START, None),
        (KUMA, DONE, ("https://kuma.example/api/push/TOKEN?status=up&msg=b", None)),
        (KUMA, FAILED,
         ("https://kuma.example/api/push/TOKEN?status=down&msg=no+%3Cgood%3E", None)),
        (PLAIN, START, None),
        (PLAIN, ALIVE, (PLAIN, b"well")),
        (PLAIN, DONE, (PLAIN, b"b")),
        (PLAIN, FAILED, None),
        (PLAIN, FAIL, None),
        (FORM, START, ("https://example.com/start/-1", b"")),
        (FORM, FAILED, ("https://example.com/end/8", b"no <good>")),
    ],
)  # fmt: skip
def test_each_service_is_told_in_its_own_words(
    url: str, ping: Ping, wanted: tuple[str, bytes | None] | None
) -> None:
    assert request_of(url, ping) == (None if wanted is None else Request(*wanted))


def test_a_kill_is_told_as_a_number_and_a_long_body_is_cut() -> None:
    killed = request_of(HC, Ping(Event.END, "x" * 2 * BODY_MAX, -9))
    assert killed is not None and killed.url == f"{HC}/247"
    assert killed.body is not None and len(killed.body) == BODY_MAX


def test_what_breaks_is_tried_again_and_what_moved_is_not_followed() -> None:
    with listening() as there:
        there.status = {"/moved": 301, "/breaks": 503, "/unknown": 404}
        taken = [send(f"{there.url}{path}", ALIVE, lambda _: None)
                 for path in ("/fine", "/moved", "/unknown", "/breaks")]  # fmt: skip
        assert taken == [True, False, False, False]
        assert there.paths() == ["/fine", "/moved", "/unknown", "/breaks", "/breaks", "/breaks"]
    assert not send(f"{there.url}/gone", ALIVE, lambda _: None)


def test_whoever_pings_is_not_held_up_and_of_many_the_last_is_told() -> None:
    with listening() as there:
        pinger = Pinger(f"{there.url}/beat")
        for number in range(50):
            pinger.tell(Ping(Event.ALIVE, str(number)))
        pinger.close(30)
        assert there.heard[-1] == Heard("POST", "/beat", "49")
