"""Goal: a profile is one account's: its keys, configuration and state, and no other's by accident.

Method: profiles written to disk, read as commands read them; nobody is contacted.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from execbot.config.credentials import Credentials
from execbot.config.environment import Environment, environment_of
from execbot.config.errors import ConfigError
from execbot.config.load import load_settings
from execbot.config.paths import state_root
from execbot.config.profiles import profile_names
from execbot.config.schema import Mode
from execbot.desk.opening.pinned import check_account, journal_elsewhere
from execbot.desk.opening.setup import read_setup
from execbot.desk.setting_up.profiles import profiles
from execbot.model.timer import Timer
from execbot.watch.heartbeat import HeartbeatFile
from execbot.watch.lock import WatchLock

Env = dict[str, str]


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Env:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trading.yaml").write_text("trading_execution: {max_positions: 2, mode: sim}\n")
    make(tmp_path, "swing", "mode: paper, max_positions: 4", "PKSWINGSWING")
    make(tmp_path, "bare", "mode: paper", None)
    make(tmp_path, "pinned", "mode: paper, account: PA1", None)
    return {"HOME": str(tmp_path)}


def make(home: Path, name: str, yaml: str, key: str | None) -> None:
    folder = home / ".config" / "execbot" / "profiles" / name
    folder.mkdir(parents=True)
    (folder / "trading.yaml").write_text(f"trading_execution: {{{yaml}}}\n")
    if key is not None:
        path = folder / "credentials"
        path.write_text(f"[paper]\napi_key = {key}\nsecret_key = s\n")
        path.chmod(0o600)


def pair(key: str) -> Env:
    return {"ALPACA_API_KEY": key, "ALPACA_SECRET_KEY": "s"}


def chosen(env: Env, name: str, **more: str) -> Env:
    return {**env, "EXECBOT_PROFILE": name, **more}


def test_a_profile_has_its_own_configuration_keys_and_state(env: Env, tmp_path: Path) -> None:
    setup = read_setup(None, None, chosen(env, "swing"))
    assert setup.mode is Mode.PAPER
    assert setup.settings.trading.max_positions == 4
    assert setup.credentials.api_key == "PKSWINGSWING"
    assert setup.root == tmp_path / ".local/state/execbot/profiles/swing"
    assert read_setup("sim", None, env).settings.trading.max_positions == 2
    assert profile_names(env) == ["bare", "pinned", "swing"]


@pytest.mark.parametrize(
    ("name", "more", "kind"),
    [
        ("swing", pair("PKOTHEROTHER"), "profile.other_keys"),
        ("swing", {"APCA_API_KEY_ID": "PKX", "APCA_API_SECRET_KEY": "s"}, "profile.other_keys"),
        ("swing", {"TRADING_MODE": "sim"}, "profile.other_mode"),
        ("swing", {"EXECBOT_CONFIG": "trading.yaml"}, "profile.other_config"),
        ("bare", pair("PKOTHEROTHER"), "profile.other_keys"),
        ("bare", {}, "auth.no_credentials"),
        ("swang", {}, "profile.unknown"),
        ("../swing", {}, "profile.bad_name"),
        ("swing", {"EXECBOT__MAX_POSITIONS": "9"}, "config.loosens_limit"),
        ("pinned", {**pair("PKXPKXPKX"), "EXECBOT__ACCOUNT": "PA2"}, "config.loosens_limit"),
    ],
)
def test_what_contradicts_a_profile_never_wins_silently(
    env: Env, name: str, more: Env, kind: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_setup(None, None, chosen(env, name, **more))
    assert caught.value.kind == kind
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("swing", {}),
        ("swing", pair("PKSWINGSWING")),
        ("swing", {"TRADING_MODE": "paper"}),
        ("pinned", pair("PKXPKXPKX")),
    ],
)
def test_what_agrees_with_a_profile_is_fine(env: Env, name: str, more: Env) -> None:
    assert read_setup(None, None, chosen(env, name, **more)).mode is Mode.PAPER


def test_the_mode_of_one_command_may_be_another(env: Env) -> None:
    assert read_setup("sim", None, chosen(env, "swing")).is_in_process


def test_a_profile_is_unmoved_by_the_directory_a_command_is_typed_in(env: Env) -> None:
    (Path(env["HOME"]) / ".env").write_text("ALPACA_API_KEY=PKSTRANGER\nALPACA_SECRET_KEY=s\n")
    assert read_setup(None, None, chosen(env, "swing")).credentials.api_key == "PKSWINGSWING"


KEYS = Credentials("PKX", "s", "here")


def account_error(env: Environment, yaml: str, account: str, mode: Mode) -> ConfigError | None:
    path = Path(env["HOME"]) / "pin.yaml"
    path.write_text(f"trading_execution: {{{yaml}}}\n")
    try:
        check_account(load_settings(path, env), mode, KEYS, env, account)
    except ConfigError as error:
        return error
    return None


def test_another_account_than_the_pinned_one_is_refused(env: Env) -> None:
    given = environment_of(env)
    other = account_error(given, "account: PA1", "PA2", Mode.PAPER)
    assert other is not None and other.kind == "config.other_account"
    assert "PA1" in other.message and "PA2" in other.message
    assert account_error(given, "account: PA2", "PA2", Mode.LIVE) is None
    assert account_error(given, "account: null", "PA2", Mode.LIVE) is None
    assert account_error(given, "account: PA1", "PASIM", Mode.SIM) is None


def test_one_account_has_one_journal(env: Env) -> None:
    given = environment_of(chosen(env, "swing"))
    kept = state_root(environment_of(env)) / "paper-PA2"
    kept.mkdir(parents=True)
    (kept / "journal.db").touch()
    there = account_error(given, "account: null", "PA2", Mode.PAPER)
    assert there is not None and there.kind == "profile.account_elsewhere"
    assert f"mv {kept}" in there.next_step
    assert account_error(environment_of(env), "account: null", "PA2", Mode.PAPER) is None
    assert account_error(given, "account: null", "PA3", Mode.PAPER) is None
    # Where there are two already, an exit still goes; `doctor` tells.
    ours = state_root(given) / "paper-PA2"
    ours.mkdir(parents=True)
    (ours / "journal.db").touch()
    assert account_error(given, "account: null", "PA2", Mode.PAPER) is None
    assert journal_elsewhere(Mode.PAPER, given, "PA2") == ("", kept)


def test_profiles_says_who_watches_and_when_that_one_decided_last(env: Env) -> None:
    given = {**env, **pair("PKXPKXPKX")}
    directory = state_root(chosen(given, "pinned")) / "paper-PA1"
    directory.mkdir(parents=True)
    lock = WatchLock(directory)
    lock.acquire()
    beat = HeartbeatFile(directory, datetime.now(UTC), Timer())
    beat.beat(datetime.now(UTC), stream_up=True)
    found = {row.name: row for row in profiles(given)}
    lock.release()
    assert (found["pinned"].holder, found["pinned"].account) == (os.getpid(), "PA1")
    assert found["pinned"].heartbeat_seconds is not None
    assert "PKSW..." in found["swing"].problem and "PKXPKXPKX" not in found["swing"].problem
    assert {row.name: row.holder for row in profiles(given)}["pinned"] is None


def test_profiles_lists_each_with_what_keeps_it_from_being_used(env: Env) -> None:
    found = {row.name: row for row in profiles(env)}
    assert list(found) == ["", "bare", "pinned", "swing"]
    assert (found[""].mode, found["swing"].mode) == ("sim", "paper")
    assert "No Alpaca API keys" in found["bare"].problem
    assert found["swing"].problem == ""
    assert found["swing"].holder is None
