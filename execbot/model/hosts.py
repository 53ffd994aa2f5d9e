"""Which host names mean this machine."""

from __future__ import annotations


def is_loopback(host: str) -> bool:
    """`localhost`, `::1`, or an address of the net 127.0.0.0/8 in full (RFC 1122, 3.2.1.3).

    A name that only begins like one (`127.evil.example`) is somebody else's.
    """
    if host in ("localhost", "::1"):
        return True
    octets = host.split(".")
    return len(octets) == 4 and octets[0] == "127" and all(map(_is_octet, octets))


def _is_octet(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= 3 and int(word) <= 255
