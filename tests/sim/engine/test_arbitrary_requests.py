"""Goal: no request brings the exchange down. Method: arbitrary bodies and queries (hypothesis)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from support.scripted_market import Desk

from execbot.sim.types import ApiError

NUMBERS = st.sampled_from(
    ["0", "1", "10", "-1", "1e400", "1e-50", "1e13", "NaN", "Infinity", "", "²", "0x10", "1.5",
     "100", 5, 2.5, True, None, [], {}]
)  # fmt: skip
JUNK = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.just([1]))
FIELDS = {
    "symbol": st.one_of(st.sampled_from(["ABC", "BTC/USD", "CHEAP", "NIGHT"]), JUNK),
    "qty": NUMBERS,
    "notional": NUMBERS,
    "side": st.one_of(st.sampled_from(["buy", "sell"]), JUNK),
    "type": st.one_of(
        st.sampled_from(["market", "limit", "stop", "stop_limit", "trailing_stop"]), JUNK
    ),
    "time_in_force": st.one_of(st.sampled_from(["day", "gtc", "ioc", "fok", "opg", "cls"]), JUNK),
    "limit_price": NUMBERS,
    "stop_price": NUMBERS,
    "trail_price": NUMBERS,
    "trail_percent": NUMBERS,
    "trail": NUMBERS,
    "extended_hours": JUNK,
    "client_order_id": JUNK,
    "order_class": st.one_of(st.sampled_from(["", "simple", "bracket", "oco", "oto"]), JUNK),
    "position_intent": JUNK,
    "take_profit": st.one_of(JUNK, st.fixed_dictionaries({}, optional={"limit_price": NUMBERS})),
    "stop_loss": st.one_of(
        JUNK, st.fixed_dictionaries({}, optional={"stop_price": NUMBERS, "limit_price": NUMBERS})
    ),
}
BODY = st.one_of(st.fixed_dictionaries({}, optional=FIELDS), JUNK)
WORDS = st.sampled_from(
    ["", "all", "open", "closed", "asc", "desc", "²", "-1", "0", "501", "5", "2026-10-08", "soon",
     "2026-10-08T00:00:00.5Z", "1D", "1Min", "15Min", "9X", "true", "continuous", "ALL", "FILL"]
)  # fmt: skip
QUERY = st.dictionaries(
    st.sampled_from(
        ["status", "limit", "direction", "after", "until", "nested", "symbols", "side", "date",
         "asset_class", "before_order_id", "after_order_id", "page_size", "page_token", "period",
         "timeframe", "start", "end", "intraday_reporting", "pnl_reset", "cashflow_types", "qty",
         "percentage", "category", "exchange", "attributes"]
    ),
    WORDS,
    max_size=6,
)  # fmt: skip
QUICK = settings(max_examples=200, deadline=None)


def answers(call: Callable[[], Any]) -> None:
    try:
        call()
    except ApiError as error:
        assert 400 <= error.status < 500 and error.message


@QUICK
@given(BODY, BODY)
def test_any_body_is_answered_or_refused(body: Any, change: Any) -> None:
    desk = Desk()
    desk.filled(qty="3")
    order = desk.place("XYZ", type="limit", limit_price="90")
    desk.run()
    answers(lambda: desk.exchange.place(desk.id, body))
    answers(lambda: desk.exchange.replace(desk.id, order["id"], change))
    answers(lambda: desk.exchange.set_configurations(desk.id, body))
    desk.run(86_400)


@QUICK
@given(QUERY)
def test_any_query_is_answered_or_refused(query: dict[str, str]) -> None:
    desk = Desk()
    desk.filled()
    exchange = desk.exchange
    answers(lambda: exchange.orders(desk.id, query))
    answers(lambda: exchange.activities(desk.id, None, query))
    answers(lambda: exchange.portfolio_history(desk.id, query))
    answers(lambda: exchange.close_position(desk.id, "ABC", query))
    answers(lambda: exchange.assets(query))
    answers(lambda: exchange.calendar_days({"start": "2026-01-01", **query}))


def test_what_finished_orders_leave_behind_does_not_pile_up() -> None:
    desk = Desk()
    for _ in range(1_000):
        order = desk.place(type="limit", limit_price="90", time_in_force="gtc")
        desk.run(0.1)
        desk.cancel(order)
        desk.run(0.1)
    core = desk.exchange.core
    desk.run(120)
    assert len(core.agenda) < 300 and len(core.watch) < 300
    account = core.accounts[desk.id]
    assert not (account.live or account.client_ids or account.sides or account.reserved)
    assert len(core.events) <= core.config.event_buffer
