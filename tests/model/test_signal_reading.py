"""Reading signals: every bad line is refused alone, with its number and the field at fault.

Method: tables of broken JSON, hypothesis over arbitrary bytes and values, streams of huge lines.
"""

from __future__ import annotations

import io
import json
import tracemalloc
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execbot.model.signal import (
    LINE_BYTES_MAX,
    Signal,
    SignalError,
    SignalSide,
    lines,
    read_line,
    read_signal,
)

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
GOOD: dict[str, Any] = {"id": "s1", "symbol": "AAPL", "side": "buy", "strength": 82}


def read(**changes: Any) -> Signal:
    line = json.dumps({**GOOD, **changes}).encode()
    return read_line(line, now=NOW, new_id="made")


def test_a_full_signal_is_read_exactly() -> None:
    line = (
        b'{"id":"x-1","symbol":"brk.b","side":"SELL_SHORT","strength":82.5,"strategy_id":"mean",'
        b'"expected_price":"186.42","stop":190.10,"target":180,"tier":"A","confidence":0.85,'
        b'"notional":2500.00,"created_at":"2026-11-20T14:59:30.123456789Z","ttl_seconds":90}'
    )
    signal = read_line(line, now=NOW, new_id="made")
    assert signal == Signal(
        id="x-1",
        symbol="BRK.B",
        side=SignalSide.SELL_SHORT,
        strength=Decimal("82.5"),
        created_at=datetime(2026, 11, 20, 14, 59, 30, 123456, tzinfo=UTC),
        strategy_id="mean",
        expected_price=Decimal("186.42"),
        stop=Decimal("190.10"),
        target=Decimal("180"),
        tier="A",
        confidence=Decimal("0.85"),
        notional=Decimal("2500.00"),
        ttl_seconds=Decimal("90"),
    )
    assert read_signal(signal.to_dict() | {"strength": 82.5, "confidence": 0.85, "ttl_seconds": 90},
                       now=NOW, new_id="made") == signal  # fmt: skip


def test_missing_id_and_time_are_filled_in() -> None:
    signal = read_line(b'{"symbol":"BTC/USD","side":"buy","strength":71}', now=NOW, new_id="made")
    assert (signal.id, signal.created_at) == ("made", NOW)
    assert signal.expires_at(Decimal(300)) == NOW + timedelta(minutes=5)


BAD_FIELDS: list[tuple[str, Any]] = [
    ("strength", "82"), ("strength", True), ("strength", None), ("strength", [82]),
    ("strength", -0.01), ("strength", 100.01), ("strength", {"v": 82}),
    ("symbol", 7), ("symbol", ""), ("symbol", "AA PL"), ("symbol", "ÄAPL"),
    ("symbol", "\uff21\uff21\uff30\uff2c"), ("symbol", "AAPL\u200b"), ("symbol", "A" * 500),
    ("symbol", "../etc"), ("symbol", None), ("symbol", "\u0000"), ("symbol", "ſ"),
    ("side", "hold"), ("side", 1), ("side", None), ("side", "buy "), ("side", "ＢＵＹ"),
    ("id", 5), ("id", ""), ("id", "a b"), ("id", "\U0001f680"), ("id", "x" * 97), ("id", "a\nb"),
    ("strategy_id", "naïve"), ("tier", ["A"]), ("confidence", 1.01), ("confidence", "0.5"),
    ("qty", 0), ("qty", -1), ("qty", "ten"), ("qty", "1,000"), ("qty", "１０"), ("qty", ""),
    ("qty", 1e13), ("qty", "1e999"), ("qty", "1" * 50), ("qty", "0.0000000000001"),
    ("notional", False), ("expected_price", 0), ("stop", "-5"), ("target", "inf"),
    ("target", "nan"), ("ttl_seconds", 0), ("ttl_seconds", 10**9),
    ("created_at", 1700000000), ("created_at", "yesterday"), ("created_at", "2027-01-01T00:00:00Z"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), BAD_FIELDS)
def test_bad_field_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(SignalError) as caught:
        read(**{field: value})
    assert caught.value.field == field
    assert str(caught.value).isascii(), "foreign text must not reach the terminal raw"


@pytest.mark.parametrize(
    "line",
    [
        b"", b"null", b"[]", b"7", b'"buy"', b"{", b"not json", b"{}", b"\xff\xfe", b"\xc3",
        b'{"symbol":"AAPL","side":"buy","strength":NaN}',
        b'{"symbol":"AAPL","side":"buy","strength":Infinity}',
        b'{"symbol":"AAPL","side":"buy","strength":-Infinity}',
        b'{"symbol":"AAPL","side":"buy","strength":1e400}',
        b'{"symbol":"AAPL","side":"buy","strength":' + b"9" * 5000 + b"}",
        b'{"symbol":"AAPL","side":"buy","strength":82,"strength":20}',
        b'{"symbol":"AAPL","side":"buy","strength":82}{"symbol":"F"}',
        b"[" * 30_000,
        b'{"a":' * 10_000,
        b"x" * (LINE_BYTES_MAX + 1),
        b'\xef\xbb\xbf{"symbol":"AAPL","side":"buy","strength":82}',
    ],
)  # fmt: skip
def test_bad_line_is_refused(line: bytes) -> None:
    with pytest.raises(SignalError):
        read_line(line, now=NOW, new_id="made")


def test_unknown_field_is_refused_with_a_suggestion() -> None:
    with pytest.raises(SignalError) as caught:
        read(strenght=82)
    assert caught.value.field == "strenght" and "strength" in caught.value.hint
    with pytest.raises(SignalError) as caught:
        read(ttl=5)
    assert "ttl_seconds" in caught.value.hint


@pytest.mark.parametrize(
    "changes",
    [
        {"qty": 1, "notional": 5},
        {"stop": 190, "target": 180},  # a buy whose stop is above its target
        {"side": "sell_short", "stop": 170, "target": 180},
        {"stop": 180, "target": 180},
    ],
)
def test_contradictions_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SignalError):
        read(**changes)


def test_time_without_zone_is_taken_as_utc_on_the_wire_and_refused_in_python() -> None:
    assert read(created_at="2026-11-20T14:00:00").created_at.tzinfo is UTC
    with pytest.raises(SignalError):
        Signal("a", "AAPL", SignalSide.BUY, Decimal(80), datetime(2026, 1, 1))


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_arbitrary_bytes_are_a_signal_or_a_signal_error(line: bytes) -> None:
    try:
        assert isinstance(read_line(line, now=NOW, new_id="made"), Signal)
    except SignalError as error:
        assert str(error)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.sampled_from([*sorted(GOOD), "qty", "stop", "tier", "created_at", "confidence"]), JSON)
@settings(max_examples=300, deadline=None)
def test_arbitrary_values_never_raise_anything_else(field: str, value: Any) -> None:
    for data in ({**GOOD, field: value}, value):
        try:
            signal = read_signal(data, now=NOW, new_id="made")
        except SignalError:
            continue
        assert 0 <= signal.strength <= 100
        assert signal.symbol.isascii()


def test_lines_are_numbered_and_blank_ones_skipped() -> None:
    stream = io.BytesIO(b'{"a":1}\n\n  \r\n{"b":2}\r\nlast')
    assert list(lines(stream)) == [(1, b'{"a":1}'), (4, b'{"b":2}'), (5, b"last")]


def test_megabyte_lines_are_refused_one_by_one_without_being_kept() -> None:
    good = json.dumps(GOOD).encode()
    huge = b'{"symbol":"' + b"A" * 1_000_000 + b'"}'
    stream = io.BytesIO(b"\n".join([good, huge, good, huge, huge, good]) + b"\n")
    tracemalloc.start()
    results = []
    for number, line in lines(stream):
        try:
            read_line(line, now=NOW, new_id="made")
            results.append((number, "ok"))
        except SignalError as error:
            assert "longer than" in str(error)
            results.append((number, "refused"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert results == [
        (1, "ok"), (2, "refused"), (3, "ok"), (4, "refused"), (5, "refused"), (6, "ok")
    ]  # fmt: skip
    assert peak < 500_000


@pytest.mark.parametrize("extra", [-1, 0, 1, 2, 3])
def test_line_at_the_very_limit(extra: int) -> None:
    body = json.dumps(GOOD).encode()
    padded = body + b" " * (LINE_BYTES_MAX + extra - len(body))
    found = list(lines(io.BytesIO(padded + b"\n" + body + b"\n")))
    assert [number for number, _ in found] == [1, 2]
    assert found[1][1] == body
    assert (len(found[0][1]) > LINE_BYTES_MAX) is (extra > 0)
