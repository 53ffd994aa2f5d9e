"""Goal: the door of a watch lets in whom it should, keeps its bounds, and never hangs anybody.

Method: the door itself on a real socket, with work that the test holds back; visitors are plain
sockets that do what they should not.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from support.waiting import eventually

from execbot.desk.door import lanes, serving
from execbot.desk.door.address import announced
from execbot.desk.door.messages import Answer, Cancel, Close, Request, Submit, Wanted
from execbot.desk.door.peer import PROTOCOL
from execbot.desk.door.serving import Door
from execbot.desk.door.wire import REQUEST_BYTES_MAX, to_line
from execbot.exits.plan.wishes import NO_WISHES
from execbot.model.enums import Side
from execbot.model.flags import NO_FLAGS
from execbot.model.order import OrderRequest
from execbot.model.timer import boot_seconds
from execbot.version import __version__

ORDER = Submit(OrderRequest("AAPL", Side.BUY, qty="1"), NO_WISHES, NO_FLAGS, False, True)


class Held:
    """Work that goes on when it is let go."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.go = threading.Event()
        self.hand_back = False

    def make(self) -> lanes.Work:
        return self.work

    def work(self, request: Request) -> bytes | None:
        self.begun.append(request.name)
        self.go.wait(60)
        return None if self.hand_back else to_line(Answer(msgspec.Raw(b'"done"')))


@pytest.fixture
def held() -> Iterator[Held]:
    work = Held()
    yield work
    work.go.set()


@pytest.fixture
def runtime() -> Iterator[dict[str, str]]:
    """An environment with a short runtime directory, as the system's is."""
    with TemporaryDirectory(dir="/tmp", prefix="door-") as folder:
        yield {"XDG_RUNTIME_DIR": folder}


@pytest.fixture
def door(tmp_path: Path, held: Held, runtime: dict[str, str]) -> Iterator[Door]:
    opened = Door(tmp_path, "same", held.make, env=runtime)
    opened.open()
    yield opened
    opened.close()


def knocking(directory: Path) -> socket.socket:
    path = announced(directory)
    assert path is not None
    visitor = socket.socket(socket.AF_UNIX)
    visitor.settimeout(60)
    visitor.connect(str(path))
    return visitor


def asking(
    directory: Path, name: str, wanted: Wanted = ORDER, *, age: float = -3600, **changes: Any
) -> socket.socket:
    """Not too late for an hour, however busy the machine is."""
    visitor = knocking(directory)
    said = {"version": __version__, "same": "same", **changes}
    at = boot_seconds() - age
    visitor.sendall(to_line(Request(PROTOCOL, name=name, asked_at=at, wanted=wanted, **said)))
    return visitor


def heard(visitor: socket.socket) -> list[dict[str, Any]]:
    """Everything that was said until the connection was closed, signs of life apart."""
    come = b""
    while part := visitor.recv(65536):
        come += part
    said = [json.loads(line) for line in come.splitlines()]
    return [one for one in said if one["type"] != "at_work"]


def test_the_socket_is_this_users_alone_and_gone_after_the_end(tmp_path: Path, door: Door) -> None:
    path = announced(tmp_path)
    assert path is not None
    assert path.stat().st_mode & 0o777 == 0o600
    door.close()
    assert not path.exists()
    assert announced(tmp_path) is None


def test_a_request_is_done_and_answered_once(tmp_path: Path, door: Door, held: Held) -> None:
    held.go.set()
    assert heard(asking(tmp_path, "a")) == [{"type": "answer", "result": "done", "notices": []}]
    assert held.begun == ["a"]


def test_signs_of_life_are_given_while_it_is_worked_on(
    tmp_path: Path, door: Door, held: Held
) -> None:
    visitor = asking(tmp_path, "a")
    assert b"at_work" in visitor.recv(1000)
    held.go.set()
    assert [said["type"] for said in heard(visitor)] == ["answer"]


def test_what_a_killed_watch_left_behind_is_taken_away(
    tmp_path: Path, held: Held, runtime: dict[str, str]
) -> None:
    env = runtime
    dead = socket.socket(socket.AF_UNIX)
    path = serving.socket_path(tmp_path, env)
    dead.bind(str(path))
    dead.close()
    assert path.exists()
    opened = Door(tmp_path, "same", held.make, env=env)
    opened.open()
    held.go.set()
    assert heard(asking(tmp_path, "a"))[0]["type"] == "answer"
    opened.close()


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"version": "0.0.1"}, "version"), ({"same": "other"}, "settings")],
)
def test_one_who_would_do_it_otherwise_is_told_so_and_nothing_is_done(
    tmp_path: Path, door: Door, held: Held, changes: dict[str, str], why: str
) -> None:
    [said] = heard(asking(tmp_path, "a", **changes))
    assert (said["type"], said["why"]) == ("declined", why)
    assert "restart it" in said["words"]
    assert held.begun == []


def test_another_protocol_is_declined_before_its_request_is_read(
    tmp_path: Path, door: Door
) -> None:
    visitor = knocking(tmp_path)
    visitor.sendall(b'{"type":"request","protocol":99,"version":"9","wanted":{"type":"new"}}\n')
    [said] = heard(visitor)
    assert said["why"] == "version"


@pytest.mark.parametrize(
    "sent",
    [b"nonsense\n", b"{}\n", b"\xff\xfe\n", b"x" * (REQUEST_BYTES_MAX + 10)],
    ids=["words", "nothing", "bytes", "without end"],
)
def test_what_is_no_request_ends_that_connection_and_no_other(
    tmp_path: Path, door: Door, held: Held, sent: bytes
) -> None:
    visitor = knocking(tmp_path)
    visitor.sendall(sent)
    assert all(said["type"] == "declined" for said in heard(visitor))
    held.go.set()
    assert heard(asking(tmp_path, "a"))[0]["type"] == "answer"


def test_one_who_says_nothing_is_sent_away(tmp_path: Path, door: Door) -> None:
    assert heard(knocking(tmp_path)) == []


def test_a_request_whose_asker_has_left_is_dropped_before_it_is_begun(
    tmp_path: Path, door: Door, held: Held
) -> None:
    busy = [asking(tmp_path, f"busy-{number}") for number in range(lanes.WORKERS)]
    assert eventually(lambda: len(held.begun) == lanes.WORKERS)
    leaves = asking(tmp_path, "left")
    assert eventually(lambda: len(door._lanes._waiting) == 1)
    leaves.close()
    assert eventually(lambda: len(door._visitors) == lanes.WORKERS)
    stays = asking(tmp_path, "stays")
    held.go.set()
    assert heard(stays)[0]["type"] == "answer"
    assert [heard(visitor)[0]["type"] for visitor in busy] == ["answer"] * len(busy)
    assert "left" not in held.begun


def test_a_request_that_was_begun_goes_on_when_its_asker_leaves(
    tmp_path: Path, door: Door, held: Held
) -> None:
    visitor = asking(tmp_path, "a")
    assert eventually(lambda: held.begun == ["a"])
    visitor.close()
    held.go.set()
    assert heard(asking(tmp_path, "b"))[0]["type"] == "answer"
    assert held.begun == ["a", "b"]


def test_a_request_older_than_a_command_waits_is_not_begun(
    tmp_path: Path, door: Door, held: Held
) -> None:
    [said] = heard(asking(tmp_path, "old", age=5))
    assert said["type"] == "declined"
    assert held.begun == []


def test_a_full_queue_declines_and_takes_again_when_there_is_room(
    tmp_path: Path, door: Door, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = [asking(tmp_path, f"busy-{number}") for number in range(lanes.WORKERS)]
    assert eventually(lambda: len(held.begun) == lanes.WORKERS)
    monkeypatch.setattr(lanes, "QUEUE_MAX", 1)
    waits = asking(tmp_path, "waits")
    assert eventually(lambda: len(door._lanes._waiting) == 1)
    [said] = heard(asking(tmp_path, "too many"))
    assert said["why"] == "full"
    held.go.set()
    assert heard(waits)
    assert all(heard(visitor) for visitor in busy)


def test_what_takes_risk_away_waits_behind_no_entry(tmp_path: Path, door: Door, held: Held) -> None:
    busy = [asking(tmp_path, f"busy-{number}") for number in range(lanes.WORKERS + 3)]
    assert eventually(lambda: len(held.begun) == lanes.WORKERS)
    close = asking(tmp_path, "close", Close("AAPL"))
    assert eventually(lambda: "close" in held.begun)
    held.go.set()
    assert heard(close)[0]["type"] == "answer"
    assert all(heard(visitor) for visitor in busy)


def test_those_that_follow_their_order_keep_nobody_from_sending(
    tmp_path: Path, door: Door, held: Held
) -> None:
    patient = msgspec.structs.replace(ORDER, wait_seconds=60.0)
    many = [
        asking(tmp_path, f"follows-{number}", patient) for number in range(lanes.FOLLOWERS_MAX + 1)
    ]
    assert eventually(lambda: len(held.begun) == lanes.FOLLOWERS_MAX)
    quick = asking(tmp_path, "quick", Cancel("x", 5.0))
    assert eventually(lambda: "quick" in held.begun)
    held.go.set()
    assert heard(quick)[0]["type"] == "answer"
    assert sorted(heard(visitor)[0]["type"] for visitor in many)[-1] == "declined"


def test_what_was_handed_back_is_declined(tmp_path: Path, door: Door, held: Held) -> None:
    held.hand_back = True
    held.go.set()
    [said] = heard(asking(tmp_path, "a"))
    assert (said["type"], said["why"]) == ("declined", "handed_back")


def test_a_watch_that_ends_drops_what_waits_and_answers_what_it_has_begun(
    tmp_path: Path, door: Door, held: Held
) -> None:
    busy = [asking(tmp_path, f"busy-{number}") for number in range(lanes.WORKERS)]
    assert eventually(lambda: len(held.begun) == lanes.WORKERS)
    waits = asking(tmp_path, "waits")
    assert eventually(lambda: len(door._lanes._waiting) == 1)
    door.close()
    assert heard(waits)[0]["type"] == "declined"
    held.go.set()
    assert [heard(visitor)[0]["type"] for visitor in busy] == ["answer"] * len(busy)


def test_an_answer_that_nobody_reads_holds_up_nobody_else(
    tmp_path: Path, door: Door, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = to_line(Answer(msgspec.Raw(json.dumps("x" * 900_000).encode())))
    monkeypatch.setattr(held, "work", lambda request: long)
    deaf = [asking(tmp_path, f"deaf-{number}") for number in range(3)]
    assert len(heard(asking(tmp_path, "hears"))[0]["result"]) == 900_000
    assert len(heard(deaf[0])[0]["result"]) == 900_000


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_user_is_not_let_in(
    tmp_path: Path, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TemporaryDirectory(dir="/tmp", prefix="door-") as folder:
        os.chmod(folder, 0o755)  # as if the folder were not kept from others
        path = Path(folder) / "open.sock"
        monkeypatch.setattr(serving, "socket_path", lambda directory, env: path)
        opened = Door(tmp_path, "same", held.make)
        opened.open()
        os.chmod(path, 0o777)
        pid = os.fork()
        if pid == 0:
            try:
                os.setuid(65534)
                visitor = socket.socket(socket.AF_UNIX)
                visitor.connect(str(path))
                os._exit(0 if visitor.recv(1) == b"" else 1)
            except BaseException:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        opened.close()
    assert held.begun == []
