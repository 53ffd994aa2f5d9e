"""Finds the proxy: reads HTTPS_PROXY, ALL_PROXY and NO_PROXY as other programs do.

REST and streams use the same proxy. Requests to this machine never use one.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from execbot.model.hosts import is_loopback

VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
"""The first that is set counts; curl and requests have the same order."""

PORT_DEFAULT = 80


class ProxyUnusable(OSError):
    """The variable names a proxy that cannot be used; nothing was sent."""


class ProxyRefused(OSError):
    """The proxy did not open a way to the broker; nothing was sent."""


class Proxy(Struct, frozen=True):
    """`url` may carry a user and a password; `shown` never does."""

    url: str
    host: str
    port: int
    variable: str

    @property
    def shown(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        """The headers for the proxy alone; the broker never sees them."""
        parts = urlsplit(self.url)
        if parts.username is None:
            return {}
        words = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        token = base64.b64encode(words.encode()).decode()
        return {"Proxy-Authorization": f"Basic {token}"}

    def __repr__(self) -> str:
        return f"Proxy({self.shown!r}, from {self.variable})"


PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def proxy_for(url: str, environment: Mapping[str, str] | None = None) -> Proxy | None:
    """The proxy for a URL; None: connect directly. Raises ProxyUnusable."""
    given = os.environ if environment is None else environment
    variable = next((name for name in VARIABLES if given.get(name, "").strip()), None)
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 443)
    if variable is None or is_loopback(host) or _is_excepted(host, port, given):
        return None
    return _read(variable, given[variable].strip())


def _read(variable: str, text: str) -> Proxy:
    parts = urlsplit(text if "://" in text else f"http://{text}")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme != "http" or not parts.hostname or port == 0:
        raise ProxyUnusable(
            f"{variable} must name a proxy as http://HOST:PORT (HTTPS goes through it by CONNECT), "
            f"{_without_user(text)} is none"
        )
    return Proxy(text if "://" in text else f"http://{text}", parts.hostname,
                 port or PORT_DEFAULT, variable)  # fmt: skip


def _without_user(text: str) -> str:
    scheme, mark, rest = text.rpartition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"


def _is_excepted(host: str, port: int, given: Mapping[str, str]) -> bool:
    """NO_PROXY: names and their subdomains, with a port or for all, or `*`; as Python reads it."""
    listed = given.get("no_proxy") or given.get("NO_PROXY") or ""
    if not listed.strip():
        return False
    # Heavy, and seldom needed; typeshed lacks it.
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

    where = f"{host.rstrip('.')}:{port}"
    return bool(proxy_bypass_environment(where, {"no": listed.strip()}))


def refused_by(proxy: Proxy, exc: OSError) -> OSError:
    """The failure on the way through the proxy, in words that name the proxy.

    A failure of TLS is the broker's own and stays as it is: the way was open by then.
    """
    if any(base.__name__ == "SSLError" for base in type(exc).__mro__):
        return exc
    said = str(exc.strerror or exc)
    return ProxyRefused(f"{proxy.shown} (from {proxy.variable}): {said}")
