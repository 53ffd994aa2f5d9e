"""Goal: a replaced order is never told as canceled, and a refused change never as a refused order.

Method: real processes in sim mode and against a served exchange that refuses.
"""

from __future__ import annotations

from pathlib import Path

from support.processes import done, exchange, execbot

REST = ("submit", "MSFT", "--qty", "1", "--limit", "300", "--client-order-id", "first")


def test_a_replaced_order_names_its_successor_and_is_not_canceled(sim_env: dict[str, str]) -> None:
    done(sim_env, *REST)
    new = done(sim_env, "replace", "first", "--limit", "301")
    old = done(sim_env, "orders", "show", "first")
    assert (old["status"], old["outcome"], old["replaced_by"]) == (
        "replaced",
        "accepted",
        new["id"],
    )
    counted = done(sim_env, "report", "--daily")["outcomes"]
    assert counted == {"accepted": 1}
    done(sim_env, "cancel", "first")
    listed = {row["client_order_id"]: row for row in done(sim_env, "orders", "--status", "all")}
    assert listed["first"]["status"] == "replaced"
    assert listed[new["client_order_id"]]["outcome"] == "canceled"


def test_waiting_for_an_order_follows_it_into_its_successor(tmp_path: Path) -> None:
    from support.processes import start_execbot

    with exchange(tmp_path) as server:
        env = server.environment(tmp_path)
        server.call("POST", "/sim/price", {"symbol": "MSFT", "bid": "399", "ask": "400"})
        waiting = start_execbot([*REST, "--wait", "120", "--json"], env)
        while not server.orders():
            assert waiting.poll() is None
        done(env, "reconcile")
        new = done(env, "replace", "first", "--limit", "401")
        out, err = waiting.communicate(timeout=120)
        assert waiting.returncode == 0, err
        assert new["id"] in out
        assert '"outcome": "filled"' in out


def test_a_refused_change_is_hidden_and_told_as_what_it_is(tmp_path: Path) -> None:
    with exchange(tmp_path) as server:
        env = server.environment(tmp_path)
        old = done(env, *REST)
        body = {"code": 42210000, "message": "order parameters are not changed"}
        server.call(
            "POST",
            "/sim/faults",
            {"kind": "canned_reply", "method": "PATCH", "params": {"status": 422, "body": body}},
        )
        refused = execbot(["replace", "first", "--limit", "301", "--json"], env)
        assert (refused.code, refused.error["outcome"]) == (6, "rejected")
        assert [row["id"] for row in done(env, "orders")] == [old["id"]]
        everything = done(env, "orders", "--status", "all")
        change = next(row for row in everything if row["id"] != old["id"])
        assert (change["status"], change["replaces"]) == ("rejected", old["id"])
        assert "replace refused" in execbot(["orders", "--status", "all"], env).out
        shown = execbot(["orders", "show", change["client_order_id"]], env).out
        assert f"The change was refused, {old['id']} stands" in shown
        assert done(env, "orders", "show", "first")["status"] == "new"


def test_a_halted_account_changes_no_entry(sim_env: dict[str, str]) -> None:
    done(sim_env, *REST)
    done(sim_env, "halt", "--reason", "enough")
    refused = execbot(["replace", "first", "--qty", "5", "--json"], sim_env)
    assert refused.code == 5
    assert (refused.error["kind"], refused.error["outcome"]) == ("risk.kill_switch", "not_sent")
    assert done(sim_env, "orders", "show", "first")["status"] == "new"


def test_what_was_said_for_an_order_holds_for_the_one_in_its_place(tmp_path: Path) -> None:
    """Else a second order of a symbol, or an addition, could not be changed any more."""
    with exchange(tmp_path) as server:
        env = server.environment(tmp_path)
        server.call("POST", "/sim/price", {"symbol": "MSFT", "bid": "399", "ask": "400"})
        done(env, *REST)
        second = ("submit", "MSFT", "--qty", "1", "--limit", "310", "--client-order-id", "second")
        done(env, *second, "--also")
        for name in ("first", "second"):
            done(env, "replace", name, "--limit", "305")
            done(env, "replace", name, "--limit", "306")
        done(env, "cancel-all", "--yes")
        done(env, "submit", "MSFT", "--qty", "1", "--wait", "20")
        more = ("submit", "MSFT", "--qty", "1", "--limit", "290", "--client-order-id", "more")
        assert execbot([*more, "--json"], env).error["kind"] == "risk.duplicate_position"
        done(env, *more[:-1], "added", "--add")
        done(env, "replace", "added", "--limit", "301")
        done(env, "replace", "added", "--limit", "302")


def test_a_change_that_is_refused_names_no_flag_that_it_has_not(sim_env: dict[str, str]) -> None:
    done(sim_env, *REST)
    refused = execbot(["replace", "first", "--qty", "9999", "--json"], sim_env)
    assert refused.code == 5
    assert refused.error["next"] == "See how far the limits are used: execbot account"
