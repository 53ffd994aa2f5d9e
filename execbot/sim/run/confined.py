"""What a sealed bot may not do even inside: run between fork and exec, so ctypes and nothing else.

A network namespace holds back the internet's protocols. Other families of sockets (vsock, which
reaches the host of a virtual machine; Bluetooth; CAN) are refused by a filter of system calls, as
is io_uring, which would make sockets past that filter.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import signal
import struct

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 22, 24, 38
_SECCOMP_MODE_FILTER = 2
_CAP_NET_ADMIN, _CAP_SYS_PTRACE, _CAP_SYS_ADMIN = 12, 19, 21

_LOAD, _IS, _IS_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF_0000, 0x0005_0000
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16

_X32_NUMBERS = 0x4000_0000
# Architecture, number of socket(), number of io_uring_setup().
_MACHINES = {
    "x86_64": (0xC000_003E, 41, 425),
    "aarch64": (0xC000_00B7, 198, 425),
}
FAMILIES = (1, 2, 10, 16)
"""Unix, IPv4, IPv6, netlink."""


def filter_program(machine: str) -> bytes | None:
    """The filter for a machine, in the kernel's instructions; None where it is not known."""
    found = _MACHINES.get(machine)
    if found is None:
        return None
    architecture, socket_call, uring_call = found
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_IS, 1, 0, architecture),
        (_RETURN, 0, 0, _REFUSE | errno.EPERM),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_IS_AT_LEAST, 0, 1, _X32_NUMBERS),
        (_RETURN, 0, 0, _REFUSE | errno.EPERM),
        (_IS, 0, 1, uring_call),
        (_RETURN, 0, 0, _REFUSE | errno.EPERM),
        (_IS, 1, 0, socket_call),
        (_RETURN, 0, 0, _ALLOW),
        (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
        *((_IS, len(FAMILIES) - place, 0, family) for place, family in enumerate(FAMILIES)),
        (_RETURN, 0, 0, _REFUSE | errno.EAFNOSUPPORT),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


class Confinement:
    """Prepared before the fork; called in the child right before it becomes the bot."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._parent = os.getpid()
        program = filter_program(platform.machine()) or b""
        self._steps = ctypes.create_string_buffer(program, max(len(program), 1))
        count = len(program) // 8
        packed = struct.pack("HxxxxxxP", count, ctypes.addressof(self._steps))
        self._program = ctypes.create_string_buffer(packed, len(packed))
        self._filters = bool(program)

    def __call__(self) -> None:
        self._ask(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self._parent:
            os._exit(1)
        for capability in (_CAP_NET_ADMIN, _CAP_SYS_PTRACE, _CAP_SYS_ADMIN):
            self._ask(_PR_CAPBSET_DROP, capability)
        self._ask(_PR_SET_NO_NEW_PRIVS, 1)
        if self._filters:
            address = ctypes.addressof(self._program)
            if self._ask(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, address):
                raise OSError(ctypes.get_errno(), "the filter of system calls was refused")

    def _ask(self, what: int, first: int = 0, second: int = 0) -> int:
        arguments = [ctypes.c_ulong(value) for value in (first, second, 0, 0)]
        return int(self._libc.prctl(ctypes.c_int(what), *arguments))
