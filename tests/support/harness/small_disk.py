"""A small disk of its own for commands: a tmpfs in a mount namespace that needs no rights.

What is on it is seen from outside through the process that holds the namespace.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

FILLER = "filler"


@dataclass(frozen=True)
class SmallDisk:
    """`inside` is its path for commands that are run with `prefix`, `outside` the same for us."""

    pid: int
    inside: Path
    outside: Path

    @property
    def prefix(self) -> Sequence[str]:
        return ["nsenter", "-t", str(self.pid), "-U", "-m", "--preserve-credentials", "--"]

    @property
    def free_bytes(self) -> int:
        found = os.statvfs(self.outside)
        return found.f_bavail * found.f_bsize

    def leave(self, kilobytes: int) -> None:
        """Fill it until so much is left; it may hold less already."""
        # Others write meanwhile: then less is left.
        with contextlib.suppress(OSError), (self.outside / FILLER).open("ab") as filler:
            more = self.free_bytes - kilobytes * 1024
            if more > 0:
                filler.write(b"\0" * more)

    def fill(self) -> None:
        """Nothing is left, not even for a small file."""
        with (
            contextlib.suppress(OSError),
            (self.outside / FILLER).open("ab", buffering=0) as filler,
        ):
            while True:
                filler.write(b"\0" * 1024)

    def make_room(self) -> None:
        (self.outside / FILLER).unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(folder: Path, kilobytes: int = 20_000) -> Iterator[SmallDisk]:
    """Mounted below `folder` until the block ends; the test is skipped where that cannot be had."""
    if not (shutil.which("unshare") and shutil.which("nsenter")):
        pytest.skip("no small disk: `unshare` and `nsenter` are not there")
    inside = folder / "small"
    inside.mkdir(parents=True)
    mounted = f"mount -t tmpfs -o size={kilobytes}k none '{inside}' && echo ready"
    holder = subprocess.Popen(
        ["unshare", "-rm", "sh", "-c", f"{mounted} && exec sleep 1000000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None and holder.stderr is not None
        if holder.stdout.readline() != "ready\n":
            pytest.skip(f"no small disk: {holder.stderr.read().strip()}")
        yield SmallDisk(holder.pid, inside, Path(f"/proc/{holder.pid}/root{inside}"))
    finally:
        holder.kill()
        holder.wait()
