"""Goal: a command that asks is never held up and never misled, whatever is at the other end.

Method: the asking side against a socket of the test's own that plays the watch.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from msgspec import Raw

from execbot.cli.errors import failure_of
from execbot.desk.closing import Closed
from execbot.desk.door import asking
from execbot.desk.door.address import announce
from execbot.desk.door.asking import Asked, hand_to, knock
from execbot.desk.door.messages import Answer, AtWork, Close, Declined, Failed
from execbot.desk.door.relayed import carried
from execbot.desk.door.rules import WAITS, Place
from execbot.desk.door.wire import REPLY_BYTES_MAX, to_bytes, to_line
from execbot.desk.opening.setup import Setup, read_setup
from execbot.oms.errors import NotPossible

Play = Callable[[socket.socket], None]
DONE = to_line(Answer(Raw(to_bytes(Closed("AAPL", note="nothing"))), ("a notice",)))


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return read_setup("sim", None, {"HOME": str(tmp_path)})


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(dir="/tmp", prefix="door-") as name:
        yield Path(name)


def asked_of(folder: Path, setup: Setup, play: Play) -> Asked:
    """What a command knows when it waits no longer for a watch that plays so."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(folder / "s"))
    listening.listen()
    announce(folder, folder / "s")

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            play(connection)

    playing = threading.Thread(target=serve, daemon=True)
    playing.start()
    connection = knock(folder)
    assert connection is not None
    asked = Asked(Close("AAPL", Decimal(1)), "close:1")
    hand_to(asked, connection, setup)
    while asked.place in WAITS and asked.line is not None:
        asked.hear()
    listening.close()
    return asked


def says(*lines: bytes) -> Play:
    def play(connection: socket.socket) -> None:
        connection.recv(65536)
        for line in lines:
            connection.sendall(line)

    return play


def test_an_answer_is_what_the_function_returned(folder: Path, setup: Setup) -> None:
    asked = asked_of(folder, setup, says(to_line(AtWork()), to_line(AtWork()), DONE))
    assert asked.is_reported
    assert asked.result() == Closed("AAPL", note="nothing")
    assert asked.notices == ("a notice",)


def test_an_answer_in_pieces_is_one_answer(folder: Path, setup: Setup) -> None:
    assert asked_of(folder, setup, says(*(DONE[i : i + 1] for i in range(len(DONE))))).is_reported


def test_an_error_is_raised_as_it_was(folder: Path, setup: Setup) -> None:
    error = NotPossible("it is filled")
    asked = asked_of(folder, setup, says(to_line(Failed(carried(error)))))
    with pytest.raises(Exception, match="it is filled") as caught:
        asked.result()
    assert failure_of(caught.value).as_json() == failure_of(error).as_json()


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [b"nonsense\n"],
        [b'{"type":"answer","result":{"symbol":5}}\n'],
        [b'{"type":"something new"}\n'],
        [to_line(Declined("full"))],
        [b"x" * (REPLY_BYTES_MAX + 2)],
        [to_line(AtWork())],
    ],
    ids=["closed", "words", "another result", "another reply", "declined", "without end", "life"],
)
def test_whatever_else_comes_it_takes_back(folder: Path, setup: Setup, lines: list[bytes]) -> None:
    asked = asked_of(folder, setup, says(*lines))
    assert asked.place is Place.TAKING_BACK
    assert asked.was_handed_over


def test_silence_is_waited_for_a_bounded_time(
    folder: Path, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "SILENCE_SECONDS", 0.1)
    over = threading.Event()
    asked = asked_of(folder, setup, lambda connection: over.wait(60) and None)
    over.set()
    assert asked.place is Place.TAKING_BACK


def test_signs_of_life_are_believed_for_a_bounded_time(
    folder: Path, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "WORK_SECONDS_MAX", 0.3)
    over = threading.Event()

    def play(connection: socket.socket) -> None:
        while not over.wait(0.02):
            try:
                connection.sendall(to_line(AtWork()))
            except OSError:
                return

    asked = asked_of(folder, setup, play)
    over.set()
    assert asked.place is Place.TAKING_BACK


def test_an_answer_that_lay_there_while_the_command_slept_is_read(
    folder: Path, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time is over when it looks, and the answer counts all the same."""
    monkeypatch.setattr(asking, "SILENCE_SECONDS", -1.0)
    there = threading.Event()
    real = asking.select.select

    def looks_late(*given: object) -> object:
        there.wait(60)
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(asking.select, "select", looks_late)

    def play(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(DONE)
        there.set()

    assert asked_of(folder, setup, play).is_reported


def test_a_socket_of_another_user_is_not_spoken_to(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(folder / "s"))
    listening.listen()
    announce(folder, folder / "s")
    monkeypatch.setattr(asking, "is_own_user", lambda connection: False)
    assert knock(folder) is None
    listening.close()


def test_nobody_there_is_nobody_there(folder: Path) -> None:
    assert knock(folder) is None
    announce(folder, folder / "gone")
    assert knock(folder) is None
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(folder / "dead"))
    dead.close()
    announce(folder, folder / "dead")
    assert knock(folder) is None
