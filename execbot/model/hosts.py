"""Hosts: which names mean this machine, and the base URLs of the broker, checked."""

from __future__ import annotations

from urllib.parse import urlsplit

PAPER_URL = "https://paper-api.alpaca.markets"
LIVE_URL = "https://api.alpaca.markets"


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


def check_base_url(base_url: str) -> str:
    """Return the URL without a trailing slash. Raises ValueError for one that is not usable.

    Plain http carries the keys readably, so it is taken for this machine only.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not an http(s) URL: {base_url!r}")
    if not all(0 < len(label) < 64 for label in parts.hostname.rstrip(".").split(".")):
        raise ValueError(f"not a host name: {parts.hostname!r}")
    if parts.username or parts.password:
        raise ValueError("a URL must not carry a user name or password")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError(f"http without TLS is only for this machine, not for {parts.hostname}")
    return base_url.rstrip("/")


def trading_url_of(given: str | None, paper: bool) -> str:
    """The base URL of the trading API: the one that is given, else Alpaca's by `paper`. Raises
    ValueError."""
    return _trading_base(given or (PAPER_URL if paper else LIVE_URL))


def _trading_base(url: str) -> str:
    """People copy the URL with or without `/v2` at its end; both are meant."""
    return check_base_url(url.rstrip("/").removesuffix("/v2"))
