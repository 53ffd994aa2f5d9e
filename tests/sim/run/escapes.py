"""What a bot might try to get out of a sealed run. Each way prints how it went, as JSON; the bot
is given the listeners of the world outside: a TCP port, a socket file, an abstract socket name,
and the process that started the run.
"""

import contextlib
import ctypes
import json
import os
import socket
import sys
import urllib.request

LIBC = ctypes.CDLL(None, use_errno=True)
PORT, FILE, ABSTRACT = int(sys.argv[1]), sys.argv[2], sys.argv[3]
CLONE_NEWUSER, CLONE_NEWNET = 0x1000_0000, 0x4000_0000
VSOCK, BLUETOOTH, IO_URING_SETUP = 40, 31, 425


def tried(way):
    """How it went: `out`, or the error that stopped it."""
    try:
        return way() or "out"
    except OSError as error:
        return type(error).__name__ if error.errno is None else os.strerror(error.errno)


def connected(family, address):
    with socket.socket(family) as handle:
        handle.settimeout(5)
        handle.connect(address)


def asked_a_name_server():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        handle.sendto(b"\0" * 12, ("9.9.9.9", 53))


def entered(pid):
    with open(f"/proc/{pid}/ns/net", "rb") as namespace:
        checked(LIBC.setns(namespace.fileno(), CLONE_NEWNET))


def checked(result):
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def asked_for_a_ring():
    if LIBC.syscall(IO_URING_SETUP, 8, ctypes.create_string_buffer(256)) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def uncovered():
    checked(LIBC.umount2(b"/etc/hosts", 2))


def looked_into_the_exchange():
    checked(LIBC.ptrace(16, os.getppid(), None, None))


def with_more_rights():
    """The rights of a namespace of its own, and then each way once more."""
    checked(LIBC.unshare(CLONE_NEWUSER))
    entered(1)


ways = {
    "an address of the internet": lambda: connected(socket.AF_INET, ("1.1.1.1", 443)),
    "its newer protocol": lambda: connected(socket.AF_INET6, ("2606:4700:4700::1111", 443)),
    "a name server": asked_a_name_server,
    "a name": lambda: socket.getaddrinfo("example.com", 443) and None,
    "a server of this machine": lambda: connected(socket.AF_INET, ("127.0.0.1", PORT)),
    "a socket file": lambda: connected(socket.AF_UNIX, FILE),
    "a socket without a file": lambda: connected(socket.AF_UNIX, "\0" + ABSTRACT),
    "the host of a virtual machine": lambda: socket.socket(VSOCK) and None,
    "a radio": lambda: socket.socket(BLUETOOTH) and None,
    "raw frames": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW) and None,
    "a ring": asked_for_a_ring,
    "the first process's network": lambda: entered(1),
    "the network of whoever started the run": lambda: entered(sys.argv[4]),
    "the hosts file below": uncovered,
    "the exchange's memory": looked_into_the_exchange,
    "rights of its own": with_more_rights,
}
# Outside a run only what does no harm there is tried.
harmless = ("a server of this machine", "a socket file", "a socket without a file")
if len(sys.argv) == 4:
    print(json.dumps({name: tried(ways[name]) for name in harmless}))
    sys.exit()
found = {name: tried(way) for name, way in ways.items()}
found["interfaces"] = [name for _, name in socket.if_nameindex()]
found["files handed down"] = sorted(
    int(name)
    for name in os.listdir("/proc/self/fd")
    if int(name) > 2 and not os.path.realpath(f"/proc/self/fd/{name}").startswith("/proc/")
)
with contextlib.suppress(OSError):
    url = "https://paper-api.alpaca.markets/v2/account"
    request = urllib.request.Request(url, headers={"APCA-API-KEY-ID": "any"})
    found["the exchange"] = urllib.request.urlopen(request).status
print(json.dumps(found))
