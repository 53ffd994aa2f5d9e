"""A command says to a running `watch` that an entry is coming, before it has loaded anything.

The watch may then read what it will want to know of the account and the symbol (`ahead`) while this
process is still starting. It is a hint and no request: no answer is waited for, nothing rests on
it, and whatever is doubtful here (several accounts, flags before the symbol) is left unsaid. Which
account is meant, the command finds out later by all of its rules; here the only open door is taken.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from execbot.desk.door.peer import DOOR_NAME, PATH_BYTES_MAX, PROTOCOL
from execbot.version import __version__

SIDES = {"submit": "", "buy": "buy", "sell": "sell", "short": "sell", "signal": ""}
"""Commands that may send an entry; the side where the name says it."""

SILENT = frozenset({"--direct", "--dry-run", "--file", "--help", "-h"})
"""What has these hands nothing over, or is no entry."""

STOCK_OR_PAIR = re.compile(r"[A-Z]{1,6}(\.[A-Z]{1,2})?|[A-Z0-9]{2,6}/[A-Z]{3,4}", re.ASCII)
ACCOUNTS_LOOKED_AT = 200
MODE_VARIABLES = ("EXECBOT_MODE", "TRADING_MODE")


def announce_early(words: Sequence[str], env: Mapping[str, str] = os.environ) -> bool:
    """Tell the watch that the order of this command line is coming; whether that was sent. Never
    waits."""
    try:
        said = coming_of(words)
        path = "" if said is None else _only_door(words, env)
        return said is not None and bool(path) and _say(path, said)
    except Exception:  # it is only a hint
        return False


def coming_of(words: Sequence[str]) -> tuple[str, str] | None:
    """The symbol and the side of the entry that is coming; None where none is, or it is not
    plain. Pure."""
    if len(words) < 2 or words[0] not in SIDES or not SILENT.isdisjoint(words):
        return None
    symbol, side = words[1].upper(), SIDES[words[0]] or _side_of(words)
    if side not in ("buy", "sell") or not STOCK_OR_PAIR.fullmatch(symbol):
        return None
    return symbol, side


def _side_of(words: Sequence[str]) -> str:
    if words[0] == "signal":
        said = words[2].lower() if len(words) > 2 else ""
        return {"buy": "buy", "sell_short": "sell"}.get(said, "")
    sells = "--short" in words or _value(words, "--side") == "sell"
    return "sell" if sells else "buy"


def _only_door(words: Sequence[str], env: Mapping[str, str]) -> str:
    """The one socket that is announced below the state directory; empty where there are several."""
    mode = _value(words, "--mode") or next(filter(None, map(env.get, MODE_VARIABLES)), "")
    found = []
    with os.scandir(state_root(words, env)) as entries:
        for number, entry in enumerate(entries):
            if number >= ACCOUNTS_LOOKED_AT:
                return ""
            if mode and not entry.name.startswith(f"{mode.strip().lower()}-"):
                continue
            path = _announced(os.path.join(entry.path, DOOR_NAME))
            found += [path] if path else []
    return found[0] if len(found) == 1 else ""


def state_root(words: Sequence[str], env: Mapping[str, str]) -> str:
    """As `config.paths.state_root`, of the words of a command line."""
    chosen, xdg = env.get("EXECBOT_STATE_DIR", "").strip(), env.get("XDG_STATE_HOME", "").strip()
    home = env.get("HOME") or os.path.expanduser("~")
    if chosen:
        root = os.path.expanduser(chosen)
    else:
        root = xdg if xdg.startswith("/") else os.path.join(home, ".local/state")
        root = os.path.join(root, "execbot")
    profile = _value(words, "--profile") or env.get("EXECBOT_PROFILE", "").strip()
    return os.path.join(root, "profiles", profile) if profile else root


def _announced(path: str) -> str:
    try:
        with open(path, "rb") as file:
            said = file.read(PATH_BYTES_MAX + 2).decode().strip()
    except (OSError, ValueError):
        return ""
    return said if said.startswith("/") and len(os.fsencode(said)) <= PATH_BYTES_MAX else ""


def _value(words: Sequence[str], name: str) -> str:
    for number, word in enumerate(words):
        if word == name and number + 1 < len(words):
            return words[number + 1]
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return ""


def _say(path: str, said: tuple[str, str]) -> bool:
    import socket

    from execbot.desk.door.peer import is_own_user

    if os.lstat(path).st_uid != os.getuid():
        return False
    symbol, side = said
    line = (
        f'{{"type":"coming","protocol":{PROTOCOL},"version":"{__version__}",'
        f'"symbol":"{symbol}","side":"{side}"}}\n'
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.setblocking(False)
        connection.connect(path)  # at once, or not at all: its queue is full
        if not is_own_user(connection):
            return False
        return connection.send(line.encode()) == len(line)
