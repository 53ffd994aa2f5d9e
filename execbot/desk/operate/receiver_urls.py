"""URLs of the receivers that most people have, made from what these services hand out. Pure.

Forms: appriseit.com/services. Every other service that apprise knows is given as its URL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from urllib.parse import quote

from msgspec import Struct


class Service(StrEnum):
    NTFY = "ntfy"
    TELEGRAM = "telegram"
    EMAIL = "email"
    SLACK = "slack"
    DESKTOP = "desktop"


class Question(Struct, frozen=True):
    """`name` of what is asked for, and where its owner finds it."""

    name: str
    words: str


class Recipe(Struct, frozen=True):
    """What is asked for, and the URL that comes of the answers."""

    questions: tuple[Question, ...]
    url: Callable[[Mapping[str, str]], str]


def _safe(text: str) -> str:
    return quote(text.strip(), safe="")


def _ntfy(said: Mapping[str, str]) -> str:
    return f"ntfy://{_safe(said['topic'])}?priority=high"


def _telegram(said: Mapping[str, str]) -> str:
    return f"tgram://{said['token'].strip()}/{_safe(said['chat'])}"


def _email(said: Mapping[str, str]) -> str:
    user, _, host = said["address"].strip().rpartition("@")
    return (
        f"mailtos://{_safe(user)}:{_safe(said['password'])}@{_safe(host)}"
        f"?smtp={_safe(said['smtp'])}&from={_safe(said['address'])}&to={_safe(said['address'])}"
    )


def _slack(said: Mapping[str, str]) -> str:
    parts = [part for part in said["webhook"].strip().split("/services/")[-1].split("/") if part]
    return f"slack://{'/'.join(_safe(part) for part in parts)}"


RECIPES: Mapping[Service, Recipe] = {
    Service.NTFY: Recipe(
        (
            Question(
                "topic",
                "a topic that nobody guesses: who knows it may read it; subscribe in the app",
            ),
        ),
        _ntfy,
    ),
    Service.TELEGRAM: Recipe(
        (
            Question("token", "the token that @BotFather gave for the bot, 123456789:ABC..."),
            Question("chat", "the chat's id; write to the bot first, then ask @userinfobot"),
        ),
        _telegram,
    ),
    Service.EMAIL: Recipe(
        (
            Question("address", "the address to send from and to"),
            Question("password", "its password; with two factors an app password"),
            Question("smtp", "the server that sends, smtp.example.com"),
        ),
        _email,
    ),
    Service.SLACK: Recipe(
        (Question("webhook", "https://hooks.slack.com/services/T.../B.../... of your hook"),),
        _slack,
    ),
    Service.DESKTOP: Recipe((), lambda said: "dbus://"),
}
