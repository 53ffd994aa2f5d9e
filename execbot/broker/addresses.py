"""Where the broker is: base URLs, checked. Light, for those who only want to know which it is."""

from __future__ import annotations

from urllib.parse import urlsplit

from execbot.model.hosts import is_loopback

PAPER_URL = "https://paper-api.alpaca.markets"
LIVE_URL = "https://api.alpaca.markets"


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
