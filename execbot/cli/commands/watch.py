"""`execbot watch`: follow the account in the foreground and keep its positions protected."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.show.output import is_terminal, muffle

if TYPE_CHECKING:
    from execbot.desk.context import Context
    from execbot.desk.watching import Act, WatchLoop
    from execbot.watch.show.sinks import Sink


@command
def watch(
    cli: Cli,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of the screen.")] = False,
    seconds: Annotated[
        float | None, typer.Option(help="End by itself after this long.", metavar="SECONDS")
    ] = None,
) -> None:
    """Follow orders and positions, and keep every position protected.

    Reconciles at the start, then follows the account's trade updates: fills are recorded, entries
    that do not fill in time are canceled, stops and targets are kept at the broker. One instance
    an account; a second one ends with exit 9. The first Ctrl-C ends it, and so does the end of the
    program that reads its output; orders stay working.

    \b
    Examples:
      execbot watch
      execbot watch --plain >> watch.txt
      execbot watch --json | jq 'select(.type == "alarm")'
    """
    with cli.open() as desk:
        from execbot.desk.watching import WatchSession

        watched = WatchSession(desk, lambda act: _sink(cli, desk, act, plain=plain))
        with watched as session, _signals(session.loop, seconds):
            try:
                session.run()
            finally:
                if session.was_unread and session.farewell is not None:
                    muffle(1)
                    said = session.farewell.message
                    cli.note(f"nobody reads the output any more: {said}")


def _sink(cli: Cli, desk: Context, act: Act, *, plain: bool) -> Sink:
    from execbot.watch.show.sinks import JsonSink, PlainSink

    if cli.json:
        return JsonSink(desk.now)
    if plain or not is_terminal():
        return PlainSink(desk.now)
    from execbot.watch.show.screen import ScreenSink

    return ScreenSink(desk.now, act, color=cli.style.color)


class _signals:
    """The first SIGINT or SIGTERM ends the loop cleanly, the second one at once."""

    def __init__(self, loop: WatchLoop, seconds: float | None) -> None:
        self._loop = loop
        self._seconds = seconds
        self._old: dict[int, Any] = {}

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._old[number] = signal.signal(number, self._ask)
        if self._seconds is not None:
            timer = threading.Timer(self._seconds, self._loop.stop)
            timer.daemon = True
            timer.start()

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: object) -> None:
        self._loop.stop()
        signal.signal(number, signal.SIG_DFL)
