"""Goal: an env file as people have it is read, the real environment wins, and nothing is mixed.

Method: tables of files and variables; the files are real, in a directory of their own.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from execbot.config.credentials import find_credentials, pair_notices
from execbot.config.environment import environment_of, read_through
from execbot.config.errors import ConfigError, CredentialsError
from execbot.config.load import load_settings
from execbot.config.mode import choose_endpoints, choose_mode
from execbot.config.schema import Mode
from execbot.desk.opening.setup import read_setup

KEYS = "ALPACA_API_KEY=PKFILEFILE\nALPACA_SECRET_KEY=secret\n"


@pytest.fixture
def beside(tmp_path: Path):
    """Writes a `.env` beside a trading.yaml; gives the path of that."""

    def write(text: str | bytes, yaml: str = "trading_execution: {}\n") -> Path:
        (tmp_path / ".env").write_bytes(text if isinstance(text, bytes) else text.encode())
        path = tmp_path / "trading.yaml"
        path.write_text(yaml)
        return path

    return write


@pytest.mark.parametrize(
    "text",
    [
        KEYS,
        KEYS.replace("\n", "\r\n"),
        "\ufeff" + KEYS,
        "ALPACA_API_KEY=\"PKFILEFILE\"\nexport ALPACA_SECRET_KEY='secret'\n",
        "# mine\n\nALPACA_API_KEY = PKFILEFILE   # paper\nALPACA_SECRET_KEY=secret\nDATABASE_URL=x",
        "APCA_API_KEY_ID=PKFILEFILE\nAPCA_API_SECRET_KEY=secret\n",
    ],
)
def test_a_file_is_read_as_people_have_it(beside, text: str) -> None:
    env = environment_of({}, beside(text))
    found = find_credentials("paper", env)
    assert found is not None and found.pair == ("PKFILEFILE", "secret")
    assert ".env" in found.source
    assert "DATABASE_URL" not in env


@pytest.mark.parametrize(
    ("value", "bare"),
    [
        (" PK1 ", "PK1"),
        ('"PK1"', "PK1"),
        ("'PK1'\r", "PK1"),
        ("\ufeffPK1", "PK1"),
        ("\u00ef\u00bb\u00bf'PK1'", "PK1"),
        ('"', '"'),
        ("\"PK1'", "\"PK1'"),
        ("", ""),
        ('"AAPL","MSFT"', '"AAPL","MSFT"'),
    ],
)
def test_what_stands_around_a_value_is_read_through(value: str, bare: str) -> None:
    assert read_through(value) == bare
    env = environment_of({"ALPACA_API_KEY": value, "OTHER": value})
    assert env["ALPACA_API_KEY"] == bare
    assert env["OTHER"] == value


def test_a_mark_before_a_name_is_read_through_too() -> None:
    """Docker's --env-file takes the first line with its byte order mark."""
    env = {"\ufeffALPACA_API_KEY": "PK1", "ALPACA_SECRET_KEY": "s\r"}
    found = find_credentials("paper", env)
    assert found is not None and found.pair == ("PK1", "s")


@pytest.mark.parametrize("bad", ["PK\u201c1", "P K1", "PK\u00a01", "PK\t1", "PK\u20131"])
def test_what_no_header_can_carry_is_named_and_the_key_is_not_shown(bad: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        find_credentials("paper", {"ALPACA_API_KEY": bad, "ALPACA_SECRET_KEY": "s"})
    assert caught.value.kind == "config.bad_key"
    assert "ALPACA_API_KEY" in caught.value.message
    assert bad not in caught.value.message


def test_settings_of_the_file_count_below_the_real_environment(beside) -> None:
    text = "TRADING_MODE=PAPER\nTRADING_SYMBOLS=AAPL,MSFT\nTRADE_RISK_PER_TRADE=0.01\n"
    path = beside(text, "trading_execution: {mode: sim}\n")
    env = environment_of({"TRADING_SYMBOLS": "KO"}, path)
    settings = load_settings(path, env)
    assert settings.trading.symbols == ("KO",)
    assert settings.sources["symbols"] == "TRADING_SYMBOLS"
    assert settings.trading.sizing.risk_per_trade_pct == Decimal("1")
    where = settings.sources["sizing.risk_per_trade_pct"]
    assert where == f"TRADE_RISK_PER_TRADE in {path.parent / '.env'}"
    chosen = choose_mode(None, env, settings.trading.mode, lambda: False)
    assert (chosen.mode, chosen.source) == (Mode.PAPER, f"TRADING_MODE in {path.parent / '.env'}")


@pytest.mark.parametrize(
    ("own", "text", "mode"),
    [
        ({"TRADING_MODE": "sim"}, "EXECBOT_MODE=paper", Mode.SIM),
        ({"EXECBOT_MODE": "sim"}, "TRADING_MODE=paper", Mode.SIM),
        ({}, "EXECBOT_MODE=paper", Mode.PAPER),
    ],
)
def test_one_thing_under_two_names_is_one_thing(beside, own, text: str, mode: Mode) -> None:
    env = environment_of(own, beside(text))
    assert choose_mode(None, env, None, lambda: False).mode is mode


def test_an_address_of_the_file_does_not_come_before_a_real_one(beside) -> None:
    path = beside("ALPACA_TRADING_URL=http://127.0.0.1:1")
    env = environment_of({"ALPACA_BASE_URL": "http://127.0.0.1:2"}, path)
    assert choose_endpoints(Mode.PAPER, env).trading == "http://127.0.0.1:2"


def test_halves_of_two_places_make_no_pair(beside) -> None:
    path = beside("ALPACA_SECRET_KEY=secret")
    with pytest.raises(CredentialsError) as caught:
        find_credentials("paper", environment_of({"ALPACA_API_KEY": "PKREALREAL"}, path))
    assert caught.value.kind == "auth.half_pair"


def test_real_keys_win_over_the_file_under_whatever_name(beside) -> None:
    own = {"APCA_API_KEY_ID": "PKREALREAL", "APCA_API_SECRET_KEY": "real"}
    env = environment_of(own, beside(KEYS))
    found = find_credentials("paper", env)
    assert found is not None and found.pair == ("PKREALREAL", "real")
    (line,) = pair_notices("paper", env)
    assert "PKRE..." in line and "PKFI..." in line and "secret" not in line


@pytest.mark.parametrize(
    ("second", "told"), [(("PK1", "s"), False), (("PK2", "s"), True), (("PK1", "t"), True)]
)
def test_two_different_pairs_are_told_and_the_same_one_twice_is_not(second, told: bool) -> None:
    env = {
        "ALPACA_API_KEY": "PK1",
        "ALPACA_SECRET_KEY": "s",
        "APCA_API_KEY_ID": second[0],
        "APCA_API_SECRET_KEY": second[1],
    }
    assert bool(pair_notices("paper", env)) is told


def test_the_live_gate_counts_in_a_file_only_where_that_was_named(beside) -> None:
    path = beside("TRADING_MODE=live\nALPACA_LIVE_TRADE=true\n" + KEYS)
    with pytest.raises(ConfigError) as caught:
        choose_mode(None, environment_of({}, path), None, lambda: True)
    assert caught.value.kind == "mode.live_gate"
    assert "--env-file" in caught.value.hint
    named = environment_of({"EXECBOT_ENV_FILE": str(path.parent / ".env")}, path)
    assert choose_mode(None, named, None, lambda: True).mode is Mode.LIVE


@pytest.mark.parametrize("gate", ['"true"', "'true'", "true\r1", "yes", "1"])
def test_the_real_live_gate_stays_to_the_letter(gate: str) -> None:
    with pytest.raises(ConfigError):
        choose_mode("live", {"ALPACA_LIVE_TRADE": gate}, None, lambda: True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ALPACA_API_KEY=PK1\nwhat is this\n", "line 2"),
        ("EXECBOT_PROFILE=live\n", "has no effect there"),
        ("EXECBOT_CONFIG=x.yaml\n", "has no effect there"),
        (b"ALPACA_API_KEY=\xff\xfe\n", "UTF-8"),
    ],
)
def test_what_cannot_be_meant_is_an_error_with_its_line(beside, text, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        environment_of({}, beside(text))
    assert words in caught.value.message


def test_a_file_that_was_not_read_is_named_where_keys_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(KEYS)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        read_setup("paper", None, {"HOME": str(tmp_path)})
    assert caught.value.kind == "auth.no_credentials"
    assert caught.value.next_step.endswith("--env-file .env")


def test_without_a_trading_yaml_no_file_is_read(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / ".env").write_text(KEYS)
    monkeypatch.chdir(tmp_path)
    env = {"HOME": str(tmp_path / "home")}
    assert find_credentials("paper", environment_of(env)) is None
    named = environment_of({**env, "EXECBOT_ENV_FILE": ".env"})
    assert find_credentials("paper", named) is not None
    with pytest.raises(ConfigError):
        environment_of({**env, "EXECBOT_ENV_FILE": "nowhere"})
