"""Identifiers that look like Alpaca's and depend only on the seed and a counter."""

from __future__ import annotations

import hashlib
from decimal import Decimal

from execbot.sim.types import Ns

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [high + low for high in _CROCKFORD for low in _CROCKFORD]
_SHIFTS = range(120, -1, -10)


def named_uuid(seed: int, name: str) -> str:
    """A UUIDv4-shaped id that is a function of the seed and a name."""
    return _shape(hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16).digest())


def named_share(seed: int, name: str) -> Decimal:
    """A number from 0 to 1 that is a function of the seed and a name."""
    raw = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=4).digest()
    return Decimal(int.from_bytes(raw, "big")) / 2**32


def _shape(raw: bytes) -> str:
    """16 bytes as text, with the version (4) and the variant (8 to b) in their places."""
    text = raw.hex()
    variant = "89ab"[int(text[16], 16) & 3]
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"


def is_uuid(text: str) -> bool:
    """True for the textual form of any UUID, the only thing accepted as a path id."""
    parts = text.split("-")
    if [len(part) for part in parts] != [8, 4, 4, 4, 12]:
        return False
    return all(char in "0123456789abcdefABCDEF" for part in parts for char in part)


class Ids:
    """Hands out ids in order; `counter` is the whole state."""

    __slots__ = ("counter", "seed")

    def __init__(self, seed: int, counter: int = 0) -> None:
        self.seed = seed
        self.counter = counter

    def _next(self) -> bytes:
        self.counter += 1
        return hashlib.blake2b(f"{self.seed}#{self.counter}".encode(), digest_size=16).digest()

    def uuid(self) -> str:
        return _shape(self._next())

    def ulid(self, at: Ns) -> str:
        """26 characters: 48 bits of milliseconds, 80 bits that grow with the counter."""
        tail = int.from_bytes(self._next()[:4], "big")
        number = ((at // 1_000_000) << 80) | ((self.counter & 0xFFFFFFFFFFFF) << 32) | tail
        return "".join([_PAIRS[(number >> shift) & 1023] for shift in _SHIFTS])
