"""Is it the account that is meant? Keys of another one are refused before anything is done."""

from __future__ import annotations

from pathlib import Path

from execbot.config.credentials import Credentials
from execbot.config.environment import Environment
from execbot.config.errors import ConfigError
from execbot.config.load import Settings
from execbot.config.paths import JOURNAL_NAME, account_path, state_root
from execbot.config.profiles import state_roots
from execbot.config.schema import Mode


def check_profile_keys(settings: Settings, credentials: Credentials, env: Environment) -> None:
    """A profile without keys of its own takes those of the environment only if its configuration
    pins the account: else they could be anybody's. Raises ConfigError."""
    if credentials.is_borrowed and settings.trading.account is None:
        raise ConfigError(
            f"Profile {env.profile} has no keys of its own, and the environment has some",
            kind="profile.other_keys",
            hint="They may belong to another account.",
            next_step=f"execbot init --profile {env.profile}, or pin the account in its "
            "trading.yaml (account: NUMBER)",
        )


def check_account(
    settings: Settings, mode: Mode, credentials: Credentials, env: Environment, account: str
) -> None:
    """Raises ConfigError for another account than the pinned one, and for one whose journal is kept
    by another profile: one account has one journal, or limits and locks would count twice."""
    pinned = settings.trading.account
    if mode is Mode.SIM:
        return
    if pinned is not None and pinned != account:
        raise ConfigError(
            f"The keys belong to account {account}, and {pinned} is pinned",
            kind="config.other_account",
            hint=f"account in {settings.sources.get('account', 'trading.yaml')} pins it; the "
            f"keys come from {credentials.source}.",
            next_step="Use the keys of that account, or correct `account`.",
        )
    here = account_path(state_root(env), mode.value, account)
    there = journal_elsewhere(mode, env, account)
    if there is not None and not (here / JOURNAL_NAME).exists():
        profile, path = there
        raise ConfigError(
            f"The journal of account {account} is kept by {whose(profile)}",
            kind="profile.account_elsewhere",
            hint="One account has one journal: with two, limits and locks would not hold.",
            next_step=_move(profile, str(path), str(here)),
        )


def journal_elsewhere(mode: Mode, env: Environment, account: str) -> tuple[str, Path] | None:
    """Another profile ("" is none) that has a journal of this account, and the directory. Where
    both have one already, nothing is refused for it: an exit must go. `doctor` tells."""
    if mode is Mode.SIM:
        return None
    here = state_root(env)
    for profile, root in state_roots(env).items():
        path = account_path(root, mode.value, account)
        if root != here and (path / JOURNAL_NAME).exists():
            return profile, path
    return None


def whose(profile: str) -> str:
    return f"profile {profile}" if profile else "the set-up without a profile"


def _move(profile: str, there: str, here: str) -> str:
    use = f"Say --profile {profile}" if profile else "Leave --profile out"
    return f"{use}; or stop its watch and move it: mv {there} {here}"
