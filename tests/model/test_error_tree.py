"""Goal: one `except ExecbotError` catches whatever execbot raises, and each says the same things.

Method: import every module, compare the tree drawn in `model.errors` with the classes that exist;
build an error of each family and look at the shape that all share.
"""

from __future__ import annotations

import pkgutil
from datetime import UTC, datetime
from importlib import import_module

import pytest

import execbot
from execbot.broker.errors import classify, classify_transport
from execbot.config.errors import ConfigError, CredentialsError
from execbot.exits.levels import LevelError, parse_level
from execbot.journal.errors import JournalError, JournalLocked
from execbot.model import errors
from execbot.model.enums import ErrorCategory, Outcome
from execbot.model.errors import ExecbotError
from execbot.model.signal import SignalError, read_line
from execbot.oms.errors import InDoubt, OmsError, UnknownOrder

NOT_IN_THE_TREE = {
    "BadValue": "config.parse tells config.load where a value stood; ConfigError comes of it",
    "TransportFailure": "a door tells the adapter that there is no reply; NetworkError comes of it",
    "HeldUp": "a request that must not leave any more, to its own call; NetworkError comes of it",
    "ProxyUnusable": "a proxy's variable, to the request that reads it; NetworkError comes of it",
    "ProxyRefused": "the way through a proxy, to the same request; NetworkError comes of it",
    "Garbled": "a line from the door to whoever reads it; the connection ends with it",
    "Drop": "a stream tells its own loop to connect anew",
    "WriteRefused": "a bug: a dry run tried to write",
    "NotTaken": "why a delivery is refused, to the route that answers it",
    "Refusal": "the guard of the page to itself",
    "_Refuse": "risk.sizing to itself",
    "AskAnew": "the gate of an order to the placer, which judges once more",
    "BadLeg": "model.options.signal_legs tells model.signal; SignalError comes of it",
    "Missing": "a check of doctor to its caller",
    "WrongWord": "cli.words tells its readers, cli.light_types and cli.quick",
    "_Left": "cli.quick to itself: Typer reads the line",
    "Ended": "no error: a command ends with a code, in place of typer.Exit",
}


def every_class() -> list[type]:
    found = []
    for module in pkgutil.walk_packages(execbot.__path__, "execbot."):
        if module.name.startswith("execbot.sim"):
            continue
        found += [
            item
            for item in vars(import_module(module.name)).values()
            if isinstance(item, type) and item.__module__ == module.name
        ]
    return found


def drawn() -> dict[str, str]:
    """Name -> parent, as the tree at the top of the module has it."""
    assert errors.__doc__ is not None
    parents: dict[str, str] = {}
    above: list[str] = []
    for line in errors.__doc__.splitlines():
        head, branch, rest = line.partition("── ")
        if not branch:
            above = ["ExecbotError"] if line.strip() == "ExecbotError" else above
            continue
        depth = len(head.rstrip("├└")[4:]) // 4 + 1
        name = rest.split()[0]
        parents[name] = above[depth - 1]
        above = [*above[:depth], name]
    return parents


def test_the_tree_at_the_top_shows_every_class_below_its_parent() -> None:
    real = {
        item.__name__: next(b.__name__ for b in item.__bases__ if issubclass(b, ExecbotError))
        for item in every_class()
        if issubclass(item, ExecbotError) and item is not ExecbotError
    }
    assert drawn() == real


def test_every_other_exception_is_named_with_the_reason_why_it_is_none_of_these() -> None:
    others = {
        item.__name__
        for item in every_class()
        if issubclass(item, BaseException) and not issubclass(item, ExecbotError)
    }
    assert others == set(NOT_IN_THE_TREE)


def broken_line() -> SignalError:
    with pytest.raises(SignalError) as caught:
        read_line(b"nonsense", now=datetime(2026, 11, 20, tzinfo=UTC), new_id="x")
    return caught.value


def broken_level() -> LevelError:
    with pytest.raises(LevelError) as caught:
        parse_level("nonsense")
    return caught.value


@pytest.mark.parametrize(
    ("error", "kind", "category", "outcome"),
    [
        (broken_line(), "usage.signal", "adjustable", "not_sent"),
        (broken_level(), "exits.bad_level", "adjustable", "not_sent"),
        (ConfigError("x", hint="y"), "config.bad_value", "fatal", "not_sent"),
        (CredentialsError("x", kind="auth.half_pair"), "auth.half_pair", "fatal", "not_sent"),
        (JournalLocked("x"), "journal.locked", "retryable", "not_sent"),
        (JournalError("x"), "journal.error", "fatal", "not_sent"),
        (UnknownOrder("x"), "order.unknown", "adjustable", "not_sent"),
        (InDoubt("x"), "order.in_doubt", "waiting", "in_doubt"),
        (OmsError("x"), "order.error", "fatal", "not_sent"),
        (
            classify(
                403,
                '{"code": 40310000, "message": "insufficient buying power"}',
                {},
                method="POST",
                path="/v2/orders",
                client_order_id="mine",
            ),
            "broker.insufficient_buying_power",
            "adjustable",
            "rejected",
        ),
        (
            classify_transport(TimeoutError(), method="POST", sent=True),
            "network.timeout",
            "waiting",
            "in_doubt",
        ),
        (
            classify_transport(TimeoutError(), method="GET", sent=True),
            "network.timeout",
            "retryable",
            "not_sent",
        ),
    ],
)
def test_every_family_says_what_why_what_next_and_what_became_of_the_order(
    error: ExecbotError, kind: str, category: str, outcome: str
) -> None:
    assert (error.kind, error.category, error.outcome) == (kind, category, outcome)
    assert isinstance(error.category, ErrorCategory)
    assert error.outcome in set(Outcome)
    assert error.in_doubt is (outcome == "in_doubt")
    assert error.message and error.message in str(error)
    assert isinstance(error.hint, str)
    assert isinstance(error.next_step, str)
    assert all(isinstance(name, str) for name in error.facts)
