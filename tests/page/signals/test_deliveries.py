"""Goal: what comes over HTTP is either the signal that its sender meant, or is refused with the
field at fault; the secret is in nothing that is kept or said."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execbot.config.schema import TradingSettings
from execbot.model.signal import SignalSide, read_line
from execbot.page.signals.intake import Delivered, Sent, authenticated, delivered, line_of
from execbot.page.signals.refusals import NotTaken
from execbot.page.signals.secrets import Secret
from execbot.page.signals.tradingview import Stance

WORDS = "a-secret-of-24-letters!!"
SECRET = Secret(WORDS)
NOW = datetime(2026, 11, 20, 14, 31, tzinfo=UTC)
TEMPLATE = Path(__file__).parents[3] / "examples" / "tradingview-alert.json"

OURS = {"symbol": "AAPL", "side": "buy", "strength": 82}
FILLED = {
    "{{ticker}}": "AAPL",
    "{{exchange}}": "NASDAQ",
    "{{interval}}": "5",
    "{{time}}": "2026-11-20T14:25:00Z",
    "{{timenow}}": "2026-11-20T14:30:58Z",
    "{{strategy.order.action}}": "buy",
    "{{strategy.order.id}}": "Long",
    "{{strategy.market_position}}": "long",
    "{{strategy.prev_market_position}}": "flat",
    "{{strategy.order.price}}": "186.42",
}


def alert(**changed: Any) -> dict[str, Any]:
    """The shipped template as TradingView fills it, then changed by field."""
    text = TEMPLATE.read_text().replace("EXECBOT_SIGNALS_SECRET", WORDS)
    for placeholder, value in FILLED.items():
        assert placeholder in text, placeholder
        text = text.replace(placeholder, value)
    body = {**json.loads(text), **changed}
    return {name: value for name, value in body.items() if value is not None}


def take(body: Any, *, bearer: str | None = None, in_path: str | None = None) -> Delivered:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    header = None if bearer is None else f"Bearer {bearer}"
    fields = authenticated(Sent(raw, header, in_path), SECRET)
    return delivered(fields, TradingSettings(), now=NOW, new_id="web-1")


def refusal(body: Any, **how: Any) -> NotTaken:
    with pytest.raises(NotTaken) as caught:
        take(body, **how)
    return caught.value


def test_our_own_json_is_the_signal_of_the_command_line() -> None:
    found = take({**OURS, "id": "m-1", "stop": "180.5"}, bearer=WORDS)
    assert (found.signal.id, found.signal.symbol, found.is_bare) == ("m-1", "AAPL", False)
    assert (found.signal.strength, found.signal.stop) == (Decimal(82), Decimal("180.5"))


@pytest.mark.parametrize(
    ("body", "how"),
    [
        (OURS, {"bearer": WORDS}),
        ({**OURS, "secret": WORDS}, {}),
        (OURS, {"in_path": WORDS}),
        (b"\xef\xbb\xbf" + json.dumps(OURS, indent=2).encode(), {"bearer": WORDS}),
    ],
)
def test_the_secret_may_come_in_three_places_and_is_cut_out(body: Any, how: dict[str, Any]) -> None:
    found = take(body, **how)
    assert WORDS not in repr(found)
    assert WORDS.encode() not in line_of(found.signal)


@pytest.mark.parametrize(
    ("body", "how"),
    [
        (OURS, {}),
        ({**OURS, "secret": WORDS[:-1]}, {}),
        ({**OURS, "secret": 7}, {}),
        ({**OURS, "secret": None}, {}),
        (OURS, {"bearer": "nöt the one"}),
        (OURS, {"in_path": ""}),
        (b"{", {}),
        (b"[]", {}),
        (b"\xff\xfe", {"bearer": WORDS + "x"}),
    ],
)
def test_without_the_secret_all_is_answered_alike(body: Any, how: dict[str, Any]) -> None:
    found = refusal(body, **how)
    assert found.status is HTTPStatus.UNAUTHORIZED
    assert found.to_dict() == refusal(OURS).to_dict()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**OURS, "strength": 182}, "strength"),
        ({**OURS, "symbol": "<b>"}, "symbol"),
        ({**OURS, "side": "bye"}, "side"),
        ({**OURS, "qty": 1, "notional": 5}, "notional"),
        ({**OURS, "stopp": 1}, "stopp"),
        ({**OURS, "created_at": "2026-11-20T14:20:00Z"}, "created_at"),
        ({**OURS, "strategy_id": f"x{WORDS}"}, "strategy_id"),
        ({**OURS, "extra": {"deep": [WORDS]}}, "extra.deep"),
        ({**OURS, WORDS: 1}, "body"),
        ("text", "body"),
        (b'{"symbol": "A", "symbol": "B"}', "symbol"),
        (alert(ticker=None, symbol="AAPL"), "exchange"),
        (alert(action="{{strategy.order.action}}"), "action"),
        (alert(exchange="NASDAQ_DLY"), "exchange"),
        (alert(ticker="NYSE_DL:IBM"), "ticker"),
        (alert(timenow="2026-11-19T14:30:58Z"), "timenow"),
        (alert(ticker="A B"), "ticker"),
        (alert(position="up"), "position"),
        (alert(action="sell", position="long", previous_position="long"), "qty"),
        (alert(leverage=3), "leverage"),
    ],
)
def test_a_wrong_content_names_its_field_and_never_the_secret(body: Any, field: str) -> None:
    found = refusal(body, bearer=WORDS)
    assert found.status is HTTPStatus.UNPROCESSABLE_ENTITY
    assert found.to_dict()["field"] == field
    assert WORDS not in json.dumps(found.to_dict())


def test_the_shipped_template_is_a_signal_with_the_time_of_its_firing() -> None:
    found = take(alert())
    signal = found.signal
    assert (signal.symbol, signal.side, signal.strategy_id) == ("AAPL", "buy", "tradingview")
    assert signal.strength == TradingSettings().signals.strength
    assert signal.created_at == datetime(2026, 11, 20, 14, 30, 58, tzinfo=UTC)
    assert signal.expected_price == Decimal("186.42")
    assert found.previous is Stance.FLAT


@pytest.mark.parametrize(
    ("changed", "is_same"),
    [
        ({"timenow": "2026-11-20T14:30:59Z"}, True),
        ({"price": "187"}, True),
        ({"order_id": "Long2"}, False),
        ({"interval": "15"}, False),
        ({"time": "2026-11-20T14:20:00Z"}, False),
        ({"ticker": "MSFT"}, False),
    ],
)
def test_the_id_of_an_alert_follows_from_symbol_interval_bar_and_order(
    changed: dict[str, Any], is_same: bool
) -> None:
    assert (take(alert(**changed)).signal.id == take(alert()).signal.id) is is_same


def test_an_alert_that_says_too_little_for_an_id_is_told_apart_by_its_content() -> None:
    found = take(alert(order_id=None))
    assert (found.is_bare, found.signal.id) == (True, "web-1")
    again = take(alert(order_id=None, secret=None), bearer=WORDS)
    assert again.content == found.content
    assert take(alert(order_id=None, price="1")).content != found.content


BUY, SELL, SHORT = SignalSide.BUY, SignalSide.SELL, SignalSide.SELL_SHORT


@pytest.mark.parametrize(
    ("action", "position", "previous", "side"),
    [
        ("buy", "long", "flat", BUY),
        ("buy", "long", "long", BUY),  # pyramiding
        ("sell", "short", "flat", SHORT),
        ("sell", "flat", "long", SELL),
        ("buy", "flat", "short", SELL),
        ("buy", "long", "short", SELL),  # a reversal closes
        ("sell", "short", "long", SELL),
        ("buy", None, None, BUY),  # alerts of indicators
        ("sell", None, None, SELL),
        ("short", None, None, SHORT),
    ],
)
def test_the_side_follows_from_the_order_and_where_it_leaves_the_strategy(
    action: str, position: str | None, previous: str | None, side: SignalSide
) -> None:
    body = alert(action=action, position=position, previous_position=previous)
    assert take(body).signal.side is side


@pytest.mark.parametrize(
    ("position", "previous", "side", "stop"),
    [("long", "short", BUY, "180"), ("short", "long", SHORT, "190")],
)
def test_a_reversal_is_a_close_of_the_whole_and_an_entry_with_size_and_exits(
    position: str, previous: str, side: SignalSide, stop: str
) -> None:
    found = take(alert(position=position, previous_position=previous, qty=7, stop=stop))
    close, entry = found.signal, found.entry
    assert entry is not None
    assert (close.side, close.qty, close.stop) == (SELL, None, None)
    assert (entry.side, entry.qty, entry.stop) == (side, Decimal(7), Decimal(stop))
    assert (entry.id, entry.symbol) == (f"{close.id}.open", close.symbol)
    assert (entry.created_at, entry.strategy_id) == (close.created_at, close.strategy_id)
    assert take(alert(position="flat", previous_position=previous)).entry is None
    wrong = alert(position=position, previous_position=previous, stop=stop, target=stop)
    assert refusal(wrong).to_dict()["field"] == "stop"


@given(
    strength=st.decimals(0, 100, places=3),
    price=st.none() | st.decimals("0.01", 99_999, places=4),
    seconds=st.integers(0, 250),
)
def test_what_is_kept_is_read_back_as_it_was(
    strength: Decimal, price: Decimal | None, seconds: int
) -> None:
    at = NOW - timedelta(seconds=seconds)
    body = f'{{"symbol": "BTC/USD", "side": "sell", "strength": {strength:f}'
    body += f', "created_at": "{at.isoformat()}"' + (f', "stop": "{price:f}"' if price else "")
    signal = take(f"{body}}}".encode(), bearer=WORDS).signal
    assert read_line(line_of(signal), now=NOW, new_id="other") == signal


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_end_in_anything_but_a_signal_or_a_refusal(raw: bytes, knows: bool) -> None:
    with pytest.raises(NotTaken) as caught:
        take(raw, bearer=WORDS if knows else None)
    assert (caught.value.status is HTTPStatus.UNAUTHORIZED) is not knows
