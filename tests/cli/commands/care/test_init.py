"""Goal: an account is set up by one command, and nothing is written before all of it is good.

Method: real processes against the built-in exchange, one for the module; questions on a terminal.
"""

from __future__ import annotations

import os
import pty
import select
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.processes import EXECBOT, Server, exchange, execbot
from support.waiting import PATIENCE_SECONDS

from execbot.config.load import load_settings
from execbot.config.schema import Mode
from execbot.desk.setting_up.first import filled, with_section

TEMPLATE = (Path(__file__).parents[4] / "trading.yaml").read_text()
NAMES = ("ALPACA_API_KEY", "ALPACA_SECRET_KEY", "EXECBOT_MODE")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with exchange(tmp_path_factory.mktemp("init")) as running:
        yield running


@pytest.fixture
def env(server: Server, tmp_path: Path) -> dict[str, str]:
    """A home with nothing in it; the exchange is the Alpaca of its paper mode."""
    found = server.environment(tmp_path, key="PKINITINITINIT")
    return {name: value for name, value in found.items() if name not in NAMES}


def files_of(home: Path) -> dict[str, int]:
    found = (path for path in (home / "config").rglob("*") if path.is_file())
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in found}


def test_keys_of_an_env_file_are_tried_and_kept_and_the_account_is_pinned(
    env: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "keys.env").write_text(
        '\ufeffALPACA_API_KEY="PKINITINITINIT"\r\nALPACA_SECRET_KEY=test-secret\r\n'
        "EXECBOT_ALERT_URLS=json://localhost:1/hook\r\n"
    )
    line = "init --yes --mode paper --profile swing --env-file keys.env --max-positions 3 --json"
    made = execbot(line.split(), env)
    assert made.code == 0, made
    assert "test-secret" not in made.out + made.err
    assert made.json["profile"] == "swing"
    assert files_of(tmp_path) == {"trading.yaml": 0o600, "credentials": 0o600, ".env": 0o600}
    # The profile alone is enough from now on: no variable, no flag but its name.
    used = execbot(["account", "--profile", "swing", "--json"], env)
    assert used.code == 0 and used.json["account"] == made.json["account"]
    other = {**env, "ALPACA_API_KEY": "PKOTHEROTHER", "ALPACA_SECRET_KEY": "x"}
    refused = execbot(["account", "--profile", "swing", "--json"], other)
    assert (refused.code, refused.error["kind"]) == (3, "profile.other_keys")
    config = load_settings(made.data["written"][-1], env).trading
    assert (config.mode, config.account) == (Mode.PAPER, made.json["account"])
    assert config.max_positions == 3
    again = execbot([*line.split()], env)
    assert again.code == 2 and again.error["kind"] == "usage.file_exists"


def test_keys_that_the_broker_refuses_are_not_written(
    env: dict[str, str], tmp_path: Path, server: Server
) -> None:
    refused = {**env, "ALPACA_API_KEY": "PKBAD", "ALPACA_SECRET_KEY": "x"}
    fault = {"kind": "unauthorized", "method": "GET", "path": "/v2/account", "count": 1}
    server.call("POST", "/sim/faults", fault)
    done = execbot(["init", "--yes", "--mode", "paper"], refused)
    server.call("DELETE", "/sim/faults")
    assert done.code == 4, done
    assert files_of(tmp_path) == {}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("init --yes", 2),
        ("init --yes --mode paper", 4),
        ("init --yes --mode sim --max-positions 0", 2),
        ("init --yes --mode sim --symbols 'A]: x'", 2),
        ("init --yes --mode sim --profile ../x", 3),
    ],
)
def test_what_is_not_good_writes_nothing(
    env: dict[str, str], tmp_path: Path, line: str, code: int
) -> None:
    import shlex

    assert execbot(shlex.split(line), env).code == code
    assert files_of(tmp_path) == {}


def test_it_asks_on_a_terminal_and_the_secret_is_not_shown(
    env: dict[str, str], tmp_path: Path
) -> None:
    answers = ["nonsense", "paper", "PKINITINITINIT", "test-secret", "0", "4"]
    shown = asked(["init"], env, [*answers, *[""] * 7])
    assert "is not one of sim, paper, live" in shown
    assert "must be at least 1" in shown
    assert "The keys work" in shown
    assert "test-secret" not in shown
    config = load_settings(tmp_path / "config" / "execbot" / "trading.yaml", env).trading
    assert (config.mode, config.max_positions) == (Mode.PAPER, 4)


def asked(arguments: list[str], env: dict[str, str], answers: list[str]) -> str:
    """Run on a terminal; each answer is typed once a question has been put. The whole screen."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [*EXECBOT, *arguments],
        env=env,
        cwd=env["HOME"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    shown, seen, left = "", 0, list(answers)
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if select.select([controller], [], [], 0.2)[0]:
            try:
                shown += os.read(controller, 65536).decode()
            except OSError:
                break
        # Only what came since the last answer can be a question to the next one.
        if left and shown[seen:].rstrip().endswith(":"):
            seen = len(shown)
            os.write(controller, f"{left.pop(0)}\n".encode())
    os.close(controller)
    assert process.wait(timeout=PATIENCE_SECONDS) == 0, shown
    return shown


RUN = {
    "systemd": ("execbot-paper-watch.service", "systemctl --user daemon-reload"),
    "cron": ("execbot-paper.crontab", "crontab -l"),
    "tmux": ("execbot-paper-tmux.sh", "execbot-paper-tmux.sh"),
    "launchd": ("execbot.paper.watch.plist", "launchctl bootstrap"),
}


@pytest.mark.parametrize("manager", RUN)
def test_how_it_shall_run_is_written_as_service_writes_it(
    env: dict[str, str], tmp_path: Path, manager: str
) -> None:
    keys = {**env, "ALPACA_API_KEY": "PKINITINITINIT", "ALPACA_SECRET_KEY": "test-secret"}
    done = execbot(f"init --yes --mode paper --run {manager} --json".split(), keys)
    assert done.code == 0, done.err
    assert done.json["warnings"] == []  # a service finds the keys of this shell where they now are
    file, step = RUN[manager]
    written = [Path(path) for path in done.data["written"]]
    assert file in [path.name for path in written] and all(path.exists() for path in written)
    assert any(step in command for command in done.data["next"])
    # Word for word what `service` writes: it finds nothing to do, from a shell without the keys.
    again = execbot(["service", manager, "--mode", "paper", "--write", "--json"], env)
    assert again.code == 0, again.err
    assert [f["path"] for f in again.data["files"] if f["written"]] == []
    assert done.data["next"] == again.data["next"]
    assert all(
        "test-secret" not in path.read_text() for path in written if path.name != "credentials"
    )


def test_what_cannot_be_written_to_run_it_is_told_and_the_account_is_set_up(
    env: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "Library").write_text("no directory")
    done = execbot(["init", "--yes", "--mode", "sim", "--run", "launchd", "--json"], env)
    assert done.code == 0, done.err
    assert files_of(tmp_path) == {"trading.yaml": 0o600}
    assert done.data["next"] == ["execbot service launchd --mode sim --write"]
    assert any("Not set up to run" in warning for warning in done.json["warnings"])


# --- texts ---------------------------------------------------------------------------------------


def test_every_key_can_be_set_in_the_commented_file(tmp_path: Path) -> None:
    values = {
        "mode": "live",
        "account": '"123"',
        "symbols": "[AAPL]",
        "max_positions": "7",
        "risk.max_daily_loss_pct": "3",
        "sizing.risk_per_trade_pct": "0.5",
        "logs.format": "json",
    }
    path = tmp_path / "trading.yaml"
    path.write_text(filled(TEMPLATE, values))
    config = load_settings(path, {}).trading
    assert (config.mode, config.account, config.symbols) == (Mode.LIVE, "123", ("AAPL",))
    assert (config.max_positions, str(config.risk.max_daily_loss_pct)) == (7, "3")
    assert (str(config.sizing.risk_per_trade_pct), config.logs.format) == ("0.5", "json")
    assert path.read_text().count("#") == TEMPLATE.count("#")
    assert filled(TEMPLATE, {}) == TEMPLATE


def test_a_section_of_keys_is_replaced_and_the_others_stay() -> None:
    old = "# mine\n[paper]\napi_key = A\nsecret_key = B\n\n[live]\napi_key = C\nsecret_key = D\n"
    new = with_section(old, Mode.PAPER, ("E", "F"))
    assert "# mine" in new and "api_key = C" in new and "api_key = A" not in new
    assert new.endswith("[paper]\napi_key = E\nsecret_key = F\n")
    assert with_section("", Mode.LIVE, ("E", "F")) == "[live]\napi_key = E\nsecret_key = F\n"
