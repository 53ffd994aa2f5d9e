"""Goal: a command line that is read without Typer means what it means to Typer, and whatever
leaves a doubt is left to Typer.

Method: lines of every command are thrown together at random from its own flags, fitting values and
nonsense; both readers see each of them.
"""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import pytest
import typer

from execbot.cli.commands import cancel, close, replace, sides, signal, submit
from execbot.cli.group import load_command
from execbot.cli.main import COMMANDS
from execbot.cli.quick import quick_of, read_words

HOT = {
    "submit": submit.submit,
    "buy": sides.buy,
    "sell": sides.sell,
    "short": sides.short,
    "close": close.close,
    "cancel": cancel.cancel,
    "cancel-all": cancel.cancel_all,
    "replace": replace.replace,
    "signal": signal.signal,
}
VALUES = ("AAPL", "10", "2%", "buy", "SELL", "limit", "gtc", "1e3", "0", "x=y", "ü", "a b")
NONSENSE = ("", "-", "--", "-5", "--nope", "-h", "--qty=", "--json=1", "--q", "nan", "--wait=soon")
LINES = 80


loaded = cache(load_command)


def typed(name: str, words: list[str]) -> dict[str, Any] | None:
    """The values that Typer reads; None where it refuses the line."""
    try:
        context = loaded(name).make_context(name, list(words))
    except (typer.Exit, Exception):
        return None
    return dict(context.params)


def line(name: str, dice: random.Random) -> list[str]:
    words: list[str] = []
    for _ in range(dice.randrange(6)):
        flag = dice.choice(HOT[name].all_flags())  # type: ignore[attr-defined]
        declared = flag.declared
        assert declared is not None
        option = (declared.names or (f"--{flag.name.replace('_', '-')}",))[0]
        value = dice.choice(VALUES)
        if not declared.is_option:
            words.append(value)
        elif flag.kind is bool:
            words.append(option)
        else:
            words += dice.choice([[option, value], [f"{option}={value}"]])
    if dice.random() < 0.3:
        words.insert(dice.randrange(len(words) + 1), dice.choice(NONSENSE))
    return words


@pytest.mark.parametrize("name", sorted(HOT))
def test_what_is_read_at_once_is_what_typer_reads(name: str) -> None:
    dice, read = random.Random(name), 0
    flags = HOT[name].all_flags()  # type: ignore[attr-defined]
    for _ in range(LINES):
        words = line(name, dice)
        values = read_words(flags, words)
        if values is not None:
            read += 1
            assert values == typed(name, words), words
    assert read > LINES / 20, "the test would prove nothing"


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["AAPL", "--qty"],
        ["AAPL", "MSFT", "--qty", "1"],
        ["AAPL", "--qty", "1", "--qty", "2"],
        ["AAPL", "--qty", "-1"],
        ["AAPL", "--qt", "1"],
        ["AAPL", "--json=yes"],
        ["AAPL", "--", "--qty"],
        ["AAPL", "--side", "sideways"],
        ["AAPL", "--wait", "soon"],
    ],
    ids=" ".join,
)
def test_what_leaves_a_doubt_is_left_to_typer(words: list[str]) -> None:
    assert read_words(submit.submit.all_flags(), words) is None  # type: ignore[attr-defined]


def test_a_shell_that_completes_asks_typer() -> None:
    words = ["AAPL", "--qty", "1"]
    assert quick_of(submit.submit, words, {}) is not None
    assert quick_of(submit.submit, words, {"_EXECBOT_COMPLETE": "complete_bash"}) is None


def test_commands_that_change_something_at_the_broker_are_read_so() -> None:
    """One that is declared with Typer's own objects would be slow, and nobody would notice."""
    assert HOT.keys() <= {name for name, entry in COMMANDS.items() if entry.writes}
