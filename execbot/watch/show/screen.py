"""The live screen of a terminal: draws when something changed, and reads keys.

It is drawn on the terminal's second page, at most a few times a second, and only when something
on it changed; a quiet market costs next to nothing. The deciding thread only takes the picture;
a thread of its own puts it on the terminal, so a terminal that stands still (Ctrl-S, a lost
connection) never holds up a decision.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.live import Live

from execbot.broker.budget import requests_left
from execbot.exits.position_view import PositionView
from execbot.journal.records import OrderRecord
from execbot.model.numbers import text
from execbot.model.printable import harmless_line
from execbot.watch.core.jobs import Note
from execbot.watch.health import Watched
from execbot.watch.show.keys import DOWN, END, HOME, PAGE_DOWN, PAGE_UP, UP, Keys
from execbot.watch.show.picture import (
    Event,
    HealthView,
    OpenOrder,
    Part,
    Picture,
    draw,
    order_words,
)
from execbot.watch.show.position_rows import is_shown, position_row
from execbot.watch.show.totals_line import Totals
from execbot.watch.show.verdict import worst_first

EVENTS_KEPT = 200
FRAME_SECONDS = 0.25
IDLE_FRAME_SECONDS = 5.0
CLOSE_SECONDS = 1.0
"""How long the end waits for a terminal that stands still."""

PAGE = 10
ALL = 1_000_000
SCROLLS = {
    "\t": 0,
    UP: -1,
    "k": -1,
    DOWN: 1,
    "j": 1,
    PAGE_UP: -PAGE,
    PAGE_DOWN: PAGE,
    HOME: -ALL,
    END: ALL,
}
"""By how many rows a key moves; Tab goes on to the next part."""

Act = Callable[[str, str], None]
"""(`cancel` | `close` | `halt` | `quit`, what) -> starts it; the result comes back as a note."""


class ScreenSink:
    """See `sinks.Sink`. Everything but the reading of keys is the loop's thread."""

    def __init__(
        self,
        now: Callable[[], datetime],
        act: Act,
        *,
        color: bool = True,
        console: Console | None = None,
        totals: Callable[[Hashable], Totals | None] = lambda held: None,
        name_color: str = "",
    ) -> None:
        """`totals` says what is known of the account, given the held symbols and quantities; it
        must not wait for anything. `name_color` is the profile's, in Rich's words; live is red."""
        self._now = now
        self._act = act
        self._totals = totals
        self._console = console or Console(no_color=not color, highlight=False)
        self._painter: Painter | None = None
        self._events: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self._title = "execbot watch"
        self._drawn_at = 0.0
        self._changed = True
        self._keys = Keys()
        self._prompt = ""
        self._typed = ""
        self._numbered: list[tuple[str, str]] = []
        """What the prompt's numbers mean: what to act on, and its words. As it was on the screen
        when the key was pressed: rows may go and come while a number is typed."""
        self._to_close: tuple[str, str] | None = None
        """The position that was chosen: closing it is asked once more."""
        self._shown: Picture | None = None
        self._shows_help = False
        self._part = Part.POSITIONS
        self._offsets = dict.fromkeys(Part, 0)
        self._name_color = name_color
        self.loop: Watched | None = None

    def begin(self, facts: dict[str, Any]) -> None:
        profile = f"{facts['profile']}: " if facts.get("profile") else ""
        where = f"{profile}{facts['mode']} {facts['account']}"
        self._title = harmless_line(f"execbot watch  {where}")
        if facts["mode"] == "live":
            self._name_color = "red"
        self._painter = Painter(self._console)
        self._keys.start()

    def note(self, note: Note, at: datetime) -> None:
        if note.type in ("position", "guard") and not note.is_alarm:
            self._changed = True
            return
        self._events.append(Event(at, harmless_line(note.text), note.is_alarm))
        self._changed = True

    def beat(self) -> None:
        """Handle keys, and draw when it is time."""
        for key in self._keys.take():
            self._press(key)
        since = time.monotonic() - self._drawn_at
        prices_moved = self._prices_moved()
        if since >= (FRAME_SECONDS if self._changed or prices_moved else IDLE_FRAME_SECONDS):
            self._draw()

    def end(self, facts: dict[str, Any]) -> None:
        self._keys.stop()
        if self._painter is not None:
            self._painter.close(harmless_line(str(facts["message"])))

    @property
    def is_unread(self) -> bool:
        """In the end: the terminal stands still."""
        return self._painter is not None and self._painter.is_stuck

    # --- drawing ---------------------------------------------------------------------------

    def _prices_moved(self) -> bool:
        if self.loop is None:
            return False
        states = self.loop.watcher.core.symbols.values()
        now = self._now()
        return any(
            s.priced_at is not None and (now - s.priced_at).total_seconds() < 1 for s in states
        )

    def _draw(self) -> None:
        if self._painter is None or self.loop is None:
            return
        self._drawn_at, self._changed = time.monotonic(), False
        self._shown = self.picture()
        self._painter.show(self._shown)

    def picture(self) -> Picture:
        loop = self.loop
        assert loop is not None
        core, now = loop.watcher.core, self._now()
        positions = self._positions()
        return Picture(
            title=self._title,
            now=now,
            session=core.memory.session.value if core.memory.session is not None else "",
            positions=positions,
            orders=[OpenOrder(record.order, core.ends_at(record)) for record in self._orders()],
            events=list(self._events),
            health=self._health(loop, now),
            prompt=self._asked() if self._prompt else "",
            shows_help=self._shows_help,
            totals=self._totals(frozenset((held.symbol, held.qty) for held in positions)),
            part=self._part,
            offsets=dict(self._offsets),
            color=self._name_color,
        )

    def _health(self, loop: Watched, now: datetime) -> HealthView:
        health, core = loop.health, loop.watcher.core
        frame = health.last_frame_at
        left, limit = requests_left(loop.client) or (None, None)
        return HealthView(
            stream_up=health.stream_up,
            frame_age_seconds=None if frame is None else (now - frame).total_seconds(),
            lag_ms=health.lag_ms,
            waiting=health.waiting,
            requests_left=left,
            requests_per_minute=limit,
            guard_age_seconds=None
            if core.memory.guarded_at is None
            else (now - core.memory.guarded_at).total_seconds(),
            halted=loop.halted_words(),
            differing=sorted(core.memory.reported),
            unheard_seconds=(now - (core.memory.known_at or now)).total_seconds()
            if core.is_blind
            else None,
            old_prices=core.old_prices,
        )

    def _positions(self) -> list[PositionView]:
        assert self.loop is not None
        states = self.loop.watcher.core.symbols.values()
        return worst_first([position_row(s, self._now()) for s in states if is_shown(s)])

    def _orders(self) -> list[OrderRecord]:
        assert self.loop is not None
        found = [r for s in self.loop.watcher.core.symbols.values() for r in s.living]
        return sorted(found, key=lambda r: (r.symbol, r.client_order_id))

    # --- keys ------------------------------------------------------------------------------

    def _press(self, key: str) -> None:
        self._changed = True
        if self._shows_help:  # a prompt below it would not be seen, nor what its numbers mean
            self._shows_help = False
            if key in ("?", "\x1b"):
                return
        if self._prompt:
            self._answer(key)
        elif key in SCROLLS:
            self._scroll(key)
        elif key == "q":
            self._act("quit", "")
        elif key == "?":
            self._shows_help = True
        elif key == "c":
            self._prompt = "cancel order number (Enter, Esc gives up): "
            shown = [one.order for one in self._shown.orders] if self._shown else None
            orders = [r.order for r in self._orders()] if shown is None else shown
            self._numbered = [(o.client_order_id, order_words(o)) for o in orders]
        elif key == "x":
            self._prompt = "close position number (Enter, Esc gives up): "
            rows = self._shown.positions if self._shown else self._positions()
            self._numbered = [(row.symbol, f"{row.symbol} {text(row.qty)}") for row in rows]
        elif key == "h":
            self._prompt = "halt new entries? y, Enter (Esc gives up): "

    def _scroll(self, key: str) -> None:
        parts = list(Part)
        if key == "\t":
            self._part = parts[(parts.index(self._part) + 1) % len(parts)]
            return
        rows = {
            Part.POSITIONS: len(self._positions()),
            Part.ORDERS: len(self._orders()),
            Part.EVENTS: len(self._events),
        }[self._part]
        by = SCROLLS[key]
        if self._part is Part.EVENTS:
            by = -by  # the newest stands at the bottom: up leads back
        self._offsets[self._part] = max(min(self._offsets[self._part] + by, rows - 1), 0)

    def _answer(self, key: str) -> None:
        if key in ("\r", "\n"):
            prompt, typed = self._prompt, self._typed
            self._prompt = self._typed = ""
            self._carry_out(prompt, typed.strip().lower())
        elif key == "\x1b":
            self._prompt = self._typed = ""
            self._to_close = None
        elif key in ("\x7f", "\b"):
            self._typed = self._typed[:-1]
        elif len(key) == 1 and key.isprintable() and len(self._typed) < 8:
            self._typed += key

    def _carry_out(self, prompt: str, typed: str) -> None:
        position, self._to_close = self._to_close, None
        if position is not None or prompt.startswith("halt"):
            if typed in ("y", "yes"):
                self._act("halt" if position is None else "close", position[0] if position else "")
            return
        act, kind = prompt.split()[:2]
        chosen = self._chosen(typed)
        if chosen is not None and act == "close":
            self._to_close = chosen
            self._prompt = f"close {chosen[1]} at market? y, Enter (Esc gives up): "
        elif chosen is not None:
            self._act(act, chosen[0])
        elif typed:
            self._events.append(Event(self._now(), f"there is no {kind} number {typed}"))

    def _chosen(self, typed: str) -> tuple[str, str] | None:
        number = int(typed) - 1 if typed.isdecimal() else -1
        return self._numbered[number] if 0 <= number < len(self._numbered) else None

    def _asked(self) -> str:
        """The prompt with what is typed, and what that would act on."""
        is_yes_or_no = self._to_close is not None or self._prompt.startswith("halt")
        chosen = None if is_yes_or_no else self._chosen(self._typed.strip())
        return f"{self._prompt}{self._typed}" + (f"  {chosen[1]}" if chosen else "")


class Painter:
    """Puts the newest picture on the terminal, from a thread of its own."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._picture: Picture | None = None
        self._wake = threading.Condition()
        self._is_open = True
        self.is_stuck = False
        self._thread = threading.Thread(target=self._run, name="screen", daemon=True)
        self._thread.start()

    def show(self, picture: Picture) -> None:
        """Replace what waits to be drawn."""
        with self._wake:
            self._picture = picture
            self._wake.notify()

    def close(self, message: str) -> None:
        with self._wake:
            self._is_open = False
            self._wake.notify()
        self._thread.join(timeout=CLOSE_SECONDS)
        self.is_stuck = self._thread.is_alive()
        if not self.is_stuck:
            print(message)

    def _run(self) -> None:
        with Live(console=self._console, screen=True, auto_refresh=False) as live:
            while True:
                with self._wake:
                    while self._picture is None and self._is_open:
                        self._wake.wait()
                    picture, self._picture = self._picture, None
                if picture is None:
                    return
                size = self._console.size
                live.update(draw(picture, size.width, size.height), refresh=True)
