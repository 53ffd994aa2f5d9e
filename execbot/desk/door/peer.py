"""Who is at the other end of the door, and whether both speak the same version.

It imports little: a command needs it before it has loaded anything."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

PROTOCOL = 3
"""Goes up with every change to what is said at the door (`messages`), or to the values that are
named there. A watch and a command that differ in it, or in their version, have nothing to say to
each other."""

PATH_BYTES_MAX = 107
"""`sun_path` holds 108 with the zero at its end; a longer one is refused by the system."""

DOOR_NAME = "watch.door"
"""In the account's state directory: the path of the socket."""


def is_own_user(connection: socket.socket) -> bool:
    """Whether the other end runs as this very user, by the system's word."""
    if sys.platform == "linux":
        import socket
        import struct

        size = struct.calcsize("3i")
        _, uid, _ = struct.unpack(
            "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        )
        return bool(uid == os.getuid())
    # Elsewhere the socket's folder, which is this user's alone, must do.
    return True
