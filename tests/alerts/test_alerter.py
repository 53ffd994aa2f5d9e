"""Alerts: sent once, held back when repeated, and never in the way.

Method: a receiver that records, blocks or fails; and apprise itself with a `json://` receiver.
"""

from __future__ import annotations

import http.server
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from execbot.alerts import (
    QUEUE_LENGTH_MAX,
    Alert,
    Alerter,
    AlertsUnavailable,
    Delivery,
    apprise_sender,
    urls_of,
)
from execbot.alerts import alerter as alerts

T0 = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
TAKEN = Delivery(1)


class Clock:
    def __init__(self) -> None:
        self.at = T0

    def __call__(self) -> datetime:
        return self.at

    def step(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def test_repeated_alert_is_held_back_and_counted() -> None:
    got: list[tuple[str, str]] = []
    clock = Clock()
    alerter = Alerter(lambda t, m: got.append((t, m)) or TAKEN,
                      min_interval_seconds=60, now=clock)  # fmt: skip
    assert alerter.alert(Alert("halted", "first", "account"))
    for _ in range(3):
        clock.step(10)
        assert not alerter.alert(Alert("halted", "again", "account"))
    assert alerter.alert(Alert("halted", "other subject", "AAPL"))
    clock.step(31)
    assert alerter.alert(Alert("halted", "later", "account"))
    alerter.close()
    assert got == [
        ("execbot: halted account", "first"),
        ("execbot: halted AAPL", "other subject"),
        ("execbot: halted account", "later (3 more like it before)"),
    ]


def test_of_many_subjects_the_newest_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A `watch` runs for months, and each order is a subject of its own."""
    monkeypatch.setattr(alerts, "KEYS_MAX", 3)
    shared: dict[str, datetime] = {}
    clock = Clock()
    alerter = Alerter(lambda t, m: TAKEN, min_interval_seconds=60, now=clock,
                      recall=shared.get, remember=shared.__setitem__)  # fmt: skip
    for name in "abcde":
        clock.step(1)
        assert alerter.alert(Alert("rejected", "first", name))
    for name in "abcde":
        assert not alerter.alert(Alert("rejected", "again", name))
    assert (list(alerter._last), list(alerter._held_back)) == (
        [Alert("rejected", "", name).key for name in "cde"],
    ) * 2
    alerter.close()


def test_last_times_are_shared_between_processes() -> None:
    shared: dict[str, datetime] = {}
    clock = Clock()

    def make() -> Alerter:
        return Alerter(lambda t, m: TAKEN, min_interval_seconds=60, now=clock,
                       recall=shared.get, remember=shared.__setitem__)  # fmt: skip

    first, second = make(), make()
    assert first.alert(Alert("k", "m"))
    assert not second.alert(Alert("k", "m"))
    clock.step(60)
    assert second.alert(Alert("k", "m"))
    first.close()
    second.close()


def test_receiver_that_hangs_or_raises_never_delays_or_breaks_the_caller() -> None:
    release = threading.Event()

    def hang(title: str, body: str) -> Delivery:
        release.wait(10)
        raise RuntimeError("receiver is broken")

    alerter = Alerter(hang, min_interval_seconds=0, now=Clock())
    began = time.monotonic()
    taken = [alerter.alert(Alert("k", str(n), str(n))) for n in range(QUEUE_LENGTH_MAX + 10)]
    assert time.monotonic() - began < 2
    assert taken.count(False) >= 9 and alerter.dropped == taken.count(False)
    release.set()
    alerter.close()
    assert alerter.sent == 0 and alerter.failed == taken.count(True)


def test_without_urls_nothing_is_sent_and_nothing_fails() -> None:
    alerter = Alerter.from_environment({}, min_interval_seconds=60, now=Clock())
    assert not alerter.alert(Alert("k", "m"))
    alerter.close()
    with pytest.raises(AlertsUnavailable, match="EXECBOT_ALERT_URLS"):
        alerter.test()


@pytest.mark.parametrize(
    ("value", "urls"),
    [("", []), ("  ", []), ("a://x b://y", ["a://x", "b://y"]), ("a://x,b://y\n", ["a://x", "b://y"])],
)  # fmt: skip
def test_urls_are_separated_by_blanks_or_commas(value: str, urls: list[str]) -> None:
    assert urls_of({"EXECBOT_ALERT_URLS": value}) == urls


def test_url_that_is_none_is_named_without_its_secrets() -> None:
    pytest.importorskip("apprise")
    with pytest.raises(AlertsUnavailable) as caught:
        apprise_sender(["nosuch://user:hunter2@host/token"])
    assert "hunter2" not in str(caught.value) and "number 1" in str(caught.value)


class Receiver(http.server.BaseHTTPRequestHandler):
    got: ClassVar[list[dict[str, str]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Receiver.got.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        return None


def test_alert_goes_out_by_apprise() -> None:
    pytest.importorskip("apprise")
    Receiver.got.clear()
    server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"json://127.0.0.1:{server.server_port}/"
    alerter = Alerter.from_environment(
        {"EXECBOT_ALERT_URLS": url}, min_interval_seconds=60, now=Clock()
    )
    assert alerter.alert(Alert("halted", "daily loss", "account"))
    alerter.close(20)
    alerter.test()
    server.shutdown()
    assert [item["title"] for item in Receiver.got] == ["execbot: halted account", "execbot: test"]
    assert Receiver.got[0]["message"] == "daily loss"
