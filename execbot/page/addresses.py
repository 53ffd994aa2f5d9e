"""Where something listens, as it is written on a command line. Pure."""

from __future__ import annotations

from msgspec import Struct


class Address(Struct, frozen=True):
    """`127.0.0.1:8787`. Port 0 takes a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def address_of(word: str, default: Address) -> Address:
    """`HOST:PORT`, `:PORT`, `PORT` or `HOST`. Raises ValueError."""
    host, colon, port = word.rpartition(":")
    if not colon:
        host, port = ("", word) if word.isdigit() else (word, str(default.port))
    if word.startswith("[") and word.endswith("]"):
        host, port = word, str(default.port)
    if not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{word!r} has no port between 0 and 65535")
    return Address(host.strip("[]") or default.host, int(port))
