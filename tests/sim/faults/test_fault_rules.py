"""Goal: rules strike exactly what they name, as often as they say, the same in every run."""

from __future__ import annotations

import pytest

from execbot.sim.faults.deliveries import Outbox
from execbot.sim.faults.faults import FaultBook, FaultError, Rule, Subject, parse_rule
from execbot.sim.faults.kinds import KINDS, Family, Kind
from execbot.sim.types import SECOND, StreamEvent

POST = Subject("POST", "/v2/orders", ("AAPL",), "", "k1")
GET = Subject("GET", "/v2/orders/42", (), "", "k2")
REQUEST = (Family.REQUEST,)


def book(*specs: dict[str, object], seed: int = 0) -> FaultBook:
    made = FaultBook(seed)
    made.extend(specs)
    return made


@pytest.mark.parametrize(
    ("fields", "hits_post", "hits_get"),
    [
        ({}, True, True),
        ({"method": "post"}, True, False),
        ({"path": "/v2/orders"}, True, False),
        ({"path": "/v2/orders/*"}, False, True),
        ({"path": "/v2/orders*"}, True, True),
        ({"symbol": "AAPL"}, True, False),
        ({"symbol": "MSFT"}, False, False),
        ({"key": "k2"}, False, True),
    ],
)
def test_rule_covers_what_it_names(
    fields: dict[str, object], hits_post: bool, hits_get: bool
) -> None:
    spec = {"kind": "reset_before", **fields}
    assert bool(book(spec).strike(REQUEST, POST)) is hits_post
    assert bool(book(spec).strike(REQUEST, GET)) is hits_get


def test_after_skips_and_count_ends() -> None:
    faults = book({"kind": "reset_before", "after": 2, "count": 3})
    struck = [bool(faults.strike(REQUEST, POST)) for _ in range(8)]
    assert struck == [False, False, True, True, True, False, False, False]
    assert (faults.rules[0].matched, faults.rules[0].fired) == (5, 3)


def test_probability_is_kept_and_depends_on_the_seed_alone() -> None:
    def run(seed: int) -> list[bool]:
        faults = book({"kind": "reset_before", "probability": 0.3}, seed=seed)
        return [bool(faults.strike(REQUEST, POST)) for _ in range(1000)]

    assert run(1) == run(1)
    assert run(1) != run(2)
    assert 230 < sum(run(1)) < 370


def test_rule_of_another_family_is_not_asked() -> None:
    faults = book({"kind": "event_missing"})
    assert faults.strike(REQUEST, POST) == []
    assert faults.rules[0].matched == 0


def test_dump_and_load_keep_the_counters() -> None:
    faults = book({"kind": "reset_before", "count": 2})
    faults.strike(REQUEST, POST)
    other = FaultBook(0)
    other.load(faults.dump())
    assert len(other.strike(REQUEST, POST)) == 1
    assert other.strike(REQUEST, POST) == []
    assert other.add({"kind": "reset_after"}).id == "2"


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"kind": "nonsense"},
        {"kind": "reset_before", "seconds": 3},
        {"kind": "reply_delayed", "secnods": 3},
        {"kind": "reset_before", "probability": 2},
        {"kind": "reset_before", "count": "many"},
    ],
)
def test_wrong_descriptions_are_refused(spec: dict[str, object]) -> None:
    with pytest.raises(FaultError):
        parse_rule(spec, "1")


def test_parameters_may_stand_in_params() -> None:
    rule = parse_rule({"kind": "reply_delayed", "params": {"seconds": 2}}, "1")
    assert rule.params["seconds"] == 2


# --- events ------------------------------------------------------------------------------------


def event(seq: int, name: str = "fill", at: int = 0, account: str = "a") -> StreamEvent:
    data = {"event": name, "n": seq, "order": {"symbol": "AAPL"}}
    return StreamEvent(seq, account, at, data)


def outbox(*specs: dict[str, object]) -> Outbox:
    return Outbox(book(*specs))


def numbers(rows: list[object]) -> list[object]:
    import json

    return [
        json.loads(row.frame)["data"]["n"] if row.what == "event" else row.what  # type: ignore[attr-defined]
        for row in rows
    ]


def push(box: Outbox, *events: StreamEvent) -> list[object]:
    return numbers(list(box.push(events, {"a": "key-a", "b": "key-b"})))


def test_without_faults_events_go_out_as_they_are() -> None:
    box = outbox()
    assert push(box, event(1), event(2)) == [1, 2]
    assert box.seq == 2


def test_duplicated_event_goes_out_as_often_as_told() -> None:
    assert push(outbox({"kind": "event_duplicated", "times": 3}), event(1)) == [1, 1, 1]


def test_missing_event_does_not_go_out_and_others_do() -> None:
    box = outbox({"kind": "event_missing", "event": "new"})
    assert push(box, event(1, "new"), event(2, "fill")) == [2]


def test_late_event_goes_out_when_due_and_not_before() -> None:
    box = outbox({"kind": "event_late", "seconds": 5, "count": 1})
    assert push(box, event(1), event(2)) == [2]
    assert box.next_due() == 5 * SECOND
    assert numbers(list(box.due(5 * SECOND - 1))) == []
    assert numbers(list(box.due(5 * SECOND))) == [1]


def test_reordered_event_comes_after_the_next_one() -> None:
    box = outbox({"kind": "event_reordered", "count": 1})
    assert push(box, event(1), event(2), event(3)) == [2, 1, 3]


def test_reordered_event_without_a_next_one_comes_after_its_time() -> None:
    box = outbox({"kind": "event_reordered", "seconds": 2, "count": 1})
    assert push(box, event(1)) == []
    assert numbers(list(box.due(2 * SECOND))) == [1]


def test_muted_stream_loses_events_of_that_account_for_its_time() -> None:
    box = outbox({"kind": "stream_muted", "seconds": 10, "count": 1, "key": "key-a"})
    assert push(box, event(1), event(2, at=9 * SECOND), event(3, account="b")) == [3]
    assert push(box, event(4, at=10 * SECOND)) == [4]


@pytest.mark.parametrize(("lose", "expected"), [(True, ["cut", 2]), (False, ["cut", 1, 2])])
def test_cut_stream_dies_with_or_before_the_event(lose: bool, expected: list[object]) -> None:
    box = outbox({"kind": "stream_cut", "lose": lose, "count": 1})
    assert push(box, event(1), event(2)) == expected


def test_held_back_events_survive_dump_and_load() -> None:
    box = outbox(
        {"kind": "event_late", "seconds": 5, "count": 1},
        {"kind": "event_reordered", "seconds": 6, "after": 1, "count": 1},
    )
    assert push(box, event(1), event(2)) == []
    other = Outbox(FaultBook())
    other.load(box.dump())
    assert numbers(list(other.due(6 * SECOND))) == [1, 2]
    assert other.seq == 2


def test_every_kind_is_described() -> None:
    assert set(KINDS) == set(Kind)
    assert all(isinstance(parse_rule({"kind": kind.value}, "1"), Rule) for kind in Kind)


# --- for a time --------------------------------------------------------------------------------


def test_a_rule_ends_so_many_seconds_after_it_was_made() -> None:
    faults = FaultBook()
    faults.extend([{"kind": "reset_before", "for_seconds": 10}], now=100 * SECOND)
    assert faults.strike(REQUEST, POST, 100 * SECOND)
    assert faults.strike(REQUEST, POST, 110 * SECOND - 1)
    assert not faults.strike(REQUEST, POST, 110 * SECOND)
    other = FaultBook()
    other.load(faults.dump())
    assert not other.strike(REQUEST, POST, 110 * SECOND)


def test_of_several_rules_none_is_in_force_when_one_is_wrong() -> None:
    faults = FaultBook()
    with pytest.raises(FaultError):
        faults.extend([{"kind": "reset_before"}, {"kind": "nonsense"}])
    assert faults.rules == []
