"""Seals this process and what it starts: no network but its own loopback, its own hosts file.

Linux only, and no privilege is needed: a user namespace gives the right to make a network
namespace, in which nothing but an unconnected loopback exists, and a mount namespace, in which
files stand over others. The process that calls `seal` is inside from then on; the exchange serves
from within. What stays reachable is the file system: a listening socket file would be a door, so
those that exist are covered, and what a sealed program writes others may read.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import struct
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x0002_0000, 0x1000_0000, 0x4000_0000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x4_0000
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 0x1
_INTERFACE = struct.Struct("16sH22x")

HINTS = {
    errno.EPERM: "This system does not let users make namespaces (containers often do not; "
    "on Ubuntu it is kernel.apparmor_restrict_unprivileged_userns).",
    errno.EACCES: "This system does not let users make namespaces "
    "(on Ubuntu it is kernel.apparmor_restrict_unprivileged_userns).",
    errno.ENOSPC: "user.max_user_namespaces is 0 here.",
    errno.ENOSYS: "This kernel has no namespaces.",
    errno.EINVAL: "This kernel was built without user namespaces.",
}


class CannotSeal(Exception):
    """Namespaces are not to be had here. `hint` says why."""

    def __init__(self, what: str, number: int = 0) -> None:
        super().__init__(f"{what}: {os.strerror(number)}" if number else what)
        self.hint = HINTS.get(number, "Sealing needs Linux with unprivileged user namespaces.")


def seal(covers: Mapping[Path, Path], doors: Iterable[Path] = ()) -> None:
    """Puts the calling process into namespaces of its own, for good; `covers` are files that stand
    over others (what is seen there: what is really read), `doors` socket files that lead nowhere
    from then on. It must have one thread.

    Raises `CannotSeal`; the process may then be half inside and should end.
    """
    if sys.platform != "linux":
        raise CannotSeal(f"a run cannot be sealed on {sys.platform}")
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.geteuid(), os.getegid()
    with _MapsFromOutside() as maps:
        if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS):
            raise CannotSeal("a namespace was refused", ctypes.get_errno())
        if not maps.write():
            _map_alone(uid, gid)
    try:
        _loopback_up()
    except OSError as error:
        raise CannotSeal("loopback could not be set up", error.errno or 0) from None
    _mount(libc, Path("none"), Path("/"), MS_REC | MS_PRIVATE)
    for seen, real in covers.items():
        _mount(libc, real, seen, MS_BIND)
    for door in doors:
        if not _mounted_on(libc, Path("/dev/null"), door, MS_BIND) and door.exists():
            raise CannotSeal(f"{door} could not be covered", ctypes.get_errno())


def _mount(libc: ctypes.CDLL, source: Path, target: Path, flags: int) -> None:
    if not _mounted_on(libc, source, target, flags):
        raise CannotSeal(f"{target} could not be covered", ctypes.get_errno())


def _mounted_on(libc: ctypes.CDLL, source: Path, target: Path, flags: int) -> bool:
    return not libc.mount(bytes(source), bytes(target), None, ctypes.c_ulong(flags), None)


def _map_alone(uid: int, gid: int) -> None:
    """This user stays who they are; nobody else exists in there."""
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    except OSError as error:
        raise CannotSeal("users could not be mapped", error.errno or 0) from None


class _MapsFromOutside:
    """For root: a child that stays outside maps all users, as only it may, so that files of others
    remain usable. Everybody else keeps to `_map_alone`.
    """

    def __enter__(self) -> _MapsFromOutside:
        self._child = 0
        if os.geteuid() != 0:
            return self
        self._read, self._write = os.pipe()
        parent = os.getpid()
        self._child = os.fork()
        if not self._child:
            os.close(self._write)
            os._exit(0 if os.read(self._read, 1) and _map_everybody(parent) else 1)
        return self

    def write(self) -> bool:
        """Whether everybody was mapped."""
        if not self._child:
            return False
        os.write(self._write, b"x")
        child, self._child = self._child, 0
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    def __exit__(self, *_: object) -> None:
        if os.geteuid() == 0 and hasattr(self, "_write"):
            os.close(self._write)
            os.close(self._read)
        if self._child:
            os.waitpid(self._child, 0)


def _map_everybody(parent: int) -> bool:
    try:
        for name in ("uid_map", "gid_map"):
            rows = [line.split() for line in Path(f"/proc/self/{name}").read_text().splitlines()]
            text = "".join(f"{row[0]} {row[0]} {row[2]}\n" for row in rows)
            Path(f"/proc/{parent}/{name}").write_text(text)
    except OSError:
        return False
    return True


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        fcntl.ioctl(handle, _SIOCSIFFLAGS, _INTERFACE.pack(b"lo", _IFF_UP))


# --- what is covered -----------------------------------------------------------------------------

# Where systems keep the authorities that programs trust.
SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_SEARCHED = ("/tmp", "/dev", "/run")  # the last one first
_SEARCHED_MAX = 100_000


def make_covers(folder: Path, hosts: Iterable[str], bundle: Path) -> dict[Path, Path]:
    """The files of a sealed run, written into `folder`: what is seen to what is really there.

    `hosts` all lead to this machine, and no name server is asked for any other name.
    Raises `CannotSeal` where there is no hosts file to cover.
    """
    own = {
        "/etc/hosts": _hosts_file(hosts),
        "/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
        "/etc/nsswitch.conf": _nsswitch(),
    }
    covers: dict[Path, Path] = {}
    for seen, text in own.items():
        if os.path.isfile(seen):
            real = folder / Path(seen).name
            real.write_text(text)
            covers[_real(seen)] = real
    if _real("/etc/hosts") not in covers:
        raise CannotSeal("there is no /etc/hosts to cover")
    for seen in SYSTEM_BUNDLES:
        if os.path.isfile(seen):
            covers[_real(seen)] = bundle
    return covers


def _real(path: str) -> Path:
    return Path(os.path.realpath(path))


def _hosts_file(hosts: Iterable[str]) -> str:
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    names = [socket.gethostname(), *hosts]
    return "\n".join([*lines, *(f"127.0.0.1 {name}" for name in names), ""])


def _nsswitch() -> str:
    """The system's own, but names of hosts come from the hosts file alone: services that look them
    up for others sit outside.
    """
    try:
        lines = Path("/etc/nsswitch.conf").read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    kept = [line for line in lines if not line.lstrip().startswith("hosts:")]
    return "\n".join([*kept, "hosts: files", ""])


def socket_files() -> set[Path]:
    """Socket files that exist: doors to programs outside, which a network namespace leaves open.

    Those that the kernel lists, those that are mounted (as containers do), and those that lie in
    the usual places.
    """
    found: set[Path] = set()
    for text in (*_listed(), *_mounted(), *_lying_about()):
        try:
            path = Path(os.path.realpath(text))
            if path.is_socket():
                found.add(path)
        except OSError:
            continue
    return found


def _listed() -> list[str]:
    try:
        lines = Path("/proc/net/unix").read_text(errors="surrogateescape").splitlines()[1:]
    except OSError:
        return []
    rows = (line.split(maxsplit=7) for line in lines)
    return [row[7] for row in rows if len(row) == 8 and row[7].startswith("/")]


def _mounted() -> list[str]:
    try:
        lines = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []
    return [line.split()[4].encode().decode("unicode_escape") for line in lines]


def _lying_about() -> list[str]:
    """Socket files in the usual places. Their type stands in the folder: no file is opened."""
    found: list[str] = []
    places = [*_SEARCHED, os.environ.get("XDG_RUNTIME_DIR") or "/run"]
    seen = 0
    while places and seen < _SEARCHED_MAX:
        try:
            with os.scandir(places.pop()) as entries:
                for entry in entries:
                    seen += 1
                    if entry.is_dir(follow_symlinks=False):
                        places.append(entry.path)
                    elif not entry.is_symlink() and not entry.is_file():
                        found.append(entry.path)
        except OSError:
            continue
    return found
