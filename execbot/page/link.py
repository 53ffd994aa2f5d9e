"""The link to a running page, in a file of this user's alone."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from execbot.config.errors import ConfigError
from execbot.config.paths import write_private
from execbot.desk.errors import NoPage
from execbot.page.access import TOKEN_BYTES, TOKEN_CHARACTERS_MIN

LINK_NAME = "page.link"
TOKEN_VARIABLE = "EXECBOT_PAGE_TOKEN"


class Link(Struct, frozen=True):
    """`token` is None where it stands in the environment of whoever has started the page."""

    pid: int
    url: str
    token: str | None = None
    actions: bool = False

    def full(self, token: str) -> str:
        """What a browser opens. What is behind `#` it sends to nobody."""
        return f"{self.url}/#token={token}"


def own_token(env: Mapping[str, str]) -> str | None:
    """The token that a person has chosen. Raises ConfigError where it is too short."""
    token = env.get(TOKEN_VARIABLE, "").strip()
    if not token:
        return None
    if len(token) < TOKEN_CHARACTERS_MIN or not token.isascii() or not token.isprintable():
        raise ConfigError(
            f"{TOKEN_VARIABLE} is no usable token",
            kind="config.page_token",
            hint=f"It needs {TOKEN_CHARACTERS_MIN} printable ASCII characters at least: whoever "
            "has it sees the account.",
            next_step=f"Unset {TOKEN_VARIABLE}, and a random token is made at each start.",
        )
    return token


def new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def keep(directory: Path, link: Link) -> None:
    """Raises OSError."""
    write_private(directory / LINK_NAME, msgspec.json.encode(link).decode())


def forget(directory: Path, pid: int) -> None:
    """Take the file away, unless another page has written its own meanwhile."""
    with suppress(NoPage, OSError):
        if read(directory).pid == pid:
            (directory / LINK_NAME).unlink()


def read(directory: Path) -> Link:
    """The link of the page that runs. Raises NoPage."""
    try:
        found = msgspec.json.decode((directory / LINK_NAME).read_bytes(), type=Link)
        os.kill(found.pid, 0)
    except (OSError, msgspec.MsgspecError, OverflowError):
        raise NoPage("No page runs for this account") from None
    return found


def full_link(found: Link, env: Mapping[str, str]) -> str:
    """With its token. Raises ConfigError where only the environment would know it."""
    token = found.token or own_token(env)
    if token is None:
        raise ConfigError(
            f"The page's token is not known here: it was given by {TOKEN_VARIABLE}",
            kind="config.page_token",
            next_step=f"Set {TOKEN_VARIABLE} as where the page was started.",
        )
    return found.full(token)
