"""Who may look: whoever has the token, and then a browser by a session of its own.

The link's token stands behind `#`, which browsers send to nobody; the page posts it once and gets
a cookie with a session id that tells nothing of it. Programs send the token as `Authorization:
Bearer`. Sessions live in this process: its end is the end of all of them.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest

from execbot.model.timer import boot_seconds
from execbot.page.guard import Caller

TOKEN_BYTES = 32
TOKEN_CHARACTERS_MIN = 20
"""Of a token that a person has chosen: it is all that stands between a page and an account."""

SESSION_SECONDS = 12 * 3600.0
"""A trading day with the hours around it."""

SESSIONS_MAX = 64
WRONG_MAX = 10
WRONG_SECONDS = 60.0
"""So many wrong tokens a minute from one address; then they are answered 429. The right one is let
in all the same: 20 characters are not guessed, and nobody shall lock out whoever has it."""

ADDRESSES_MAX = 1024


class Access:
    """Thread-safe. `now` is in the machine's own seconds."""

    def __init__(self, token: str, now: Callable[[], float] = boot_seconds) -> None:
        self._digest = _digest(token)
        self._now = now
        self._lock = threading.Lock()
        self._sessions: OrderedDict[bytes, float] = OrderedDict()
        self._wrong: OrderedDict[str, list[float]] = OrderedDict()

    def is_token(self, word: str) -> bool:
        return compare_digest(_digest(word), self._digest)

    def is_barred(self, address: str) -> bool:
        """Whether this address has tried too often."""
        with self._lock:
            return len(self._recent(address)) >= WRONG_MAX

    def was_wrong(self, address: str) -> None:
        with self._lock:
            self._wrong[address] = [*self._recent(address), self._now()]
            self._wrong.move_to_end(address)
            while len(self._wrong) > ADDRESSES_MAX:
                self._wrong.popitem(last=False)

    def begin(self) -> str:
        """Begin a session; its id. Beyond `SESSIONS_MAX` the oldest one ends."""
        session = secrets.token_urlsafe(TOKEN_BYTES)
        with self._lock:
            self._sessions[_digest(session)] = self._now() + SESSION_SECONDS
            while len(self._sessions) > SESSIONS_MAX:
                self._sessions.popitem(last=False)
        return session

    def end(self, session: str) -> None:
        with self._lock:
            self._sessions.pop(_digest(session), None)

    def has(self, session: str) -> bool:
        """Whether this session lives."""
        with self._lock:
            until = self._sessions.get(_digest(session))
            if until is not None and until <= self._now():
                del self._sessions[_digest(session)]
                return False
            return until is not None

    def _recent(self, address: str) -> list[float]:
        since = self._now() - WRONG_SECONDS
        return [at for at in self._wrong.get(address, ()) if at > since]


def cookie_name(port: int) -> str:
    """Cookies know no port: two pages on one machine would sign each other out."""
    return f"execbot_page_{port}"


def knows(access: Access, port: int) -> Callable[[Caller], bool]:
    """Whether a caller may go on: with a session that lives, or with the token itself."""
    name = cookie_name(port)

    def may(caller: Caller) -> bool:
        if caller.bearer is not None:
            if access.is_token(caller.bearer):
                return True
            access.was_wrong(caller.address)
            return False
        session = caller.cookies.get(name)
        return session is not None and access.has(session)

    return may


def _digest(word: str) -> bytes:
    return sha256(word.encode("utf-8", "surrogatepass")).digest()
