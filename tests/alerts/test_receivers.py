"""Goal: an alert reaches a receiver of every kind whole, whatever characters are in it.

Method: apprise itself with one URL of each kind of receiver; only the sending is faked. The text
has `<`, `&`, `_` and 5,000 characters; what would have gone out is put together again and compared.
"""

from __future__ import annotations

import json
import re
import smtplib
import time
from collections.abc import Callable, Iterator
from email import message_from_string
from html import unescape
from typing import Any, NamedTuple
from unittest.mock import MagicMock

import pytest

apprise = pytest.importorskip("apprise")
requests = pytest.importorskip("requests")

from execbot.alerts import Delivery, apprise_sender  # noqa: E402

TITLE = "execbot: unprotected <AAPL> & _more_"
BODY = "AAPL: stop < 180 & last > 179_5 *now*\n" + " ".join(f"w{n:04}<&_>" for n in range(500))
assert len(BODY) > 5000

Payload = Any
Text = Callable[[Payload], str]


class Kind(NamedTuple):
    """A kind of receiver: its URL, the longest text it takes, and how to read what it gets."""

    name: str
    url: str
    text_max: int
    text: Text
    plain: Callable[[str], str] = str


def field(*path: str | int) -> Text:
    """The text at a place of a JSON body; empty for requests that carry none (a login)."""

    def found(payload: Payload) -> str:
        value = json.loads(payload) if isinstance(payload, str | bytes) else payload
        for name in path:
            try:
                value = value[name]
            except (KeyError, IndexError, TypeError):
                return ""
        return str(value)

    return found


def mail(kind: str) -> Text:
    """The part of a mail that a reader of this kind shows."""

    def found(payload: Payload) -> str:
        message = message_from_string(str(payload))
        part = next(p for p in message.walk() if p.get_content_type() == kind)
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        return content.decode()

    return found


def html(text: str) -> str:
    """As a reader of HTML shows it. A `<` that begins no tag of Telegram's is refused there."""
    assert re.findall(r"<(?!/?(?:b|strong|i|em|u|code|pre|br)\b)", text) == []
    assert re.findall(r"&(?!lt;|gt;|amp;|quot;|nbsp;|#)", text) == []
    return unescape(re.sub(r"<[^>]*>", "", text))


def markdown(text: str) -> str:
    return unescape(re.sub(r"\\([\\`*_{}\[\]()#+.!|<>~-])", r"\1", text))


HEX = "0123456789abcdef" * 2
KINDS = [
    Kind("telegram", "tgram://123456789:abcdefg_hijklmnop/12315544/", 4096, field("text"), html),
    Kind("slack", f"slack://T1JJ3T3L2/A1BRTD4JD/{HEX[:24]}/general", 35_000,
         field("attachments", 0, "text"), unescape),
    Kind("discord", f"discord://4174216298/{HEX}", 2000, field("content")),
    Kind("mail", "mailtos://user:pass@example.com", 32_768,
         mail("text/plain")),
    Kind("mail as html", "mailtos://user:pass@example.com?format=html", 32_768,
         mail("text/html"), html),
    Kind("ntfy", "ntfy://topic", 7800, field("message")),
    Kind("pushover", f"pover://{'u' * 30}@{'a' * 30}", 1024, field("message")),
    Kind("gotify", "gotify://localhost/token123", 32_768, field("message")),
    Kind("pushbullet", f"pbul://{HEX}", 32_768, field("body")),
    Kind("mattermost", f"mmost://localhost/{HEX[:24]}", 4000, field("text")),
    Kind("google chat", "gchat://workspace/key/token", 4000, field("text"), markdown),
    Kind("rocket.chat", f"rocket://{HEX[:18]}/{HEX}@localhost/#alerts?mode=webhook", 1000,
         field("text"), markdown),
    Kind("matrix", "matrixs://user:pass@localhost/#alerts", 65_000, field("body")),
    Kind("signal", "signal://localhost/+15551234567/+15557654321", 32_768, field("message")),
    Kind("sms", f"twilio://AC{HEX}:{HEX}@15551234567/15557654321", 160,
         lambda payload: str(payload["Body"])),
    Kind("json", "json://localhost/x", 32_768, field("message")),
    Kind("form", "form://localhost/x", 32_768, lambda payload: str(payload["message"])),
]  # fmt: skip


LOGIN = {"ok": True, "id": "1", "access_token": "x", "user_id": "@u:localhost",
         "room_id": "!a:localhost", "home_server": "localhost"}  # fmt: skip


class Reply:
    """Whatever a service says when it has taken something."""

    def __init__(self, url: str, status: int) -> None:
        self.status_code = status
        self.headers: dict[str, str] = {}
        self.encoding, self.reason = "utf-8", "OK"
        self.text = "ok" if "slack.com" in url else json.dumps(LOGIN)
        self.content = self.text.encode()

    def json(self) -> Any:
        return json.loads(self.text)


class Wires:
    """What would have left the machine, in order."""

    def __init__(self) -> None:
        self.payloads: list[Payload] = []
        self.refuse = False
        self.breaks = "nothing breaks"

    def request(self, method: str, url: str, *given: Any, **options: Any) -> Any:
        if self.breaks in url:
            raise RuntimeError("a receiver that breaks")
        data = given[0] if given else options.get("data", options.get("json"))
        self.payloads.append(data)
        return Reply(url, 400 if self.refuse else 200)

    def smtp(self, *given: Any, **options: Any) -> Any:
        """A mail server: it takes what it is asked to send, and says yes to everything else."""
        server = MagicMock()
        server.sendmail = lambda sender, to, message: self.payloads.append(message)
        return server


@pytest.fixture
def wires(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wires]:
    fake = Wires()
    for method in ("get", "post", "put"):
        monkeypatch.setattr(
            requests, method, lambda url, *a, m=method, **k: fake.request(m, url, *a, **k)
        )
    monkeypatch.setattr(requests, "request", fake.request)
    monkeypatch.setattr(requests.Session, "request", lambda s, m, u, **k: fake.request(m, u, **k))
    monkeypatch.setattr(smtplib, "SMTP", fake.smtp)
    monkeypatch.setattr(smtplib, "SMTP_SSL", fake.smtp)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # apprise paces its requests
    yield fake


def parts_of(kind: Kind, payloads: list[Payload]) -> list[str]:
    return [text for payload in payloads if payload is not None if (text := kind.text(payload))]


def squeezed(text: str) -> str:
    """Without blanks, of which a cut may lose some, and without `[2/3]`, which counts the parts."""
    return re.sub(r"\s|\[\d+/\d+\]", "", text)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_long_alert_with_odd_characters_arrives_whole(kind: Kind, wires: Wires) -> None:
    assert apprise_sender([kind.url])(TITLE, BODY) == Delivery(1)
    parts = parts_of(kind, wires.payloads)
    assert parts and all(len(kind.plain(part)) <= kind.text_max for part in parts)
    whole = squeezed("".join(kind.plain(part) for part in parts))
    assert squeezed(BODY) in whole.replace(squeezed(TITLE), "", whole.count(squeezed(TITLE)))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_short_alert_is_one_message(kind: Kind, wires: Wires) -> None:
    assert apprise_sender([kind.url])("execbot: halted", "daily loss < -5 %").is_taken
    assert len(parts_of(kind, wires.payloads)) == 1


def test_a_url_that_says_how_to_handle_what_is_too_long_is_obeyed(wires: Wires) -> None:
    url = f"pover://{'u' * 30}@{'a' * 30}?overflow=truncate"
    assert apprise_sender([url])(TITLE, BODY).is_taken
    assert len(wires.payloads) == 1


def test_each_receiver_is_asked_and_counted_for_itself(wires: Wires) -> None:
    wires.breaks = "/bad"
    told = apprise_sender(["json://127.0.0.1/bad", "json://127.0.0.1/good"])(TITLE, BODY)
    assert (told, told.is_taken, len(wires.payloads)) == (
        Delivery(1, 1, ("number 1 (json://...)",)),
        True,
        1,
    )


def test_a_receiver_that_refuses_has_not_taken_it(wires: Wires) -> None:
    wires.refuse = True
    told = apprise_sender(["json://127.0.0.1/x"])(TITLE, BODY)
    assert (told, told.is_taken) == (Delivery(0, 1, ("number 1 (json://...)",)), False)
