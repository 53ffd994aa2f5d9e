"""Which Host and Origin headers are ours. Pure.

A page on another site can let a name of its own point at this machine (DNS rebinding), and any
browser here would then speak to us in that page's name. So the Host must be one that we know, and
the Origin must be where our own page comes from: another port of this host is somebody else.
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from msgspec import Struct

from execbot.model.hosts import is_loopback

DEFAULT_PORTS = {"http": 80, "https": 443}

SAME_SITE_WORDS = ("", "same-origin", "none")
"""Sec-Fetch-Site: absent (no browser, or an old one), our own page, typed by a person."""


class Place(Struct, frozen=True):
    """A host and its port; None where none was said."""

    host: str
    port: int | None = None


class Hosts(Struct, frozen=True):
    """By which hosts a listener may be called.

    `port` is the listener's own; `names` are hosts (`page.example`, `page.example:8443`) that were
    allowed by `key`; `is_public` lets addresses in that are no loopback ones: an address cannot be
    rebound, and it is how a machine in a local network is called.
    """

    port: int
    names: Collection[str] = ()
    key: str = "--page-host"
    is_public: bool = False

    def refusal(self, host: str) -> str | None:
        """Why a request with this Host is refused, None where it may pass."""
        place = place_of(host)
        if place is None:
            return f"the Host {host[:200]!r} cannot be read"
        if is_loopback(place.host) and place.port in (None, self.port):
            return None
        if self._is_named(place):
            return None
        if self.is_public and _is_address(place.host):
            return None
        return f"the Host {host[:200]!r} is not known here; {self.key} NAME allows it"

    def origin_refusal(self, origin: str, host: str) -> str | None:
        """Why a request that comes from the page of `origin` is refused."""
        scheme, _, rest = origin.partition("://")
        theirs, ours = place_of(rest), place_of(host)
        if scheme not in DEFAULT_PORTS or theirs is None or ours is None:
            return f"the Origin {origin[:200]!r} is not this page"
        default = DEFAULT_PORTS[scheme]
        # A browser leaves the default port out of both; some proxies put it into one of them.
        if (theirs.host, theirs.port or default) == (ours.host, ours.port or default):
            return None
        if self._is_named(theirs):
            return None
        return f"the Origin {origin[:200]!r} is not this page; {self.key} NAME allows it"

    def _is_named(self, place: Place) -> bool:
        for name in self.names:
            known = place_of(name)
            if known is None or known.host != place.host:
                continue
            if known.port is not None and known.port == place.port:
                return True
            if known.port is None and place.port in (None, 80, 443, self.port):
                return True
        return False


def place_of(netloc: str) -> Place | None:
    """`page.example:8443` taken apart; None for what is no host."""
    if not netloc or any(mark in netloc for mark in "/@\\?# \t"):
        return None
    try:
        parts = urlsplit(f"//{netloc}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    return Place(host.rstrip("."), port) if host else None


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
