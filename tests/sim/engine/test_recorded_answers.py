"""Goal: answers have the fields and kinds of values of recorded ones. Method: compare shapes.

The recordings are looked for beside the project (or where EXECBOT_ALPACA_SPECS says) and the
tests are skipped where they are not.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from support.paths import ROOT
from support.scripted_market import Desk, refusal_of

HOME = Path(os.environ.get("EXECBOT_ALPACA_SPECS", ROOT.parent / "shared" / "alpaca"))
PAYLOADS = HOME / "payloads"

pytestmark = pytest.mark.skipif(
    not PAYLOADS.is_dir(), reason=f"no recordings in {PAYLOADS} (EXECBOT_ALPACA_SPECS)"
)

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NUMBER = re.compile(r"-?\d+(\.\d+)?")


def recorded(path: str) -> Any:
    return json.loads((PAYLOADS / path).read_text())


def kind(name: str, value: Any) -> str:
    """What a value looks like, coarse enough to survive other orders and times."""
    if isinstance(value, str):
        if name in ("client_order_id", "account_number", "name", "description", "event_id"):
            return "text"
        for word, pattern in (("stamp", STAMP), ("uuid", UUID), ("number", NUMBER)):
            if pattern.fullmatch(value):
                return word
        return "text"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "json number"
    return type(value).__name__


def shape(body: dict[str, Any]) -> dict[str, str]:
    return {name: kind(name, value) for name, value in body.items()}


def same_shape(ours: dict[str, Any], theirs: dict[str, Any], *, but: tuple[str, ...] = ()) -> None:
    assert set(ours) == set(theirs)
    mine, other = shape(ours), shape(theirs)
    differing = {n: (mine[n], other[n]) for n in mine if mine[n] != other[n] and n not in but}
    assert differing == {}


def test_a_whole_share_order_at_submission_and_after_the_fill() -> None:
    theirs = recorded("rest/rec_2026-10_order_whole_submit_then_filled.json")
    desk = Desk()
    order = desk.place(qty="1")
    same_shape(order, theirs["submit"])
    desk.run()
    same_shape(desk.order(order), theirs["poll"])


def test_a_notional_order_at_submission_and_after_the_fill() -> None:
    theirs = recorded("rest/rec_2026-10_order_notional_submit_then_filled.json")
    desk = Desk()
    order = desk.place(qty=None, notional="5")
    same_shape(order, theirs["submit"])
    desk.run()
    same_shape(desk.order(order), theirs["poll"])


def test_a_limit_order_submitted_resting_and_canceled() -> None:
    theirs = recorded("rest/rec_2026-10_order_limit_resting_then_canceled.json")
    desk = Desk()
    order = desk.place(type="limit", limit_price="78.19", qty="1")
    same_shape(order, theirs["submit"])
    desk.run()
    same_shape(desk.order(order), theirs["poll_resting"])
    desk.cancel(order)
    desk.run()
    same_shape(desk.order(order), theirs["poll_after_cancel"])


@pytest.mark.parametrize("event", ["pending_new", "new", "fill"])
def test_stream_frames(event: str) -> None:
    theirs = recorded(f"trade_updates/rec_2026-07_{event}.json")["data"]
    desk = Desk()
    desk.filled(qty="1")
    (ours,) = [e.data for e in desk.exchange.events if e.data["event"] == event]
    same_shape(dict(ours), theirs)
    same_shape(ours["order"], theirs["order"])


def test_a_position_a_fill_and_an_account() -> None:
    desk = Desk()
    desk.filled(qty="0.557436865")
    same_shape(desk.position(), recorded("rest/rec_2026-10_positions_fractional.json")[0])
    same_shape(desk.fills()[0], recorded("rest/rec_2026-10_activities_fill.json")[0])
    opening = desk.exchange.activities(desk.id, ["JNLC"], {})[0]
    same_shape(opening, recorded("rest/rec_2026-07_activity_jnlc.json")[0])
    account = recorded("rest/rec_2026-07_account_fresh_paper.json")
    same_shape(Desk().account(), account)


def test_assets_clock_and_calendar() -> None:
    theirs = recorded("rest/rec_2026-10_assets_fractionable_and_not.json")[0]
    same_shape(Desk().exchange.asset("ABC"), theirs)
    same_shape(Desk().exchange.clock(), recorded("rest/rec_2026-07_clock_open.json"))


def test_complex_orders_have_the_recorded_fields() -> None:
    theirs = recorded("rest/rec_2021_post_bracket_market_entry_stop_limit_leg.json")["body"]
    ours = Desk().place(
        qty="2", order_class="bracket", take_profit={"limit_price": "110"},
        stop_loss={"stop_price": "90", "limit_price": "89"},
    )  # fmt: skip
    assert set(theirs) <= set(ours)
    for mine, other in zip(ours["legs"], theirs["legs"], strict=True):
        assert set(other) <= set(mine)
        for name in ("type", "side", "status", "order_class", "legs", "qty"):
            assert mine[name] == other[name]


def test_refusals_carry_the_recorded_extra_fields() -> None:
    theirs = recorded("errors/rec_2026-10_403_insufficient_qty.json")["body"]
    desk = Desk()
    desk.filled(qty="1")
    error = refusal_of(lambda: desk.place(side="sell", qty="2"))
    assert {"code", "message", *error.extra} == set(theirs)
    theirs = recorded("errors/rec_2020_403_insufficient_buying_power.json")["body"]
    error = refusal_of(lambda: desk.place(qty="10000000"))
    assert {"code", "message", *error.extra} == set(theirs)


# A 403 for HTTP in the catalogue's own words: (message as we send it, its pattern there).
CATALOGUED = [
    ({"qty": "100000"}, "insufficient buying power"),
    ({"symbol": "WHOLE", "qty": "1.5"}, "is not fractionable"),
    ({"type": "limit", "limit_price": "11.055"}, "sub-penny increment"),
    ({"qty": "0.5", "side": "sell"}, "fractional orders cannot be sold short"),
    ({"qty": "1.5", "time_in_force": "gtc"}, "fractional orders must be DAY orders"),
    ({"symbol": "NOPE"}, "(current text)"),
    ({"limit_price": "5"}, "market orders require no stop or limit price"),
    ({"type": "trailing_stop"}, "must specify one of trail_price or trail_percent"),
]


@pytest.mark.parametrize(("given", "words"), CATALOGUED)
def test_refusals_have_the_status_and_code_of_the_catalogue(
    given: dict[str, Any], words: str
) -> None:
    rows = [
        row
        for row in recorded("errors/error_catalogue.json")
        if words in row["message"] or words in row["meaning"]
    ]
    fields = dict(given)
    error = refusal_of(lambda: Desk().place(fields.pop("symbol", "ABC"), **fields))
    assert (error.status, error.code) in {(row["http"], row["code"]) for row in rows}
