"""Goal: every command works one after the other on the built-in exchange with nothing set up, and
answers in the shape that docs/cli.md promises.

Method: real processes in an empty home; the JSON's keys are compared with the contract's.
"""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from support.processes import EXECBOT, execbot

from execbot.market.calendar_cache import CACHE_NAME, PACKAGED

ENVELOPE = ["schema", "ok", "command", "mode", "account", "as_of", "data", "warnings"]
ORDER = {
    "id",
    "client_order_id",
    "symbol",
    "side",
    "type",
    "time_in_force",
    "qty",
    "notional",
    "filled_qty",
    "filled_avg_price",
    "status",
    "outcome",
}
POSITION = {
    "symbol",
    "side",
    "qty",
    "avg_entry_price",
    "current_price",
    "market_value",
    "unrealized_pl",
    "state",
    "stop",
    "targets",
    "age_seconds",
}
ERROR = {"error", "kind", "category", "exit_code", "outcome", "hint", "next"}
NUMBERS = ("qty", "notional", "filled_qty", "filled_avg_price", "limit_price", "market_value")


def done(env: Mapping[str, str], *arguments: str) -> Any:
    """Run with --json, check the envelope, give the data."""
    outcome = execbot([*arguments, "--json"], env)
    assert outcome.code == 0, outcome.err
    answer = outcome.json
    assert list(answer) == ENVELOPE
    assert answer["schema"] == "execbot/v1"
    assert answer["ok"] is True
    assert answer["mode"] == "sim"
    assert answer["account"]
    assert answer["as_of"].endswith("Z")
    _numbers_are_text(answer["data"])
    return answer["data"]


def _numbers_are_text(data: Any) -> None:
    if isinstance(data, list):
        for item in data:
            _numbers_are_text(item)
    elif isinstance(data, dict):
        for name in NUMBERS:
            assert isinstance(data.get(name), str | None), name
        for value in data.values():
            _numbers_are_text(value)


def refused(env: Mapping[str, str], code: int, kind: str, *arguments: str) -> dict[str, Any]:
    """Run with --json, check the error object and that stdout is empty."""
    outcome = execbot([*arguments, "--json"], env)
    assert outcome.code == code, outcome.err + outcome.out
    assert outcome.out == ""
    error: dict[str, Any] = json.loads(outcome.err)
    assert set(error) >= ERROR
    assert (error["exit_code"], error["kind"]) == (code, kind), error
    return error


def test_from_submit_to_report(sim_env: dict[str, str]) -> None:
    bought = done(
        sim_env, "submit", "AAPL", "--qty", "10", "--wait", "20", "--client-order-id", "one"
    )
    assert set(bought) >= ORDER
    assert (bought["outcome"], bought["filled_qty"], bought["status"]) == ("filled", "10", "filled")
    again = done(sim_env, "submit", "AAPL", "--qty", "10", "--client-order-id", "one")
    assert (again["already"], again["id"]) == (True, bought["id"])
    refused(
        sim_env,
        2,
        "usage.client_order_id_reused",
        *("submit", "AAPL", "--qty", "11", "--client-order-id", "one"),
    )

    resting = done(sim_env, "submit", "MSFT", "--qty", "2", "--limit", "350", "--tif", "gtc")
    assert resting["outcome"] == "accepted"
    replaced = done(sim_env, "replace", resting["id"], "--limit", "351")
    assert (replaced["limit_price"], replaced["replaces"]) == ("351", resting["id"])
    listed = done(sim_env, "orders", "--status", "open")
    assert [row["id"] for row in listed] == [replaced["id"]]
    assert done(sim_env, "cancel", replaced["client_order_id"])["outcome"] == "canceled"
    assert done(sim_env, "cancel", replaced["client_order_id"])["outcome"] == "canceled"
    assert done(sim_env, "orders", "--status", "open") == []
    assert {row["client_order_id"] for row in done(sim_env, "orders")} >= {"one"}

    history = done(sim_env, "orders", "show", "one")
    assert history["history"][0]["kind"] == "intent"
    assert history["history"][-1]["status"] == "filled"
    assert history["fills"][0]["qty"] == "10"
    assert history["decisions"][0]["kind"] == "risk"

    assert done(sim_env, "orders", "show", bought["id"][:8])["client_order_id"] == "one"

    held = done(sim_env, "positions")
    assert [row["symbol"] for row in held] == ["AAPL"]
    assert set(held[0]) >= POSITION
    assert (held[0]["side"], held[0]["qty"], held[0]["state"]) == ("long", "10", "OPEN")

    closed = done(sim_env, "close", "AAPL", "--percent", "50", "--wait", "20")
    assert (closed["side"], closed["filled_qty"]) == ("sell", "5")
    assert done(sim_env, "close", "--all", "--wait", "20")["closed"][0]["filled_qty"] == "5"
    assert done(sim_env, "positions") == []
    assert done(sim_env, "close", "AAPL")["outcome"] == "not_sent"

    reconciled = done(sim_env, "reconcile")
    assert reconciled["breaks"] == []
    report = done(sim_env, "report", "--daily")
    assert (len(report["fills"]), report["unrealized_pl"]) == (3, "0")
    assert report["outcomes"]["filled"] == 3
    assert report["slippage_bps"] is not None


def test_stop_and_target_are_attached_seen_and_lifted(sim_env: dict[str, str]) -> None:
    flags = ("--stop-loss", "2%", "--take-profit", "2R", "--wait", "20")
    bought = done(sim_env, "submit", "KO", "--qty", "10", *flags)
    assert bought["order_class"] == "bracket"
    assert [leg["type"] for leg in bought["legs"]] == ["limit", "stop"]
    held = done(sim_env, "positions")[0]
    assert float(held["stop"]) < float(held["avg_entry_price"]) < float(held["targets"][0])
    risk = float(held["avg_entry_price"]) - float(held["stop"])
    gain = float(held["targets"][0]) - float(held["avg_entry_price"])
    assert 1.5 < gain / risk < 2.5
    spared = done(sim_env, "cancel-all", "--entries")
    assert (spared["canceled"], spared["unprotected"]) == ([], [])
    canceled = done(sim_env, "cancel-all", "--yes")
    assert len(canceled["canceled"]) == 2
    assert [row["symbol"] for row in canceled["unprotected"]] == ["KO"]


def test_close_says_in_words_which_exits_it_canceled(sim_env: dict[str, str]) -> None:
    bought = done(sim_env, "submit", "KO", "--qty", "10", "--stop-loss", "2%", "--wait", "20")
    stop = next(leg["stop_price"] for leg in bought["legs"])
    closed = execbot(["close", "KO", "--wait", "20"], sim_env)
    assert f"Canceled for it: sell 10 KO stop {stop}, gtc" in closed.out
    assert "stay open" not in closed.out


def test_a_close_in_part_says_that_the_rest_has_its_stop_again(sim_env: dict[str, str]) -> None:
    done(sim_env, "submit", "KO", "--qty", "10", "--stop-loss", "2%", "--wait", "20")
    closed = execbot(["close", "KO", "--qty", "4", "--wait", "20"], sim_env)
    assert "6 stay open, covered by a stop again." in closed.out
    [held] = done(sim_env, "exits")
    assert (held["covered_qty"], held["uncovered_qty"]) == ("6", "0")


def test_a_dry_run_shows_every_check_and_sends_nothing(sim_env: dict[str, str]) -> None:
    data = done(sim_env, "submit", "AAPL", "--qty", "1", "--limit", "100", "--dry-run")
    assert data["request"]["limit_price"] == "100"
    assert data["verdict"]["passed"] is True
    assert len(data["verdict"]["checks"]) > 20
    assert done(sim_env, "orders", "--status", "all") == []
    large = execbot(["submit", "AAPL", "--qty", "90000", "--dry-run", "--json"], sim_env)
    assert large.code == 5
    assert large.json["ok"] is False
    assert "max_position_size" in large.data["verdict"]["failures"]
    assert done(sim_env, "orders", "--status", "all") == []


def test_a_refusal_by_the_checks_ends_with_5_and_names_all_that_failed(
    sim_env: dict[str, str],
) -> None:
    outcome = execbot(["submit", "AAPL", "--qty", "90000", "--json"], sim_env)
    error = json.loads(outcome.err)
    assert (outcome.code, outcome.out, error["outcome"]) == (5, "", "not_sent")
    assert error["kind"].startswith("risk.")
    assert {"max_position_size", "max_exposure"} <= {row["code"] for row in error["failures"]}
    assert error["client_order_id"]
    people = execbot(["submit", "AAPL", "--qty", "90000"], sim_env)
    assert "Traceback" not in people.err
    assert "next: " in people.err


def test_without_keys_sim_mode_says_so_in_one_line_on_stderr(sim_env: dict[str, str]) -> None:
    """On a terminal: the three streams are one here, only stdin is a terminal."""
    del sim_env["EXECBOT_MODE"]
    controller, terminal = pty.openpty()
    done = subprocess.run(
        [*EXECBOT, "positions", "--json"],
        env=sim_env,
        stdin=terminal,
        capture_output=True,
        text=True,
    )
    os.close(terminal)
    os.close(controller)
    assert json.loads(done.stdout)["mode"] == "sim"
    assert len(done.stderr.splitlines()) == 1
    assert "sim" in done.stderr
    sim_env["EXECBOT_MODE"] = "sim"
    asked = execbot(["positions", "--json", "--mode", "sim"], sim_env)
    assert asked.err == ""


def test_off_a_terminal_the_output_is_plain_tab_separated_text(sim_env: dict[str, str]) -> None:
    done(sim_env, "submit", "AAPL", "--qty", "1", "--wait", "20")
    outcome = execbot(["positions"], {**sim_env, "FORCE_COLOR": "1"})
    header, row = outcome.out.splitlines()
    assert header.split("\t")[:3] == ["symbol", "side", "qty"]
    assert row.split("\t")[:3] == ["AAPL", "long", "1"]
    assert "\x1b" not in outcome.out + outcome.err
    assert execbot(["orders", "--status", "closed"], sim_env).out.count("\n") == 2


def test_state_is_private_and_separate_for_each_account(
    tmp_path: Path, sim_env: dict[str, str]
) -> None:
    state = tmp_path / "mine"
    sim_env["EXECBOT_STATE_DIR"] = str(state)
    done(sim_env, "submit", "AAPL", "--qty", "1", "--wait", "20")
    folders = [path.name for path in state.iterdir() if path.is_dir()]
    assert sum(name.startswith("sim-") for name in folders) == 1
    for path in [state, *state.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_the_doctor_finds_a_healthy_house(sim_env: dict[str, str]) -> None:
    data = done(sim_env, "doctor")
    assert data["healthy"] is True
    checks = {row["check"]: row["status"] for row in data["checks"]}
    assert set(checks) >= {"configuration", "mode", "connection", "clock", "journal", "stream"}
    assert set(checks.values()) <= {"OK", "WARN"}


def test_the_doctor_names_days_on_which_the_calendars_differ(sim_env: dict[str, str]) -> None:
    sim_env |= {"EXECBOT__SIM__CALENDAR": "exchange"}
    (row,) = [row for row in done(sim_env, "doctor")["checks"] if row["check"] == "calendar"]
    assert row["status"] == "OK"
    assert "reaches 20" in row["detail"] and "and of the broker" in row["detail"]
    path = Path(sim_env["XDG_STATE_HOME"]) / "execbot" / CACHE_NAME
    table = json.loads(PACKAGED.read_text())
    holiday = next(day for day in table["holidays"] if day > str(date.today()))
    table["holidays"].remove(holiday)
    path.write_text(json.dumps(table))
    rows = [row for row in done(sim_env, "doctor")["checks"] if row["check"] == "calendar"]
    assert [row["status"] for row in rows] == ["WARN", "WARN"]
    assert all(f"{holiday} (ours 09:30-16:00, theirs closed)" in row["detail"] for row in rows)
    assert rows[0]["next"] == "execbot market --refresh"
    done(sim_env, "market", "--refresh")
    (row,) = [row for row in done(sim_env, "doctor")["checks"] if row["check"] == "calendar"]
    assert row["status"] == "OK"


def test_unknown_orders_symbols_and_times_are_told_plainly(sim_env: dict[str, str]) -> None:
    refused(sim_env, 2, "order.unknown", "cancel", "nobody")
    refused(sim_env, 2, "order.unknown", "orders", "show", "nobody")
    refused(sim_env, 2, "usage.time", "orders", "--since", "yesterday")
    refused(sim_env, 2, "usage.time", "report", "--date", "tomorrow")
    refused(sim_env, 2, "usage.nothing_to_change", "replace", "nobody")
    refused(sim_env, 2, "usage.close", "close")
    refused(sim_env, 2, "broker.unknown_symbol", "submit", "ZZZZ", "--qty", "1")


def test_cancel_of_a_filled_order_comes_too_late(sim_env: dict[str, str]) -> None:
    bought = done(sim_env, "submit", "AAPL", "--qty", "1", "--wait", "20")
    error = refused(sim_env, 6, "order.already_filled", "cancel", bought["id"])
    assert error["outcome"] == "filled"


def test_config_commands_write_check_and_show(tmp_path: Path, sim_env: dict[str, str]) -> None:
    path = tmp_path / "config" / "execbot" / "trading.yaml"
    assert execbot(["config", "init", str(path)], sim_env).code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert execbot(["config", "init", str(path)], sim_env).code == 2
    checked = execbot(["config", "check", "--json"], sim_env)
    assert (checked.code, checked.data["path"]) == (0, str(path))
    shown = execbot(["config", "show", "--json"], sim_env).data["values"]
    sources = {row["key"]: row["source"] for row in shown}
    assert sources["max_positions"].startswith(f"{path}:")
    path.write_text("trading_execution:\n  max_positons: 5\n")
    for command in (["config", "check"], ["positions"], ["submit", "AAPL", "--qty", "1"]):
        error = refused(sim_env, 3, "config.unknown_key", *command)
        assert (error["line"], error["hint"]) == (2, "Did you mean max_positions?")


def test_the_help_of_every_command_and_the_version_need_nothing(sim_env: dict[str, str]) -> None:
    assert execbot(["--version"], sim_env).out.startswith("execbot ")
    assert "submit" in execbot([], sim_env).out
    assert "Examples:" in execbot(["submit", "-h"], sim_env).out
    wrong = execbot(["positons"], sim_env)
    assert (wrong.code, "Did you mean positions?" in wrong.err) == (2, True)


def test_names_and_flags_complete_in_the_shell(sim_env: dict[str, str]) -> None:
    def complete(line: str) -> list[str]:
        words = line.split(" ")
        asked = {
            **sim_env,
            "_EXECBOT_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        }
        return execbot([], asked).out.split()

    assert complete("execbot pos") == ["positions"]
    assert "--stop-loss" in complete("execbot submit AAPL --st")
    assert complete("execbot config sh") == ["show"]
    assert complete("execbot submit AAPL --side s") == ["sell"]
