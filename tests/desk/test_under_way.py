"""Goal: orders of a batch are on their way two at once, begun and told in turn.

Method: acts that wait for the test, on real threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from execbot.desk.signals.under_way import AT_ONCE, UnderWay


class Act:
    """Leaves at once, and ends when the test says so."""

    def __init__(self, name: str, fails: bool = False) -> None:
        self.name = name
        self.fails = fails
        self.begun = threading.Event()
        self.ends = threading.Event()
        self.over = threading.Event()

    def __call__(self, on_leave: Callable[[], None]) -> str:
        self.begun.set()
        on_leave()
        assert self.ends.wait(30)
        self.over.set()
        if self.fails:
            raise ValueError(self.name)
        return self.name


def test_two_are_under_way_at_once_and_results_come_in_the_order_of_their_beginning() -> None:
    told = list[str]()
    under_way, acts = UnderWay[str](told.append), [Act("a"), Act("b"), Act("c")]
    for act in acts[:2]:
        under_way.make_room()
        under_way.begin(act)
    assert len(under_way) == AT_ONCE == 2 and not told
    acts[1].ends.set()
    threading.Timer(0.05, acts[0].ends.set).start()
    under_way.make_room()
    assert told == ["a"], "the later one was sooner over, and waits for its turn"
    acts[2].ends.set()
    under_way.begin(acts[2])
    under_way.end_all()
    assert told == ["a", "b", "c"]


def test_next_one_begins_only_when_the_order_of_the_last_has_left_or_none_will() -> None:
    under_way, order = UnderWay[None](lambda _: None), list[str]()

    def refused(on_leave: Callable[[], None]) -> None:
        threading.Event().wait(0.05)
        order.append("refused")

    under_way.begin(refused)
    order.append("begun")
    under_way.end_all()
    assert order == ["refused", "begun"]


def test_run_that_fails_still_tells_what_was_sent() -> None:
    told = list[str]()
    under_way, acts = UnderWay[str](told.append), [Act("a", fails=True), Act("b")]
    for act in acts:
        under_way.begin(act)
        act.ends.set()
    with pytest.raises(ValueError, match="a"):
        under_way.make_room()
    under_way.end_what_ends(30)
    assert told == ["b"]


def test_what_does_not_end_is_left_alone() -> None:
    told = list[str]()
    under_way, acts = UnderWay[str](told.append), [Act("hangs"), Act("b")]
    for act in acts:
        under_way.begin(act)
    acts[1].ends.set()
    acts[1].over.wait(30)
    under_way.end_what_ends(0.1)
    acts[0].ends.set()
    assert not len(under_way) and told == ["b"]
