"""Goal: who runs two execbots on one account is told so by every command that looks.

Method: real commands of two state directories against one served account (E-OWN-1).
"""

from __future__ import annotations

from pathlib import Path

from support.processes import Server, done, execbot

LOOKS = ("positions", "exits", "orders", "report", "reconcile")


def home(path: Path) -> Path:
    path.mkdir()
    return path


def test_orders_of_another_execbot_are_told_by_every_command_that_looks(
    server: Server, tmp_path: Path
) -> None:
    one, two = [server.environment(home(tmp_path / name)) for name in ("one", "two")]
    done(one, "submit", "KO", "--qty", "1", "--wait", "20")
    done(one, "reconcile")
    theirs = done(two, "submit", "AAPL", "--qty", "2", "--wait", "20")["client_order_id"]
    for look in LOOKS:
        answer = execbot([look, "--json"], one)
        assert answer.code == 0, answer
        [words] = [w for w in answer.json["warnings"] if "ANOTHER EXECBOT" in w]
        assert theirs in words
    checks = execbot(["doctor", "--json"], one, timeout=60).data["checks"]
    [found] = [check for check in checks if check["check"] == "other execbot"]
    assert found["status"] == "WARN" and theirs in found["detail"]


def test_orders_of_another_program_are_nobody_s_execbot(server: Server, tmp_path: Path) -> None:
    env = server.environment(tmp_path)
    done(env, "reconcile")
    order = {"symbol": "KO", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
    server.call("POST", "/v2/orders", {**order, "client_order_id": "app-1"})
    assert not [w for w in execbot(["positions", "--json"], env).json["warnings"] if "EXECBOT" in w]
