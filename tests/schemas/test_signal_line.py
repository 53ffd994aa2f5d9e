"""Goal: the schema of a signal line and its reader agree.

Method: a table of good and of spoilt lines, and one value of one field at a time at random, each
given to the reader, to the pydantic model and to the JSON Schema. What only the reader can say is
pinned.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.schema_judge import complaints

from execbot.model.signal import FIELDS, SignalError, SignalSide, read_line
from execbot.schemas.signal_line import BEYOND, SignalLine

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
LEAST = {"symbol": "AAPL", "side": "buy", "strength": 82}


def refused_by_reader(line: str) -> bool:
    try:
        read_line(line.encode("utf-8", "surrogatepass"), now=NOW, new_id="x")
    except SignalError:
        return True
    return False


def refused_by_schema(line: str) -> bool:
    """By both: pydantic and the JSON Schema agree, or the test ends here."""
    found = complaints("signal-line", json.loads(line, parse_float=Decimal))
    by = {one.partition(":")[0] for one in found}
    assert by in (set(), {"pydantic", "JSON Schema"}), found
    return bool(found)


def test_the_schema_has_the_readers_fields() -> None:
    assert set(SignalLine.model_fields) == FIELDS
    required = {name for name, field in SignalLine.model_fields.items() if field.is_required()}
    assert required == {"strength"}  # what else is needed follows from whether there are legs
    for name in ("symbol", "side"):
        line = json.dumps({k: v for k, v in LEAST.items() if k != name})
        assert refused_by_reader(line) and refused_by_schema(line)


GOOD: list[dict[str, Any]] = [
    {},
    {"id": "mean-2026-11-20-0931-AAPL", "strategy_id": "mean", "tier": "A"},
    {"expected_price": "186.42", "stop": "182.70", "target": 194, "confidence": 0.5},
    {"qty": 3}, {"qty": "0.5"}, {"notional": "1e3"}, {"qty": 3, "notional": None},
    {"created_at": "2026-11-20T14:31:05Z", "ttl_seconds": 120},
    {"symbol": "BRK.B"}, {"symbol": "btc/usd"}, {"symbol": " AAPL "}, {"side": "SELL_SHORT"},
    {"symbol": "BTCUSD"}, {"symbol": "1INCH/USD"}, {"symbol": "AAPL261218C00190000"},
    {"strength": 0}, {"strength": 100}, {"strength": 82.5}, {"confidence": 1},
    dict.fromkeys(sorted(FIELDS - set(LEAST))),
]  # fmt: skip

LOW, HIGH = "AAPL261218C00250000", "AAPL261218C00260000"
LEGS = [{"symbol": LOW, "side": "buy"}, {"symbol": HIGH, "side": "sell", "ratio": 1, "to": "open"}]
SPREAD = {"strength": 82, "legs": LEGS, "debit": "1.20", "qty": 2}


@pytest.mark.parametrize(
    "fields",
    [
        {}, {"symbol": "AAPL"}, {"side": "buy"}, {"debit": 0}, {"debit": 1.2}, {"qty": "3"},
        {"stop": "0.60"}, {"target": 3},
        {"debit": None, "credit": "0.35"}, {"legs": [{**leg, "to": "close"} for leg in LEGS]},
        {"legs": [{**LEGS[0], "symbol": LOW.lower()}, LEGS[1]]}, {"ttl_seconds": 60},
    ],
    ids=str,
)  # fmt: skip
def test_a_structure_is_allowed_by_both(fields: dict[str, Any]) -> None:
    line = json.dumps({**SPREAD, **fields})
    assert not refused_by_reader(line) and not refused_by_schema(line)


@pytest.mark.parametrize(
    "fields",
    [
        {"qty": None}, {"debit": None}, {"credit": 1}, {"debit": -1}, {"legs": []},
        {"legs": LEGS[:1]}, {"legs": [*LEGS, *LEGS, *LEGS]}, {"legs": "buy"}, {"legs": [LOW, HIGH]},
        {"legs": [LEGS[0], {"symbol": HIGH}]}, {"legs": [LEGS[0], {**LEGS[1], "side": "BUY"}]},
        {"legs": [LEGS[0], {**LEGS[1], "ratio": 0}]},
        {"legs": [LEGS[0], {**LEGS[1], "to": "roll"}]},
        {"legs": [LEGS[0], {**LEGS[1], "qty": 1}]}, {"legs": [LEGS[0], {**LEGS[1], "symbol": "F"}]},
        {"notional": 500}, {"tier": "A"}, {"confidence": 0.5},
        {"expected_price": 1}, {"strength": None},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_structure_is_refused_by_both(fields: dict[str, Any]) -> None:
    line = json.dumps({**SPREAD, **fields})
    assert refused_by_reader(line) and refused_by_schema(line)


@pytest.mark.parametrize(
    "fields",
    [
        {"qty": 1.5}, {"debit": "1.205"}, {"symbol": "MSFT"}, {"side": "sell"},
        {"legs": [LEGS[0], {**LEGS[1], "symbol": "MSFT261218C00260000"}]},
        {"legs": [{**LEGS[0], "side": "sell"}, LEGS[1]]}, {"legs": [LEGS[0], LEGS[0]]},
        {"legs": [{**LEGS[0], "ratio": 2}, {**LEGS[1], "ratio": 2}]},
    ],
    ids=str,
)  # fmt: skip
def test_of_a_structure_the_reader_knows_more(fields: dict[str, Any]) -> None:
    line = json.dumps({**SPREAD, **fields})
    assert refused_by_reader(line) and not refused_by_schema_json(line)


SPOILT: list[Any] = [
    {"price": 5}, {"strategy": "mean"},
    {"symbol": None}, {"symbol": ""}, {"symbol": "AA PL"}, {"symbol": 5}, {"symbol": "A" * 12},
    {"side": "hold"}, {"side": None}, {"side": 1},
    {"strength": None}, {"strength": 100.1}, {"strength": -1}, {"strength": "82"},
    {"strength": True}, {"strength": [82]},
    {"confidence": 1.01}, {"confidence": "0.5"}, {"ttl_seconds": 0}, {"ttl_seconds": "60"},
    {"ttl_seconds": 604_801},
    {"qty": 0}, {"qty": -1}, {"qty": "many"}, {"qty": True}, {"qty": {}}, {"qty": 1e13},
    {"stop": "1.2.3"}, {"target": ""}, {"expected_price": "NaN"}, {"notional": "1_000"},
    {"qty": 1, "notional": 100},
    {"id": ""}, {"id": "with blank"}, {"id": "x" * 97}, {"id": 5}, {"tier": ["A"]},
    {"created_at": 5},
]  # fmt: skip


@pytest.mark.parametrize("fields", GOOD, ids=str)
def test_what_is_allowed_is_allowed_by_both(fields: dict[str, Any]) -> None:
    line = json.dumps({**LEAST, **fields})
    assert not refused_by_reader(line)
    assert not refused_by_schema(line)


@pytest.mark.parametrize("fields", SPOILT, ids=str)
def test_what_is_spoilt_is_refused_by_both(fields: dict[str, Any]) -> None:
    line = json.dumps({**LEAST, **fields})
    assert refused_by_reader(line)
    assert refused_by_schema(line)


@pytest.mark.parametrize("line", ["[]", "5", "null", '"AAPL"'])
def test_what_is_no_object_is_refused_by_both(line: str) -> None:
    assert refused_by_reader(line) and refused_by_schema(line)


READER_ONLY = [
    json.dumps({**LEAST, "id": "x"})[:-1] + " " * 70_000 + "}",
    '{"symbol": "AAPL", "side": "buy", "strength": 82, "strength": 83}',
    json.dumps({**LEAST, "qty": 0.1234567890123}),
    json.dumps({**LEAST, "qty": "0"}),
    json.dumps({**LEAST, "stop": "190", "target": "180"}),
    json.dumps({**LEAST, "created_at": "2026-11-20T16:00:00Z"}),
]


@pytest.mark.parametrize("line", READER_ONLY, ids=range(len(READER_ONLY)))
def test_where_the_reader_knows_more(line: str) -> None:
    assert refused_by_reader(line)
    only_pydantic = [
        one
        for one in complaints("signal-line", json.loads(line, parse_float=Decimal))
        if one.startswith("JSON Schema")
    ]
    assert only_pydantic == []


def test_all_differences_are_named() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "json.md").read_text()
    assert all(words in page for words in BEYOND)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**13), 10**13),
    st.floats(-200, 200).map(lambda value: round(value, 6)),
    st.text(st.sampled_from("AaBb09._-/ :"), max_size=12),
    st.sampled_from([side.value for side in SignalSide]),
    st.lists(st.integers(), max_size=2),
)
TIMED = "created_at"
"""Whether text is a time only the reader looks at."""


@settings(max_examples=600, deadline=None)
@given(name=st.sampled_from(sorted(FIELDS)), value=VALUES)
def test_of_any_value_of_any_field_both_say_the_same(name: str, value: Any) -> None:
    line = json.dumps({**LEAST, name: value})
    if name == TIMED and isinstance(value, str):
        return
    amounts = ("qty", "notional", "stop", "target", "expected_price", "debit", "credit")
    if isinstance(value, str) and name in amounts:
        # Text out of bounds is the reader's business: what it allows the schema must allow.
        assert refused_by_reader(line) or not refused_by_schema_json(line)
        return
    assert refused_by_schema(line) is refused_by_reader(line), line


def refused_by_schema_json(line: str) -> bool:
    return any(one.startswith("JSON") for one in complaints("signal-line", json.loads(line)))
