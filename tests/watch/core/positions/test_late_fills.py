"""Goal: `watch` lets shares count once that were taken over before their fill was told (E-POS-12).

Method: the real watcher against the real exchange in virtual time. Another program buys, no frame
tells of it and no answer knows the order, while a command reconciles.
"""

from __future__ import annotations

from pathlib import Path

from support.world import World, heard_as_sent, open_world


def taken_over(world: World, qty: str) -> None:
    world.run(1)
    world.hear = lambda frames: []
    world.desk.fault("order_unknown", params={"seconds": 60}, count=1000)
    body = {"symbol": "AAPL", "qty": qty, "side": "buy", "type": "market", "time_in_force": "day"}
    world.desk.call("POST", "/v2/orders", body)
    world.pass_time(1)
    assert world.trader.reconcile().adopted_positions
    world.desk.call("DELETE", "/sim/faults")
    world.hear = heard_as_sent


def test_shares_of_a_fill_that_is_told_late_count_once(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    taken_over(world, "10")
    world.run(40)
    assert world.booked() == world.witness.qty() == 10
    assert [item.qty for item in world.desk.journal.fills()] == [10]
    assert not world.trader.reconcile().has_breaks
    assert any("before their fills were told" in note.text for note in world.notes)
