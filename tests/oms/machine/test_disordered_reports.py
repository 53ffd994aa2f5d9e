"""Goal: reports that come shuffled, doubled or not at all end in the state of a perfect stream.

Method: hypothesis invents the true life of an order; its frames are disturbed and applied, then
REST tells the truth once, and the result is compared with the undisturbed one.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from support.oms_making import at, frame, intent, look, row, run

from execbot.journal.records import FillState
from execbot.model.enums import OrderStatus
from execbot.oms.machine.events import OrderEvent, OrderState

TOTAL = Decimal(10)


@dataclass(frozen=True)
class Life:
    """What truly happened: executions and how it ended, each at its own second."""

    executions: tuple[tuple[Decimal, Decimal], ...]
    end: str
    pending: bool

    def events(self) -> tuple[list[OrderEvent], list[OrderEvent], OrderEvent]:
        """Stream frames in order, activities in order, and the last REST snapshot."""
        frames = [frame("pending_new", "pending_new", second=1)]
        frames.append(frame("new", "new", second=2, execution_id="n1"))
        activities: list[OrderEvent] = []
        second, total, value = 2.0, Decimal(0), Decimal(0)
        shown: dict[str, Any] = {"filled": "0"}
        for number, (qty, price) in enumerate(self.executions, start=1):
            second += 1
            total += qty
            value += qty * price
            done = total >= TOTAL
            shown = {"filled": str(total), "avg": str(value / total)}
            frames.append(
                frame(
                    "fill" if done else "partial_fill",
                    "filled" if done else "partially_filled",
                    second=second,
                    execution_id=f"x{number}",
                    qty=str(qty),
                    price=str(price),
                    **shown,
                )
            )
            activities.append(row(number, str(qty), str(price), str(total), second=second))
        status = "filled" if total >= TOTAL else "partially_filled" if total else "new"
        if self.pending and total < TOTAL:
            second += 1
            status = "pending_cancel"
            frames.append(frame("pending_cancel", status, second=second, **shown))
        if self.end != "open" and total < TOTAL:
            second += 1
            status = self.end
            frames.append(frame(self.end, status, second=second, **shown))
        return frames, activities, look(status, second=second, **shown)


@st.composite
def lives(draw: st.DrawFn) -> Life:
    sizes = draw(st.lists(st.integers(1, 4), max_size=5))
    kept: list[int] = []
    for size in sizes:
        if sum(kept) + size <= TOTAL:
            kept.append(size)
    prices = draw(st.lists(st.integers(9990, 10010), min_size=len(kept), max_size=len(kept)))
    return Life(
        tuple(
            (Decimal(size), Decimal(price) / 100) for size, price in zip(kept, prices, strict=True)
        ),
        draw(st.sampled_from(["open", "canceled", "expired", "done_for_day", "rejected"])),
        draw(st.booleans()),
    )


def facts(state: OrderState) -> tuple[Any, ...]:
    order = state.record.order
    books = sorted(
        (item.execution_id, item.net_qty, item.net_price, item.at)
        for item in state.executions.values()
    )
    return order.status, order.filled_qty, order.filled_avg_price, books


@given(lives(), st.data())
@settings(max_examples=150, deadline=None)
def test_shuffled_and_doubled_frames_end_like_a_perfect_stream(
    life: Life, data: st.DataObject
) -> None:
    frames, _, _ = life.events()
    extra = data.draw(st.lists(st.sampled_from(frames), max_size=4))
    disturbed = data.draw(st.permutations(frames + extra))
    assert facts(run(intent(), *disturbed)) == facts(run(intent(), *frames))


@given(lives(), st.data())
@settings(max_examples=150, deadline=None)
def test_lost_frames_are_made_good_by_activities_and_one_snapshot(
    life: Life, data: st.DataObject
) -> None:
    frames, activities, last = life.events()
    kept = [item for item in frames if data.draw(st.booleans())]
    disturbed = data.draw(st.permutations(kept + activities + [last]))
    perfect = run(intent(), *frames)
    state = run(intent(), *disturbed)
    assert facts(state)[:3] == facts(perfect)[:3]
    assert len(state.executions) == len(perfect.executions)
    late = run(*data.draw(st.permutations(frames)), start=state)
    assert facts(late) == facts(perfect)


@given(lives(), st.data())
@settings(max_examples=100, deadline=None)
def test_a_snapshot_alone_gives_the_right_quantity_and_average(
    life: Life, data: st.DataObject
) -> None:
    frames, _, last = life.events()
    kept = [item for item in frames if data.draw(st.booleans())]
    state = run(intent(), *kept, last)
    perfect = run(intent(), *frames)
    assert state.record.order.filled_qty == perfect.record.order.filled_qty
    assert state.record.status is perfect.record.status
    ours, true = state.record.order.filled_avg_price, perfect.record.order.filled_avg_price
    assert (ours is None) == (true is None)
    if ours is not None and true is not None:
        assert abs(ours - true) < Decimal("0.0000001")
    healed = run(*data.draw(st.permutations(frames)), start=state)
    assert facts(healed) == facts(perfect)
    assert all(item.state is FillState.BOOKED for item in healed.executions.values())


@given(lives(), st.data())
@settings(max_examples=100, deadline=None)
def test_busts_in_any_order_are_undone_once(life: Life, data: st.DataObject) -> None:
    frames, _, last = life.events()
    if not life.executions:
        return
    number = data.draw(st.integers(1, len(life.executions)))
    qty, price = life.executions[number - 1]
    left = sum((item[0] for item in life.executions), Decimal(0)) - qty
    second = (last.stamp or at(0)) - at(0)
    bust = frame(
        "trade_bust",
        last.order.status.value if last.order else "new",
        second=second.total_seconds() + 1,
        execution_id=f"x{number}",
        qty=str(qty),
        price=str(price),
        filled=str(left),
    )
    disturbed = data.draw(st.permutations([*frames, bust, bust]))
    state = run(intent(), *disturbed)
    assert state.record.order.filled_qty == left
    assert facts(state) == facts(run(intent(), *frames, bust))


@given(lives(), st.data())
@settings(max_examples=100, deadline=None)
def test_filled_quantity_never_shrinks_without_a_bust(life: Life, data: st.DataObject) -> None:
    frames, activities, last = life.events()
    events = data.draw(st.permutations([*frames, *activities, last]))
    state, seen, ended = run(intent()), Decimal(0), None
    for event in events:
        state = run(event, start=state)
        filled = state.record.order.filled_qty
        assert filled >= seen
        seen = filled
        if ended is not None and state.record.status is not ended:
            assert state.record.status is OrderStatus.FILLED
        ended = state.record.status if state.record.order.is_terminal else None
