"""Goal: every wrong trading.yaml is refused with key, reason and line; a right one is read exactly.

Method: files and environments written by the test, read by the loader in process.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from support.paths import ROOT

from execbot.config.errors import ConfigError
from execbot.config.limits import BOUNDS, TIGHTER
from execbot.config.load import load_settings, show_value
from execbot.config.parse import leaves
from execbot.config.schema import Mode, PartialExit, SizingMethod, TradingSettings


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(tmp_path: Path, body: str) -> Path:
    path = tmp_path / "given.yaml"
    path.write_text("trading_execution:\n" + body)
    return path


def load(path: Path | None = None, **env: str) -> TradingSettings:
    return load_settings(path, {"HOME": "/nonexistent", **env}).trading


def refused(path: Path | None = None, **env: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(path, **env)
    return caught.value


def test_without_file_and_environment_everything_is_the_default() -> None:
    settings = load_settings(None, {"HOME": "/nonexistent"})
    assert settings.trading == TradingSettings()
    assert settings.path is None
    assert set(settings.sources.values()) == {"default"}


def test_the_names_and_defaults_that_traders_know() -> None:
    defaults = {leaf.key: leaf.default for leaf in leaves()}
    assert defaults["max_positions"] == 5
    assert defaults["max_position_size_pct"] == 10
    assert defaults["max_account_exposure_pct"] == 50
    assert defaults["min_signal_strength"] == 70
    assert defaults["stop_loss.default_pct"] == Decimal("2.0")
    assert defaults["stop_loss.atr_multiplier"] == Decimal("1.5")
    assert defaults["stop_loss.use_trailing"] is True
    assert defaults["stop_loss.trailing_pct"] == Decimal("1.0")
    assert defaults["take_profit.risk_reward_ratio"] == Decimal("2.0")
    assert defaults["take_profit.partial_exits"] == (
        PartialExit(Decimal("1.0"), Decimal(50)),
        PartialExit(Decimal("2.0"), Decimal(50)),
    )
    assert defaults["order_management.timeout_seconds"] == 60
    assert defaults["order_management.retry_attempts"] == 3
    assert defaults["order_management.retry_delay_seconds"] == 5
    assert defaults["order_management.slippage_alert_pct"] == Decimal("0.5")
    assert defaults["market_hours.trade_premarket"] is False
    assert defaults["market_hours.trade_afterhours"] is False
    assert defaults["market_hours.queue_when_closed"] is True
    assert defaults["market_hours.cancel_at_close"] is True


@pytest.mark.parametrize("name", ["trading.yaml", "execbot/config/template.yaml"])
def test_the_shipped_file_holds_every_key_at_its_default(name: str) -> None:
    settings = load_settings(ROOT / name, {"HOME": "/nonexistent"})
    assert settings.trading == TradingSettings()
    missing = [key for key, source in settings.sources.items() if source == "default"]
    assert missing == []


def test_the_shipped_file_and_the_template_of_config_init_are_the_same() -> None:
    template = ROOT / "execbot" / "config" / "template.yaml"
    assert (ROOT / "trading.yaml").read_text() == template.read_text()


def test_every_kind_of_value_is_read(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
  mode: PAPER
  symbols: [aapl, ON, BTC/USD]
  max_positions: 3
  max_position_size_pct: 2.10
  sizing:
    method: stars
    star_notional: {3: 100, 4: 200.50, 5: 300}
  take_profit:
    partial_exits:
      - {level: 1.5, size_pct: 100}
  risk:
    max_daily_loss_pct: null
    max_order_notional: 1_000
  stop_loss: {use_trailing: no}
""",
    )
    settings = load_settings(path, {"HOME": "/nonexistent"})
    trading = settings.trading
    assert trading.mode is Mode.PAPER
    assert trading.symbols == ("AAPL", "ON", "BTC/USD")
    assert trading.max_positions == 3
    assert str(trading.max_position_size_pct) == "2.10"
    assert trading.sizing.method is SizingMethod.STARS
    assert trading.sizing.star_notional[4] == Decimal("200.50")
    assert trading.take_profit.partial_exits == (PartialExit(Decimal("1.5"), Decimal(100)),)
    assert trading.risk.max_daily_loss_pct is None
    assert trading.risk.max_order_notional == 1000
    assert trading.stop_loss.use_trailing is False
    assert settings.sources["max_positions"] == f"{path}:5"
    assert settings.sources["max_account_exposure_pct"] == "default"


@pytest.mark.parametrize(
    ("body", "line", "words"),
    [
        ("  max_position: 3\n", 2, ["max_position ", "Did you mean max_positions?"]),
        ("  max_positions: 3\n  stop_los: {}\n", 3, ["stop_los", "stop_loss"]),
        ("  broker:\n    timeout_second: 3\n", 3, ["broker.timeout_seconds"]),
        ("  timeout_seconds: 3\n", 2, ["Did you mean", "timeout_seconds"]),
        ("  max_positions: many\n", 2, ["'many'", "whole number"]),
        ("  max_positions: 2.5\n", 2, ["whole number"]),
        ("  max_positions: 0\n", 2, ["at least 1"]),
        ("  max_position_size_pct: -1\n", 2, ["above 0"]),
        ("  max_position_size_pct: .nan\n", 2, ["number"]),
        ("  max_account_exposure_pct: .inf\n", 2, ["number"]),
        ("  mode: demo\n", 2, ["sim, paper, live"]),
        ("  symbols: AAPL MSFT\n", 2, ["symbol"]),
        ("  symbols: {a: b}\n", 2, ["list"]),
        ("  stop_loss: 3\n", 2, ["section"]),
        ("  stop_loss:\n    use_trailing: maybe\n", 3, ["true or false"]),
        ("  max_positions: [3]\n", 2, ["sequence"]),
        ("  max_positions: 3\n  max_positions: 4\n", 3, ["given twice"]),
        ("  take_profit:\n    partial_exits:\n      - {level: 1}\n", 4, ["size_pct", "missing"]),
        (
            "  take_profit:\n    partial_exits:\n      - {level: 1, size: 2}\n",
            4,
            ["size_pct", "known key"],
        ),
        ("  api_key: PK123\n", 2, ["credentials file"]),
        ("  sizing:\n    method: star\n", 3, ["Did you mean stars?"]),
    ],
)
def test_a_wrong_value_is_refused_with_its_line(
    tmp_path: Path, body: str, line: int, words: list[str]
) -> None:
    error = refused(write(tmp_path, body))
    assert error.line == line
    assert f"line {line}" in error.message
    for word in words:
        assert word in f"{error.message} {error.hint}"


def test_all_problems_are_reported_together(tmp_path: Path) -> None:
    error = refused(write(tmp_path, "  max_positions: x\n  nonsense: 1\n  mode: y\n"))
    assert [problem.line for problem in error.problems] == [2, 3, 4]
    assert "2 more" in error.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "trading_execution"),
        ("# only a comment\n", "trading_execution"),
        ("max_positions: 3\n", "not a known key"),
        ("- a\n- b\n", "trading_execution"),
        ("trading_execution:\n  a: [1, 2\n", "line"),
        ("trading_execution:\n\tmax_positions: 3\n", "line 2"),
        ("trading_execution: 7\n", "section"),
        ("trading_execution: {}\ntrading_execution: {}\n", "given twice"),
        ("trading_execution: &a\n  symbols: *b\n", "line 2"),
        ("trading_execution: &a\n  symbols: [*a]\n", "symbols"),
        ("trading_execution:\n  <<: {max_positions: 9}\n", "not a known key"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    error = refused(path)
    assert words in f"{error.message} {error.hint}"


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_bytes(b"\xff\xfe\x00trading")
    assert refused(path).kind == "config.unreadable"


def test_an_empty_section_means_its_defaults(tmp_path: Path) -> None:
    assert load(write(tmp_path, "  stop_loss:\n  max_positions: 4\n")).max_positions == 4


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            "  take_profit:\n    partial_exits:\n"
            "      - {level: 1, size_pct: 60}\n      - {level: 2, size_pct: 60}\n",
            "more than 100",
        ),
        (
            "  take_profit:\n    partial_exits:\n"
            "      - {level: 2, size_pct: 50}\n      - {level: 1, size_pct: 50}\n",
            "rise",
        ),
        ("  sizing: {star_notional: {5: 100}}\n", "no size for 3, 4 stars"),
        ("  symbols: [AAPL]\n  denied_symbols: [AAPL]\n", "both name AAPL"),
        ("  stream: {backoff_seconds: 9, backoff_max_seconds: 2}\n", "backoff_max_seconds"),
        ("  broker: {timeout_seconds: 30}\n", "settle_quiet_seconds was 15, must be at least 1.5"),
        ("  order_management: {settle_quiet_seconds: 14}\n", "settle_quiet_seconds was 14"),
    ],
)
def test_values_that_contradict_each_other_are_refused(
    tmp_path: Path, body: str, words: str
) -> None:
    assert words in refused(write(tmp_path, body)).message


def test_the_first_file_that_exists_is_used_and_none_is_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / "execbot").mkdir(parents=True)
    (home / "execbot" / "trading.yaml").write_text("trading_execution: {max_positions: 1}\n")
    env = {"XDG_CONFIG_HOME": str(home)}
    assert load(None, **env).max_positions == 1
    (tmp_path / "trading.yaml").write_text("trading_execution: {min_signal_strength: 90}\n")
    trading = load(None, **env)
    assert (trading.max_positions, trading.min_signal_strength) == (5, 90)
    third = tmp_path / "third.yaml"
    third.write_text("trading_execution: {max_positions: 3}\n")
    assert load(None, **env, EXECBOT_CONFIG=str(third)).max_positions == 3
    fourth = tmp_path / "fourth.yaml"
    fourth.write_text("trading_execution: {max_positions: 4}\n")
    assert load(fourth, **env, EXECBOT_CONFIG=str(third)).max_positions == 4


def test_a_file_that_was_asked_for_must_exist(tmp_path: Path) -> None:
    assert refused(tmp_path / "missing.yaml").kind == "config.not_found"
    assert refused(None, EXECBOT_CONFIG=str(tmp_path / "missing.yaml")).kind == "config.not_found"
    assert refused(tmp_path).kind == "config.not_found"


def test_the_environment_overrides_one_value_and_is_named_as_source() -> None:
    env = {
        "HOME": "/nonexistent",
        "EXECBOT__BROKER__TIMEOUT_SECONDS": "2",
        "EXECBOT__TAKE_PROFIT__PARTIAL_EXITS": "[{level: 1, size_pct: 30}]",
        "TRADING_SYMBOLS": "aapl, msft",
        "TRADE_RISK_PER_TRADE": "0.02",
    }
    settings = load_settings(None, env)
    assert settings.trading.broker.timeout_seconds == 2
    assert settings.trading.take_profit.partial_exits == (PartialExit(Decimal(1), Decimal(30)),)
    assert settings.trading.symbols == ("AAPL", "MSFT")
    assert settings.trading.sizing.risk_per_trade_pct == 2
    assert settings.sources["broker.timeout_seconds"] == "EXECBOT__BROKER__TIMEOUT_SECONDS"
    assert settings.sources["symbols"] == "TRADING_SYMBOLS"


@pytest.mark.parametrize("value", ["", "null", "word", "5", "[a]", "{a: 1}", "https://x.example/1"])
def test_any_value_of_the_environment_for_any_key_is_read_or_refused(value: str) -> None:
    for leaf in leaves():
        variable = f"EXECBOT__{leaf.key.replace('.', '__').upper()}"
        try:
            load(None, **{variable: value})
        except ConfigError as error:
            assert variable in str(error) or leaf.key in str(error), error


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("EXECBOT__BROKER__TIMEOUT", "2", "EXECBOT__BROKER__TIMEOUT_SECONDS"),
        ("EXECBOT__BROKER__TIMEOUT_SECONDS", "soon", "number"),
        ("EXECBOT__BROKER__TIMEOUT_SECONDS", "", "number"),
        ("EXECBOT__BROKER", "2", "no known key"),
        ("EXECBOT__SYMBOLS", "[AAPL", "YAML"),
        ("TRADE_RISK_PER_TRADE", "2", "fraction"),
        ("TRADE_RISK_PER_TRADE", "x", "number"),
    ],
)
def test_a_wrong_variable_is_refused_by_name(variable: str, value: str, words: str) -> None:
    error = refused(None, **{variable: value})
    assert variable in error.message
    assert words in f"{error.message} {error.hint}"


@pytest.mark.parametrize(
    ("variable", "looser", "tighter"),
    [
        ("EXECBOT__MAX_POSITIONS", "6", "4"),
        ("EXECBOT__MAX_POSITION_SIZE_PCT", "10.1", "9"),
        ("EXECBOT__MAX_ACCOUNT_EXPOSURE_PCT", "60", "50"),
        ("EXECBOT__MIN_SIGNAL_STRENGTH", "69", "80"),
        ("EXECBOT__RISK__MAX_DAILY_ORDERS", "null", "3"),
        ("EXECBOT__RISK__ONE_PENDING_PER_SYMBOL", "false", "true"),
        ("EXECBOT__RISK__DUPLICATE_WINDOW_SECONDS", "1", "20"),
        ("EXECBOT__RISK__SCALE_IN__ENABLED", "true", "false"),
    ],
)
def test_the_environment_may_tighten_a_limit_but_not_loosen_it(
    variable: str, looser: str, tighter: str
) -> None:
    assert refused(None, **{variable: looser}).kind == "config.loosens_limit"
    load(None, **{variable: tighter})


def test_a_limit_of_the_file_is_the_one_that_may_not_be_loosened(tmp_path: Path) -> None:
    path = write(tmp_path, "  max_positions: 2\n  symbols: [AAPL, MSFT]\n")
    assert refused(path, EXECBOT__MAX_POSITIONS="3").kind == "config.loosens_limit"
    assert refused(path, TRADING_SYMBOLS="AAPL,TSLA").kind == "config.loosens_limit"
    assert refused(path, EXECBOT__SYMBOLS="[]").kind == "config.loosens_limit"
    assert load(path, TRADING_SYMBOLS="MSFT").symbols == ("MSFT",)


def test_bounds_and_limits_name_only_keys_that_exist() -> None:
    rows = {"take_profit.partial_exits", "sizing.star_rules"}
    known = {leaf.key for leaf in leaves()}
    assert {key for key in BOUNDS if key.rpartition(".")[0] not in rows} <= known
    assert set(TIGHTER) <= known


def test_every_number_that_limits_risk_has_a_direction() -> None:
    limiting = {
        leaf.key
        for leaf in leaves()
        if leaf.key.startswith("risk.") and leaf.key != "risk.facts_max_age_seconds"
    } | {leaf.key for leaf in leaves() if leaf.key.startswith("max_")}
    assert limiting <= set(TIGHTER)


def test_values_are_shown_as_they_could_stand_in_the_file() -> None:
    assert show_value(None) == "null"
    assert show_value(True) == "true"
    assert show_value((PartialExit(Decimal("1.0"), Decimal(50)),)) == "[{level: 1.0, size_pct: 50}]"
    assert show_value({3: Decimal(500)}) == "{3: 500}"
