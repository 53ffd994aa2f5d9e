"""Goal: who looks on gets all that there is and then each change; who does not read loses, is told
so and begins again; and the watch waits for nobody.

Method: the publication of a watch in the simulated world, and the door's side of it, by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.wishes import stop_at, target
from support.world import World, open_world

from execbot.desk.door import onlookers
from execbot.desk.door.onlookers import READERS_MAX, Onlookers, Reader
from execbot.desk.door.wire import read
from execbot.watch.core.jobs import Note
from execbot.watch.health import Health
from execbot.watch.show.frames import EVENTS_KEPT, Frame, Lost, Picture, Working
from execbot.watch.show.publication import Publication


class Quiet:
    """A sink that shows nothing."""

    def begin(self, facts: dict[str, Any]) -> None: ...

    def note(self, note: Note, at: Any) -> None: ...

    def beat(self) -> None: ...

    def end(self, facts: dict[str, Any]) -> None: ...


class Looked:
    """The loop as the publication sees it, over the watcher of a simulated world."""

    def __init__(self, world: World) -> None:
        self.watcher: Any = world.watcher
        self.client: Any = None
        self.health = Health(stream_up=True)

    def stop(self) -> None: ...

    def halted_words(self) -> str:
        return ""


class Followed:
    """A world that is published, and looked on at."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.publication = Publication(Quiet(), world.now)
        self.publication.follow(Looked(world))
        self.onlookers = Onlookers(self.publication, lambda: None)
        self._told = 0

    def beat(self) -> None:
        """One turn of the loop and one of the door."""
        for note in self.world.notes[self._told :]:
            self.publication.note(note, self.world.now())
        self._told = len(self.world.notes)
        self.publication._prices_at = 0.0  # a look at prices is due
        self.publication.beat()
        self.onlookers.spread()

    def join(self) -> Reader:
        reader = self.onlookers.join()
        assert reader is not None
        return reader


def heard(reader: Reader) -> list[Frame | Lost]:
    lines = []
    while reader.waiting:
        lines.append(reader.take())
    return [read(line, Frame | Lost) for line in lines]


def pictured(frames: Sequence[Frame | Lost], picture: Picture | None = None) -> Picture:
    picture = picture or Picture()
    for frame in frames:
        if isinstance(frame, Frame):
            picture.take(frame)
    return picture


@pytest.fixture
def followed(tmp_path: Path) -> Followed:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"), target("4%", shares=100))
    world.run(3)
    return Followed(world)


def test_the_first_frame_is_all_that_there_is_and_the_others_what_changes(
    followed: Followed,
) -> None:
    followed.beat()
    reader = followed.join()
    assert not reader.waiting, "the watch has not looked yet"
    followed.beat()
    [first] = heard(reader)
    assert isinstance(first, Frame) and first.whole
    picture = pictured([first])
    assert picture.held["AAPL"].qty == 10 and picture.held["AAPL"].plan is not None
    assert {one.order.type.value for one in picture.orders.values()} == {"limit", "stop"}
    assert picture.prices["AAPL"].price is not None and picture.told
    followed.beat()
    assert not heard(reader), "nothing has changed"

    followed.world.price("AAPL", "96")
    for _ in range(50):  # the loop beats ten times a second
        followed.world.run(0.1)
        followed.beat()
    frames = [one for one in heard(reader) if isinstance(one, Frame)]
    assert not any(one.whole for one in frames)
    known = set(picture.orders)
    pictured(frames, picture)
    assert picture.held == {} and picture.orders == {} and picture.prices == {}
    ends = {n: one for frame in frames for n, one in frame.orders.items() if not _lives(one)}
    assert set(ends) == known, "each is told to be gone, or how it ended"


def _lives(one: Working | None) -> bool:
    return one is not None and one.lives


def test_whoever_comes_later_gets_what_the_first_one_knows(followed: Followed) -> None:
    first = followed.join()
    followed.beat()
    second = followed.join()
    assert pictured(heard(second)).whole() == pictured(heard(first)).whole()


def test_a_reader_that_does_not_read_loses_and_the_other_one_does_not(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onlookers, "BYTES_WAITING_MAX", 3_000)
    slow, quick = followed.join(), followed.join()
    followed.beat()
    picture, kept = pictured(heard(quick)), heard(slow)
    for cents in range(40):
        followed.world.price("AAPL", str(Decimal(100) + Decimal(cents) / 100))
        followed.world.run(1)
        followed.beat()
        pictured(heard(quick), picture)
        assert slow.waiting_bytes <= 3_000 + 10_000
    said = [*kept, *heard(slow)]
    followed.beat()
    said += heard(slow)
    assert any(isinstance(one, Lost) for one in said)
    assert pictured(said).whole() == picture.whole()


def test_while_nobody_looks_on_nothing_is_handed_over_and_the_events_are_kept(
    followed: Followed,
) -> None:
    followed.beat()
    followed.publication.send = lambda frame: pytest.fail("nobody looks on")
    for number in range(EVENTS_KEPT + 50):
        followed.publication.note(Note("order", f"event {number}"), followed.world.now())
    followed.publication.beat()
    reader = Onlookers(followed.publication, lambda: None)
    joined = reader.join()
    assert joined is not None
    followed.publication.beat()
    reader.spread()
    told = pictured(heard(joined)).told
    assert len(told) == EVENTS_KEPT and told[-1].text == f"event {EVENTS_KEPT + 49}"
    reader.leave(joined)
    assert not followed.publication.is_wanted


def test_a_door_that_does_not_keep_up_gets_a_whole_frame_next(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onlookers, "FRAMES_WAITING_MAX", 2)
    reader = followed.join()
    followed.beat()
    picture = pictured(heard(reader))
    for cents in range(6):
        followed.world.price("AAPL", str(Decimal(100) + Decimal(cents) / 100))
        followed.world.run(1)
        followed.publication._prices_at = 0.0
        followed.publication.beat()
    followed.onlookers.spread()
    followed.beat()
    frames = heard(reader)
    assert any(isinstance(one, Frame) and one.whole for one in frames)
    price = pictured(frames, picture).prices["AAPL"].price
    assert price == followed.world.watcher.core.symbols["AAPL"].price  # type: ignore[union-attr]


def test_so_many_look_on_and_no_more(followed: Followed) -> None:
    inside = [followed.onlookers.join() for _ in range(READERS_MAX)]
    assert all(inside) and followed.onlookers.join() is None
