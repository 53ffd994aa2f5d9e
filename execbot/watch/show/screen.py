"""The live screen of a terminal: draws when something changed, and reads keys.

It is drawn on the terminal's second page, at most a few times a second, and only when something
on it changed; a quiet market costs next to nothing. The deciding thread only takes the picture;
a thread of its own puts it on the terminal, so a terminal that stands still (Ctrl-S, a lost
connection) never holds up a decision.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.live import Live

from execbot.exits.plan.plan import PlanStatus
from execbot.exits.position_view import Known, PositionView, position_view
from execbot.exits.rules.view import Market
from execbot.journal.records import OrderRecord
from execbot.model.numbers import text
from execbot.model.printable import harmless_line
from execbot.watch.core.jobs import Note
from execbot.watch.core.symbol_state import SymbolState, is_entry
from execbot.watch.health import Watched
from execbot.watch.show.picture import Event, HealthView, Picture, draw, order_words

EVENTS_KEPT = 200
FRAME_SECONDS = 0.25
IDLE_FRAME_SECONDS = 5.0
CLOSE_SECONDS = 2.0

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
    ) -> None:
        self._now = now
        self._act = act
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
        self._shown: Picture | None = None
        self._shows_help = False
        self.loop: Watched | None = None

    def begin(self, facts: dict[str, Any]) -> None:
        self._title = harmless_line(f"execbot watch  {facts['mode']} {facts['account']}")
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
        return Picture(
            title=self._title,
            now=now,
            session=core.memory.session.value if core.memory.session is not None else "",
            positions=self._positions(),
            orders=[record.order for record in self._orders()],
            events=list(self._events),
            health=self._health(loop, now),
            prompt=self._asked() if self._prompt else "",
            shows_help=self._shows_help,
        )

    def _health(self, loop: Watched, now: datetime) -> HealthView:
        health, core = loop.health, loop.watcher.core
        frame = health.last_frame_at
        budgets = getattr(loop.client, "budgets", None)
        left = limit = None
        if budgets:
            level = next(iter(budgets.values())).level
            left, limit = int(level.tokens), int(level.capacity)
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
            differing=sorted(core.memory.told),
        )

    def _positions(self) -> list[PositionView]:
        assert self.loop is not None
        states = self.loop.watcher.core.symbols.values()
        rows = [self._row(s) for s in states if _is_shown(s)]
        return sorted(rows, key=lambda row: row.symbol)

    def _row(self, state: SymbolState) -> PositionView:
        known = Known(
            avg_entry_price=state.avg_entry_price,
            price=Market(state.bid, state.ask, state.price).price,
            realized_pl=state.realized_pl,
            opened_at=state.opened_at,
            has_entry=any(is_entry(r) for r in state.living),
            guarded=state.coverage.state,
        )
        return position_view(
            state.symbol,
            state.qty,
            known,
            now=self._now(),
            plan=state.plan,
            orders=[record.order for record in state.living],
        )

    def _orders(self) -> list[OrderRecord]:
        assert self.loop is not None
        found = [r for s in self.loop.watcher.core.symbols.values() for r in s.living]
        return sorted(found, key=lambda r: (r.symbol, r.client_order_id))

    # --- keys ------------------------------------------------------------------------------

    def _press(self, key: str) -> None:
        self._changed = True
        if self._prompt:
            self._answer(key)
        elif key == "q":
            self._act("quit", "")
        elif key == "?":
            self._shows_help = not self._shows_help
        elif key == "c":
            self._prompt = "cancel order number (Enter, Esc gives up): "
            orders = self._shown.orders if self._shown else [r.order for r in self._orders()]
            self._numbered = [(o.client_order_id, order_words(o)) for o in orders]
        elif key == "x":
            self._prompt = "close position number (Enter, Esc gives up): "
            rows = self._shown.positions if self._shown else self._positions()
            self._numbered = [(row.symbol, f"{row.symbol} {text(row.qty)}") for row in rows]
        elif key == "h":
            self._prompt = "halt new entries? y, Enter (Esc gives up): "

    def _answer(self, key: str) -> None:
        if key in ("\r", "\n"):
            prompt, typed = self._prompt, self._typed
            self._prompt = self._typed = ""
            self._carry_out(prompt, typed.strip().lower())
        elif key == "\x1b":
            self._prompt = self._typed = ""
        elif key in ("\x7f", "\b"):
            self._typed = self._typed[:-1]
        elif key.isprintable() and len(self._typed) < 8:
            self._typed += key

    def _carry_out(self, prompt: str, typed: str) -> None:
        if prompt.startswith("halt"):
            if typed in ("y", "yes"):
                self._act("halt", "")
            return
        act, kind = prompt.split()[:2]
        chosen = self._chosen(typed)
        if chosen is not None:
            self._act(act, chosen[0])
        elif typed:
            self._events.append(Event(self._now(), f"there is no {kind} number {typed}"))

    def _chosen(self, typed: str) -> tuple[str, str] | None:
        number = int(typed) - 1 if typed.isdecimal() else -1
        return self._numbered[number] if 0 <= number < len(self._numbered) else None

    def _asked(self) -> str:
        """The prompt with what is typed, and what that would act on."""
        chosen = None if self._prompt.startswith("halt") else self._chosen(self._typed.strip())
        return f"{self._prompt}{self._typed}" + (f"  {chosen[1]}" if chosen else "")


def _is_shown(state: SymbolState) -> bool:
    if state.qty != 0:
        return True
    waiting = state.plan is not None and state.plan.status is PlanStatus.PENDING
    return waiting and any(is_entry(r) for r in state.living)


class Painter:
    """Puts the newest picture on the terminal, from a thread of its own."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._picture: Picture | None = None
        self._wake = threading.Condition()
        self._is_open = True
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
        if not self._thread.is_alive():
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


class Keys:
    """Single keys of the terminal, read by a thread; nothing happens where stdin is none."""

    def __init__(self) -> None:
        self._pressed: deque[str] = deque(maxlen=100)
        self._stopping = threading.Event()
        self._saved: list[Any] | None = None

    def start(self) -> None:
        if not sys.stdin.isatty():
            return
        import termios
        import tty

        self._saved = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)
        threading.Thread(target=self._read, name="keys", daemon=True).start()

    def take(self) -> list[str]:
        keys: list[str] = []
        while self._pressed:
            keys.append(self._pressed.popleft())
        return keys

    def stop(self) -> None:
        self._stopping.set()
        if self._saved is not None:
            import termios

            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._saved)
            self._saved = None

    def _read(self) -> None:
        import os
        import select

        while not self._stopping.is_set():
            ready, _, _ = select.select([sys.stdin], [], [], 0.2)
            if not ready:
                continue
            data = os.read(sys.stdin.fileno(), 64)
            if not data:
                return
            self._pressed.extend(data.decode("utf-8", "ignore"))
