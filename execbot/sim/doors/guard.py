"""Who may come in: a page in somebody's browser may not, wherever it was loaded from.

The exchange listens on this machine and asks for no password, so a page could talk to it behind
the user's back: by a form or a script of another origin, or by a name of its own that it lets point
at this machine. Requests that name another host or come from another origin are refused. Alpaca's
paths with keys in a header are left alone: no page can send such a header here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

LOOPBACK_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost")
SAME_ORIGIN = ("", "same-origin", "none")


def is_loopback(host: str) -> bool:
    """Whether an address or name means this machine only."""
    if host.lower() in LOOPBACK_NAMES:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Guard:
    """The check at the door. `names` are hosts by which others may call this machine.

    `public`: the machine is called from others, by an address or by a name without a dot, which
    no page can make its own. `cors`: pages of other origins are let in, but to no control request.
    """

    public: bool = False
    names: Collection[str] = ()
    cors: bool = False

    def refusal(self, path: str, headers: Mapping[str, str]) -> str | None:
        """Why a request is refused, None where it may pass. Header names are in lower case."""
        if not is_control(path) and _has_keys(headers):
            return None
        host = headers.get("host", "")
        if host and not self._is_known(_name_of(host)):
            return f"host {host!r} is not this machine; see `execbot sim serve --help`, --public"
        if self.cors and not is_control(path):
            return None
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return f"origin {origin!r} is not this server"
        if headers.get("sec-fetch-site", "") not in SAME_ORIGIN:
            return "requests of pages of other sites are refused"
        return None

    def _is_known(self, host: str) -> bool:
        if is_loopback(host) or host.lower() in self.names:
            return True
        return self.public and ("." not in host or _is_address(host))


def is_control(path: str) -> bool:
    """Whether a path steers the exchange."""
    return path == "/sim" or path.startswith("/sim/")


def _has_keys(headers: Mapping[str, str]) -> bool:
    """Keys that no page of another origin can send: not HTTP Basic, which a URL can carry."""
    bearer = headers.get("authorization", "").lower().startswith("bearer ")
    return bearer or bool(headers.get("apca-api-key-id"))


def _name_of(host: str) -> str:
    """The name or address of a Host header, without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
