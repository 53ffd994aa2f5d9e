"""Goal: command and watch meet at one socket, of this user alone, whatever their environments."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from execbot.config.errors import ConfigError
from execbot.desk.door.address import (
    announce,
    announced,
    socket_path,
    withdraw,
)
from execbot.desk.door.peer import DOOR_NAME, PATH_BYTES_MAX


@pytest.fixture
def runtime() -> Iterator[Path]:
    """Short, as the system's is: pytest's own folders leave no room for a socket's name."""
    with TemporaryDirectory(dir="/tmp", prefix="door-") as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The system's temporary directory of this test alone."""
    with TemporaryDirectory(dir="/tmp", prefix="door-") as folder:
        monkeypatch.setattr("tempfile.tempdir", folder)
        yield Path(folder)


def test_the_socket_is_in_the_runtime_directory_under_a_name_of_the_account(runtime: Path) -> None:
    one, other = runtime.parent / "paper-1", runtime.parent / "paper-2"
    env = {"XDG_RUNTIME_DIR": str(runtime)}
    assert socket_path(one, env).parent == runtime / "execbot"
    assert socket_path(one, env) == socket_path(one, env)
    assert socket_path(one, env) != socket_path(other, env)
    assert (runtime / "execbot").stat().st_mode & 0o777 == 0o700


def test_a_runtime_directory_that_lies_too_deep_is_passed_over(
    runtime: Path, tmp_path: Path, temporary: Path
) -> None:
    deep = runtime / ("d" * 100)
    deep.mkdir(mode=0o700)
    path = socket_path(tmp_path, {"XDG_RUNTIME_DIR": str(deep)})
    assert path.parent == temporary / f"execbot-{os.getuid()}"
    assert len(os.fsencode(path)) <= PATH_BYTES_MAX


def test_a_folder_that_others_can_look_into_is_not_used(runtime: Path, tmp_path: Path) -> None:
    (runtime / "execbot").mkdir(mode=0o755)
    os.chmod(runtime / "execbot", 0o755)
    assert socket_path(tmp_path, {"XDG_RUNTIME_DIR": str(runtime)}).parent != runtime / "execbot"


def test_a_link_in_the_place_of_the_folder_is_not_followed(runtime: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (runtime / "execbot").symlink_to(elsewhere)
    assert socket_path(tmp_path, {"XDG_RUNTIME_DIR": str(runtime)}).parent != runtime / "execbot"


def test_without_a_folder_of_its_own_there_is_no_door(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "not-there"))
    with pytest.raises(ConfigError, match="no folder"):
        socket_path(tmp_path, {})


def test_the_state_directory_says_where_the_door_is_until_it_is_gone(tmp_path: Path) -> None:
    assert announced(tmp_path) is None
    announce(tmp_path, Path("/run/x.sock"))
    assert announced(tmp_path) == Path("/run/x.sock")
    assert (tmp_path / DOOR_NAME).stat().st_mode & 0o777 == 0o600
    withdraw(tmp_path)
    assert announced(tmp_path) is None


@pytest.mark.parametrize("said", ["", "relative.sock", "/" + "x" * PATH_BYTES_MAX, "\udcff"])
def test_what_is_no_path_of_a_socket_is_not_knocked_at(tmp_path: Path, said: str) -> None:
    (tmp_path / DOOR_NAME).write_bytes(said.encode(errors="surrogateescape"))
    assert announced(tmp_path) is None
