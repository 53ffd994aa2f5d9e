"""A live `systemd --user` of a home's own, in namespaces that end with it.

It sees this machine's files and loopback, a `/run` of its own, and of the control groups only a new
one below this process's, in the hierarchy that has no controllers. Needs root and a machine whose
`name=systemd` hierarchy can be written; the test is skipped elsewhere, with the reason.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.waiting import eventually

SYSTEMD = Path("/lib/systemd/systemd")
GROUPS = Path("/sys/fs/cgroup/systemd")

BEGIN = """
mount --make-rprivate / &&
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system &&
mount -t tmpfs tmpfs /sys/fs/cgroup && mkdir /sys/fs/cgroup/systemd &&
mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd || exit 9
env -i HOME="$1" XDG_RUNTIME_DIR="$2" PATH=/usr/bin:/bin LANG=C.UTF-8 \
    "$3" --user --log-target=console --log-level=info
"""
"""The shell stays the first process of its namespace: as that one systemd would be the system's."""


@dataclass(frozen=True)
class UserManager:
    """`call` is systemctl, which must be in the manager's namespaces to be answered."""

    pid: int
    runtime: Path

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        inside = ["nsenter", "-t", str(self.pid), "-m", "-p", "-C"]
        return subprocess.run(
            [*inside, "systemctl", "--user", "--no-pager", *arguments],
            env={"XDG_RUNTIME_DIR": str(self.runtime), "PATH": "/usr/bin:/bin", "TZ": "UTC"},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.call("show", "--value", "-p", name, unit).stdout.strip()

    def main_pid(self, unit: str) -> int:
        """As this machine knows it; 0 where it does not run."""
        inner = self.show(unit, "MainPID")
        for found in Path("/proc").glob("[0-9]*/status"):
            with suppress(OSError):
                [line] = [row for row in found.read_text().splitlines() if row.startswith("NSpid:")]
                numbers = line.split()[1:]
                if len(numbers) > 1 and numbers[-1] == inner and self._is_ours(found.parent):
                    return int(numbers[0])
        return 0

    def _is_ours(self, process: Path) -> bool:
        return os.readlink(process / "ns/pid") == os.readlink(f"/proc/{self.pid}/ns/pid")


@contextmanager
def user_manager(home: Path, folder: Path) -> Iterator[UserManager]:
    """Started, and gone afterwards with all that it has started."""
    _skip_where_none_can_run()
    runtime, group = folder / "run", GROUPS / f"execbot-test-{os.getpid()}"
    runtime.mkdir(mode=0o700)
    group.mkdir()
    joined = ["sh", "-c", 'echo $$ > "$0/cgroup.procs"; exec "$@"', str(group)]
    apart = ["unshare", "-m", "-C", "--pid", "--fork", "--kill-child", "--mount-proc"]
    with (folder / "systemd.log").open("wb") as log:
        process = subprocess.Popen(
            [*joined, *apart, "sh", "-c", BEGIN, "sh", str(home), str(runtime), str(SYSTEMD)],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
    try:
        ready = eventually(
            lambda: process.poll() is not None or (runtime / "systemd" / "private").exists(), 30
        )
        if not ready or process.poll() is not None:
            pytest.skip(f"no user manager: {(folder / 'systemd.log').read_text().strip()[-200:]}")
        shell = _child(process.pid)
        yield UserManager(_child(shell), runtime)
    finally:
        process.kill()
        process.wait()
        _remove(group)


def _skip_where_none_can_run() -> None:
    tools = ("unshare", "nsenter", "systemctl")
    missing = [name for name in tools if shutil.which(name) is None]
    if missing or not SYSTEMD.exists():
        pytest.skip(f"a live systemd needs {', '.join(missing) or SYSTEMD}")
    if os.geteuid() != 0 or not os.access(GROUPS, os.W_OK):
        pytest.skip(f"a live systemd needs root and a hierarchy {GROUPS} that can be written")


def _child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _remove(group: Path) -> None:
    """What is left of the control groups once their last process is gone."""
    until = time.monotonic() + 10
    while group.exists() and time.monotonic() < until:
        for folder, _, _ in os.walk(group, topdown=False):
            with suppress(OSError):
                os.rmdir(folder)
        time.sleep(0.05)
