"""Goal: a bot in a sealed run reaches the exchange and nothing else, and the run ends as it did.

Method: the command as a process; bots that are small programs, one of which tries every way out
while listeners wait for it outside.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.processes import Outcome, clean_environment, execbot, start_execbot

HERE = Path(__file__).parent


def namespaces_are_to_be_had() -> bool:
    """Whether a process may make itself a user namespace here, tried by one."""
    code = "import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare(0x5002_0000) != 0)"
    return sys.platform == "linux" and subprocess.run([sys.executable, "-c", code]).returncode == 0


pytestmark = pytest.mark.skipif(
    not namespaces_are_to_be_had(), reason="no user namespaces here: a run cannot be sealed"
)


def run(home: Path, *command: str, options: tuple[str, ...] = (), **more: str) -> Outcome:
    env = clean_environment(home, **more)
    return execbot(["sim", "run", "--json", *options, "--", *command], env)


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Listeners of the world outside, and who came."""
    came: list[str] = []
    name = f"execbot-test-{os.getpid()}"
    addresses: dict[str, tuple[int, Any]] = {
        "port": (socket.AF_INET, ("127.0.0.1", 0)),
        "file": (socket.AF_UNIX, str(tmp_path / "outside.sock")),
        "abstract": (socket.AF_UNIX, f"\0{name}"),
    }
    with ExitStack() as stack:
        found: dict[str, Any] = {"came": came, "name": name}
        for kind, (family, address) in addresses.items():
            listener = stack.enter_context(socket.socket(family))
            listener.bind(address)
            listener.listen()
            found[kind] = listener.getsockname()
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
            threading.Thread(target=_welcome, args=(listener, kind, came), daemon=True).start()
        yield found


def _welcome(listener: socket.socket, kind: str, came: list[str]) -> None:
    while True:
        try:
            listener.accept()[0].close()
        except OSError:
            return
        came.append(kind)


def test_a_bot_cannot_get_out(tmp_path: Path, outside: dict[str, Any]) -> None:
    bot = [str(HERE / "escapes.py"), str(outside["port"][1]), outside["file"], outside["name"]]
    ended = run(tmp_path, sys.executable, *bot, str(os.getpid()))
    assert ended.code == 0, ended.err
    found = json.loads(next(line for line in ended.err.splitlines() if line.startswith("{")))
    assert found.pop("the exchange") == 200
    assert found.pop("interfaces") == ["lo"]
    assert found.pop("files handed down") == []
    got_out = [way for way, how in found.items() if how == "out"]
    assert not got_out, found
    assert not outside["came"]
    assert len(found) == 16
    # The same bot outside a run, so that the listeners are known to let it in.
    free = subprocess.run([sys.executable, *bot], capture_output=True, text=True, check=True)
    assert set(json.loads(free.stdout).values()) == {"out"}


def test_what_was_ordered_is_told_and_the_exit_code_is_the_bots(tmp_path: Path) -> None:
    bot = tmp_path / "bot.py"
    bot.write_text(
        "import sys\n"
        "from execbot.sim.run.names import TRADING\n"
        "from http.client import HTTPSConnection\n"
        "import json, os\n"
        "line = HTTPSConnection(TRADING)\n"
        "keys = {'APCA-API-KEY-ID': os.environ['APCA_API_KEY_ID'],\n"
        "        'APCA-API-SECRET-KEY': os.environ['APCA_API_SECRET_KEY']}\n"
        "for symbol, qty, side in (('AAPL', 3, 'buy'), ('AAPL', 9000000, 'buy')):\n"
        "    order = dict(symbol=symbol, qty=qty, side=side, type='market', time_in_force='day')\n"
        "    line.request('POST', '/v2/orders', json.dumps(order), keys)\n"
        "    line.getresponse().read()\n"
        "print('its own words')\n"
        "sys.exit(7)\n"
    )
    ended = run(tmp_path, sys.executable, str(bot), options=("--set", "exchange.fill_latency=0"))
    assert ended.code == 7
    assert ended.json["ok"] is False and ended.data["exit_code"] == 7 and ended.data["sealed"]
    [account] = ended.data["accounts"]
    assert account["traded"] == {"AAPL": {"bought": "3", "sold": "0"}}
    assert account["refused"] == [{"status": 403, "message": "insufficient buying power"}]
    assert "its own words" in ended.err


def test_what_a_bot_leaves_running_ends_with_it_and_its_folder_is_gone(tmp_path: Path) -> None:
    """A process that ignores the request to end is made to."""
    script = "trap '' TERM; sleep 600 & echo $! > left; echo $SSL_CERT_FILE > trusted"
    env = clean_environment(tmp_path)
    ended = execbot(["sim", "run", "--", "sh", "-c", f"setsid sh -c '{script}'"], env)
    assert ended.code == 0, ended.err
    left = int((tmp_path / "left").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(left, 0)
    assert not Path((tmp_path / "trusted").read_text().strip()).parent.exists()


def test_a_signal_reaches_the_bot_and_its_end_is_told(tmp_path: Path) -> None:
    process = start_execbot(
        ["sim", "run", "--", "sh", "-c", "echo ready; exec sleep 600"], clean_environment(tmp_path)
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "ended with 143" in told


def test_without_namespaces_it_says_so_and_names_the_other_way(tmp_path: Path) -> None:
    """The kernel is told to refuse, by a limit of a namespace around the command."""
    inside = "echo 0 > /proc/sys/user/max_net_namespaces && exec " + " ".join(
        [sys.executable, "-m", "execbot", "sim", "run", "--json", "--", "true"]
    )
    libc = ctypes.CDLL(None)
    done = subprocess.run(
        ["sh", "-c", inside],
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        preexec_fn=lambda: _own_user(libc, os.getuid(), os.getgid()),
    )
    if "sys/user" in done.stderr:
        pytest.skip("limits cannot be set here")
    assert done.returncode == 3, done.stderr
    error = json.loads(done.stderr)
    assert error["kind"] == "config.not_sealed"
    assert "max_user_namespaces" in error["hint"] and "--unsealed" in error["next"]


def _own_user(libc: ctypes.CDLL, uid: int, gid: int) -> None:
    libc.unshare(0x1000_0000)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        Path(f"/proc/self/{name}").write_text(text)


def test_a_command_that_is_not_there_is_a_mistake_of_usage(tmp_path: Path) -> None:
    ended = run(tmp_path, "no-such-command")
    assert ended.code == 2
    assert ended.error["kind"] == "usage.sim_run"
