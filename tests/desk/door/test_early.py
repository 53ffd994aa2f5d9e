"""Goal: what a command says to a watch before it has loaded anything is said of plain entries
alone, to this user's own and only watch, and never holds the command up.

Method: tables of command lines and environments; sockets that the test plays itself.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from execbot.cli.main import COMMANDS
from execbot.config.paths import state_root as root_by_the_rules
from execbot.desk.door import early, peer
from execbot.desk.door.address import announce
from execbot.desk.door.early import SIDES, announce_early, coming_of, state_root
from execbot.desk.door.messages import Coming
from execbot.desk.door.peer import PROTOCOL
from execbot.desk.door.wire import read
from execbot.model.enums import Side
from execbot.version import __version__


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("submit AAPL --qty 10", ("AAPL", "buy")),
        ("submit brk.b --qty 1 --json", ("BRK.B", "buy")),
        ("submit BTC/USD --notional 100", ("BTC/USD", "buy")),
        ("submit TSLA --side sell --qty 5", ("TSLA", "sell")),
        ("submit TSLA --side=sell --qty 5", ("TSLA", "sell")),
        ("submit TSLA --short --qty 5", ("TSLA", "sell")),
        ("buy AAPL --qty 10", ("AAPL", "buy")),
        ("short TSLA --qty 10", ("TSLA", "sell")),
        ("signal AAPL buy --strength 82", ("AAPL", "buy")),
        ("signal AAPL sell_short", ("AAPL", "sell")),
        ("signal AAPL sell", None),
        ("signal -", None),
        ("signal --file x.jsonl", None),
        ("submit --qty 10 AAPL", None),
        ("submit AAPL --qty 10 --dry-run", None),
        ("submit AAPL --qty 10 --direct", None),
        ("submit --help", None),
        ("submit AAPL --help", None),
        ("submit AAPL --side sideways", ("AAPL", "buy")),
        ('submit A"}\n --qty 1', None),
        ("submit AAPL261218C00250000 --qty 1", None),
        ("close AAPL", None),
        ("cancel AAPL", None),
        ("positions", None),
        ("", None),
    ],
)
def test_an_entry_is_announced_where_its_symbol_is_plain(
    line: str, said: tuple[str, str] | None
) -> None:
    assert coming_of(line.split(" ") if line else []) == said


def test_every_command_that_announces_is_one() -> None:
    assert SIDES.keys() == {name for name, entry in COMMANDS.items() if entry.opens}


@pytest.mark.parametrize(
    ("words", "env"),
    [
        ([], {"HOME": "/home/me"}),
        ([], {"HOME": "/home/me", "XDG_STATE_HOME": "/state"}),
        ([], {"HOME": "/home/me", "XDG_STATE_HOME": "relative"}),
        ([], {"HOME": "/home/me", "EXECBOT_STATE_DIR": " /elsewhere "}),
        ([], {"HOME": "/home/me", "EXECBOT_PROFILE": "ira"}),
        (["--profile", "ira"], {"HOME": "/home/me"}),
        (["--profile=ira"], {"HOME": "/home/me", "EXECBOT_PROFILE": "other"}),
    ],
)
def test_the_state_directory_is_that_of_the_rules(words: list[str], env: dict[str, str]) -> None:
    flagged = {"EXECBOT_PROFILE": "ira"} if words else {}
    assert Path(state_root(words, env)) == root_by_the_rules({**env, **flagged})


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(dir="/tmp", prefix="door-") as name:
        yield Path(name)


def a_door(folder: Path, account: str) -> tuple[socket.socket, dict[str, str]]:
    """A socket that listens where the watch of that account would, and the environment."""
    directory = folder / "state" / account
    directory.mkdir(parents=True)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(folder / account))
    listening.listen(1)
    announce(directory, folder / account)
    return listening, {"HOME": str(folder), "EXECBOT_STATE_DIR": str(folder / "state")}


LINE = ["submit", "AAPL", "--qty", "1"]


def test_what_is_said_is_a_message_that_the_watch_can_read(folder: Path) -> None:
    listening, env = a_door(folder, "paper-A")
    assert announce_early(LINE, env)
    connection, _ = listening.accept()
    come = connection.recv(1000)
    assert read(come.rstrip(), Coming) == Coming(PROTOCOL, __version__, "AAPL", Side.BUY)
    assert connection.recv(1000) == b""  # it has hung up, and waits for nothing
    listening.close()


def test_of_several_doors_none_is_chosen_unless_the_mode_says_which(folder: Path) -> None:
    one, env = a_door(folder, "paper-A")
    other, _ = a_door(folder, "live-B")
    assert not announce_early(LINE, env)
    assert announce_early([*LINE, "--mode", "live"], env)
    assert announce_early(LINE, {**env, "EXECBOT_MODE": "Paper"})
    assert other.accept()[0].recv(1000).startswith(b'{"type":"coming"')
    one.close()
    other.close()


def test_nothing_is_said_to_another_user_nor_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening, env = a_door(folder, "paper-A")
    monkeypatch.setattr(peer, "is_own_user", lambda connection: False)
    assert not announce_early(LINE, env)
    assert listening.accept()[0].recv(1000) == b""
    monkeypatch.undo()
    # Its queue is full: a watch that is suspended, say.
    said = [announce_early(LINE, env) for _ in range(8)]
    assert said[0] and not said[-1]
    listening.close()
    assert not announce_early(LINE, env)  # a dead one's socket
    assert not announce_early(LINE, {"HOME": "/nowhere"})


def test_it_loads_next_to_nothing() -> None:
    """It is said in front of everything else, and costs those nothing to whom it does not apply."""
    code = (
        "import sys; before = set(sys.modules); import execbot.desk.door.early as early; "
        "early.announce_early(['submit', 'AAPL'], {'HOME': '/nowhere'}); "
        "print(len(set(sys.modules) - before), 'socket' in sys.modules, 'msgspec' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, has_socket, has_msgspec = done.stdout.split()
    assert (has_socket, has_msgspec) == ("False", "False")
    assert int(count) < 60
    assert early.ACCOUNTS_LOOKED_AT > 0
