"""Goal: live never starts by accident, keys are never mixed, URLs never contradict the mode.

Method: tables of environments given to the pure choices.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.processes import clean_environment, execbot

from execbot.config.credentials import Credentials, find_credentials
from execbot.config.errors import ConfigError, CredentialsError
from execbot.config.mode import choose_endpoints, choose_mode
from execbot.config.paths import account_directory, state_root, write_private
from execbot.config.schema import Mode


def mode_of(
    flag: str | None = None, configured: Mode | None = None, keys: bool = False, **env: str
):
    return choose_mode(flag, env, configured, lambda: keys)


@pytest.mark.parametrize(
    ("flag", "configured", "keys", "env", "mode", "source"),
    [
        (None, None, False, {}, Mode.SIM, "default"),
        (None, None, True, {}, Mode.PAPER, "credentials"),
        (None, Mode.SIM, True, {}, Mode.SIM, "trading.yaml"),
        (None, Mode.SIM, True, {"TRADING_MODE": "PAPER"}, Mode.PAPER, "TRADING_MODE"),
        (
            None,
            Mode.SIM,
            True,
            {"TRADING_MODE": "SIM", "EXECBOT_MODE": "paper"},
            Mode.PAPER,
            "EXECBOT_MODE",
        ),
        ("sim", Mode.PAPER, True, {"EXECBOT_MODE": "paper"}, Mode.SIM, "--mode"),
        (None, None, True, {"EXECBOT_MODE": ""}, Mode.PAPER, "credentials"),
    ],
)
def test_the_mode_is_chosen_in_the_documented_order(
    flag: str | None,
    configured: Mode | None,
    keys: bool,
    env: dict[str, str],
    mode: Mode,
    source: str,
) -> None:
    choice = mode_of(flag, configured, keys, **env)
    assert (choice.mode, choice.source) == (mode, source)


def test_sim_without_keys_says_so_in_one_line() -> None:
    assert len(mode_of().notices) == 1
    assert mode_of("sim").notices == ()


@pytest.mark.parametrize("gate", ["", "1", "yes", "false", "truee", "tru"])
def test_live_without_its_gate_is_refused(gate: str) -> None:
    for chosen in (
        {"flag": "live"},
        {"configured": Mode.LIVE},
        {"EXECBOT_MODE": "live"},
        {"TRADING_MODE": "LIVE"},
    ):
        with pytest.raises(ConfigError) as caught:
            mode_of(**chosen, ALPACA_LIVE_TRADE=gate)  # type: ignore[arg-type]
        assert caught.value.kind == "mode.live_gate"


@pytest.mark.parametrize("gate", ["true", "TRUE", " True "])
def test_live_with_both_keys_of_the_gate_is_live(gate: str) -> None:
    assert mode_of(None, Mode.LIVE, ALPACA_LIVE_TRADE=gate).mode is Mode.LIVE


def test_the_gate_alone_stays_on_paper_with_a_notice() -> None:
    choice = mode_of(keys=True, ALPACA_LIVE_TRADE="true")
    assert choice.mode is Mode.PAPER
    assert "ALPACA_LIVE_TRADE" in choice.notices[0]


def test_an_unknown_mode_is_refused_by_the_name_of_its_source() -> None:
    with pytest.raises(ConfigError, match="TRADING_MODE"):
        mode_of(TRADING_MODE="demo")


PAIRS = {"ALPACA_API_KEY": "AK", "ALPACA_SECRET_KEY": "AS"}
OTHER = {"APCA_API_KEY_ID": "BK", "APCA_API_SECRET_KEY": "BS"}


def keys_of(tmp_path: Path, env: dict[str, str], mode: str = "paper") -> Credentials | None:
    return find_credentials(mode, {"XDG_CONFIG_HOME": str(tmp_path), **env})


@pytest.mark.parametrize(
    ("env", "pair"),
    [
        (PAIRS, ("AK", "AS")),
        ({"ALPACA_API_KEY": "AK", "ALPACA_API_SECRET": "AS"}, ("AK", "AS")),
        (OTHER, ("BK", "BS")),
        ({**OTHER, **PAIRS}, ("AK", "AS")),
        ({**OTHER, "ALPACA_API_KEY": "AK"}, ("BK", "BS")),
        ({}, None),
        ({"ALPACA_API_KEY": " ", "ALPACA_SECRET_KEY": ""}, None),
    ],
)
def test_the_first_complete_pair_wins(
    tmp_path: Path, env: dict[str, str], pair: tuple[str, str] | None
) -> None:
    found = keys_of(tmp_path, env)
    assert (None if found is None else (found.api_key, found.secret_key)) == pair


@pytest.mark.parametrize(
    ("env", "missing"),
    [
        ({"ALPACA_API_KEY": "AK"}, "ALPACA_SECRET_KEY"),
        ({"ALPACA_SECRET_KEY": "AS"}, "ALPACA_API_KEY"),
        ({"ALPACA_API_SECRET": "AS"}, "ALPACA_API_KEY"),
        ({"APCA_API_KEY_ID": "BK"}, "APCA_API_SECRET_KEY"),
        ({"ALPACA_API_KEY": "AK", "APCA_API_SECRET_KEY": "BS"}, "ALPACA_SECRET_KEY"),
    ],
)
def test_half_a_pair_is_an_error_that_names_the_missing_half(
    tmp_path: Path, env: dict[str, str], missing: str
) -> None:
    with pytest.raises(CredentialsError) as caught:
        keys_of(tmp_path, env)
    assert caught.value.kind == "auth.half_pair"
    assert f"{missing}" in caught.value.message.split("is set, ")[1]


def credentials_file(tmp_path: Path, text: str, mode: int = 0o600) -> None:
    path = tmp_path / "execbot" / "credentials"
    path.parent.mkdir()
    path.write_text(text)
    path.chmod(mode)


def test_the_credentials_file_comes_first_and_knows_modes(tmp_path: Path) -> None:
    credentials_file(
        tmp_path,
        "# mine\n[paper]\napi_key = PK\nsecret_key = 'PS'\n[live]\napi_key = LK\nsecret_key = LS\n",
    )
    paper, live = keys_of(tmp_path, PAIRS), keys_of(tmp_path, PAIRS, "live")
    assert paper is not None and (paper.api_key, paper.secret_key) == ("PK", "PS")
    assert live is not None and live.api_key == "LK"


def test_half_a_pair_in_the_file_names_the_missing_half(tmp_path: Path) -> None:
    credentials_file(tmp_path, "api_key = PK\n")
    with pytest.raises(CredentialsError, match="secret_key is missing"):
        keys_of(tmp_path, {})


def test_a_credentials_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    credentials_file(tmp_path, "api_key = PK\nsecret_key = PS\n", 0o640)
    with pytest.raises(ConfigError) as caught:
        keys_of(tmp_path, {})
    assert "chmod 600" in caught.value.next_step


def test_secrets_do_not_show() -> None:
    shown = repr(Credentials("AK", "very-secret", "here"))
    assert "very-secret" not in shown


LOOPBACK = "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("mode", "env"),
    [
        (Mode.PAPER, {"ALPACA_TRADING_URL": "https://api.alpaca.markets"}),
        (Mode.PAPER, {"ALPACA_BASE_URL": "https://api.alpaca.markets/v2"}),
        (Mode.PAPER, {"APCA_API_BASE_URL": "https://api.alpaca.markets"}),
        (Mode.PAPER, {"ALPACA_TRADING_URL": LOOPBACK, "APCA_API_BASE_URL": "https://x.example"}),
        (Mode.LIVE, {"ALPACA_TRADING_URL": "https://paper-api.alpaca.markets"}),
        (Mode.LIVE, {"ALPACA_TRADING_WS_URL": "wss://paper-api.alpaca.markets/stream"}),
        (Mode.SIM, {"ALPACA_TRADING_URL": "https://paper-api.alpaca.markets"}),
        (Mode.PAPER, {"ALPACA_TRADING_URL": "http://paper-api.alpaca.markets"}),
        (Mode.PAPER, {"ALPACA_TRADING_URL": "https://127.evil.example"}),
        (Mode.PAPER, {"ALPACA_TRADING_URL": "https://paper-api.alpaca.markets.evil.example"}),
        (Mode.PAPER, {"ALPACA_DATA_URL": "https://data.example"}),
    ],
)
def test_a_url_that_contradicts_the_mode_is_refused(mode: Mode, env: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        choose_endpoints(mode, env)
    assert caught.value.kind == "mode.url_contradiction"


@pytest.mark.parametrize("url", ["paper", "ftp://127.0.0.1", "http://", "http://127.0.0.1:port"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        choose_endpoints(Mode.PAPER, {"ALPACA_TRADING_URL": url})
    assert caught.value.kind == "config.bad_url"


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000"])
def test_a_server_on_loopback_may_stand_for_alpaca_in_every_mode(mode: Mode, host: str) -> None:
    endpoints = choose_endpoints(mode, {"APCA_API_BASE_URL": f"http://{host}/v2/"})
    assert endpoints.trading == f"http://{host}"
    assert endpoints.data == f"http://{host}"


def test_without_urls_everything_follows_from_the_mode() -> None:
    endpoints = choose_endpoints(
        Mode.PAPER, {"ALPACA_TRADING_URL": "https://paper-api.alpaca.markets"}
    )
    assert endpoints == choose_endpoints(Mode.PAPER, {})
    assert endpoints.trading is None and endpoints.data is None


def test_state_is_separate_per_mode_and_account_and_private(tmp_path: Path) -> None:
    root = state_root({"EXECBOT_STATE_DIR": str(tmp_path / "state")})
    one, two = account_directory(root, "sim", "A1"), account_directory(root, "paper", "A1")
    assert one != two and one.parent == two.parent == tmp_path / "state"
    for directory in (root, one, two):
        assert directory.stat().st_mode & 0o777 == 0o700
    write_private(one / "file", "text")
    assert (one / "file").stat().st_mode & 0o777 == 0o600
    assert account_directory(root, "sim", "../../etc").parent == root


def test_the_state_directory_follows_the_desktop_standard(tmp_path: Path) -> None:
    assert state_root({"XDG_STATE_HOME": "/s"}) == Path("/s/execbot")
    assert state_root({"HOME": "/h"}) == Path("/h/.local/state/execbot")
    assert state_root({"HOME": "/h", "XDG_STATE_HOME": "relative"}) == Path(
        "/h/.local/state/execbot"
    )


def test_where_nobody_said_a_mode_and_no_terminal_is_there_nothing_is_opened() -> None:
    """cron with an empty environment must not reconcile the built-in exchange."""
    with pytest.raises(ConfigError) as error:
        choose_mode(None, {}, None, lambda: False, on_terminal=False)
    assert error.value.kind == "mode.not_said"
    assert choose_mode(None, {}, None, lambda: True, on_terminal=False).mode is Mode.PAPER
    assert choose_mode(None, {}, Mode.SIM, lambda: False, on_terminal=False).mode is Mode.SIM


@pytest.mark.parametrize("command", [["reconcile"], ["positions", "--json"], ["submit", "AAPL"]])
def test_a_command_of_cron_with_an_empty_environment_ends_with_3(
    tmp_path: Path, command: list[str]
) -> None:
    given = [*command, "--qty", "1"] if command[0] == "submit" else command
    done = execbot(given, clean_environment(tmp_path))
    assert done.code == 3
    assert "mode" in done.err
    assert not list(tmp_path.rglob("journal.db"))
