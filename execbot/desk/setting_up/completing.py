"""What a shell completes for the chosen account: from its journal on this disk, nobody is asked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from execbot.config.paths import JOURNAL_NAME, account_path
from execbot.config.profiles import profile_directory, profile_names
from execbot.journal import names
from execbot.model.enums import OPEN_STATUSES, OrderStatus


class Kind(StrEnum):
    """What a word of the command line names."""

    HELD = "symbols held"
    TRADED = "symbols held, then those traded before"
    OPEN_ORDER = "open orders"
    ANY_ORDER = "orders"
    QUEUED_ORDER = "queued orders"
    STRATEGY = "strategies"
    PROFILE = "profiles"
    MODE = "modes"


_STATUSES = {
    Kind.OPEN_ORDER: frozenset(status.value for status in OPEN_STATUSES),
    Kind.QUEUED_ORDER: frozenset({OrderStatus.QUEUED.value}),
    Kind.ANY_ORDER: None,
}


def completions(
    kind: Kind, begun: str, mode_flag: str | None = None, config_path: Path | None = None
) -> Sequence[names.Name]:
    """Words of this kind that begin so, each with what it stands for. Raises ConfigError."""
    if kind is Kind.MODE:
        found = [("sim", "the built-in exchange"), ("paper", "paper money"), ("live", "real money")]
    elif kind is Kind.PROFILE:
        found = _profiles()
    else:
        path = _journal(mode_flag, config_path)
        found = [] if path is None else _of_journal(kind, path, begun)
    return [(word, words) for word, words in found if word.lower().startswith(begun.lower())]


def _of_journal(kind: Kind, path: Path, begun: str) -> list[names.Name]:
    if kind is Kind.HELD:
        return names.held_symbols(path)
    if kind is Kind.TRADED:
        return names.traded_symbols(path)
    if kind is Kind.STRATEGY:
        return names.strategies(path)
    rows = names.order_ids(path, _STATUSES[kind])
    ours = [(own, words) for own, _, words in rows]
    # The broker's ids say nothing to people: only for who has begun to write one.
    theirs = [(other, words) for _, other, words in rows if other] if begun else []
    return [*ours, *theirs]


def _journal(mode_flag: str | None, config_path: Path | None) -> Path | None:
    from execbot.desk.opening.setup import read_setup, remembered_account

    setup = read_setup(mode_flag, config_path)
    account = remembered_account(setup)
    if account is None:
        return None
    return account_path(setup.root, setup.mode.value, account) / JOURNAL_NAME


def _profiles() -> list[names.Name]:
    return [(name, str(profile_directory(os.environ, name))) for name in profile_names(os.environ)]
