"""`execbot watch`: follow the account in the foreground and keep its positions protected."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from execbot.cli.command import Cli, command
from execbot.cli.errors import usage
from execbot.cli.exit_codes import ExitCode
from execbot.cli.show.output import can_draw, let_go, takes_words

if TYPE_CHECKING:
    from execbot.desk.account import Desk
    from execbot.desk.opening.page_beside import PageBeside
    from execbot.desk.watching import Act, WatchLoop, WatchSession
    from execbot.watch.show.sinks import Sink

END_SECONDS = 4.0
"""So long after the first signal the process is there at most. What is cut off then (a broker that
hangs, a journal that is locked) the next run repairs, as after a kill."""

WATCHDOG_MIN = 10.0
"""The loop reports every five seconds."""


@command
def watch(
    cli: Cli,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of the screen.")] = False,
    seconds: Annotated[
        float | None, typer.Option(help="End by itself after this long.", metavar="SECONDS")
    ] = None,
    page: Annotated[
        bool, typer.Option("--page", help="Serve the live page beside it, as `execbot page` does.")
    ] = False,
    watchdog: Annotated[
        float | None,
        typer.Option(
            help="End the process when its loop decides nothing for this long (containers).",
            metavar="SECONDS",
        ),
    ] = None,
) -> None:
    """Follow orders and positions, and keep every position protected.

    Reconciles at the start, then follows the account's trade updates: fills are recorded, entries
    that do not fill in time are canceled, stops and targets are kept at the broker. One instance
    an account; a second one ends with exit 9. The first Ctrl-C or SIGTERM ends it within five
    seconds, also if nobody reads its output, a second one at once; so does the end of the program
    that reads its output. Orders stay working.

    Under systemd it says when it follows and feeds the watchdog (`execbot service systemd`).

    Lines instead of the screen come with --plain, off a terminal, and on one that cannot draw
    (TERM=dumb). With --quiet only alarms are told, one line each.

    \b
    Examples:
      execbot watch
      execbot watch --page
      execbot watch --plain >> watch.txt
      execbot watch --json | jq 'select(.type == "alarm")'
      execbot watch --plain --watchdog 90
    """
    if watchdog is not None and watchdog < WATCHDOG_MIN:  # a range would load pydantic
        raise usage(f"--watchdog takes at least {WATCHDOG_MIN:g} seconds", next_step="Give more.")
    with _Signals() as signals, cli.open(in_parts=True) as desk:
        from execbot.desk.watching import WatchSession

        def make_sink(act: Act) -> Sink:
            return _sink(cli, desk, act, plain=plain)

        with WatchSession(desk, make_sink, watchdog_seconds=watchdog) as session:
            signals.end(session.loop, seconds)
            beside = _page_beside(cli, session) if page else None
            try:
                session.run()
            finally:
                if beside is not None:
                    beside.end()
                if session.was_unread and session.farewell is not None:
                    let_go(1)
                    if takes_words(2):
                        said = session.farewell.message
                        cli.note(f"nobody reads the output any more: {said}")


def _page_beside(cli: Cli, session: WatchSession) -> PageBeside:
    """A process of its own, for the same account."""
    from execbot.desk.opening.page_beside import PageBeside

    given = {"--mode": cli.mode_flag, "--config": cli.config_path}
    arguments = [word for name, value in given.items() if value for word in (name, str(value))]
    return PageBeside(arguments, session.tell_of_page)


def _sink(cli: Cli, desk: Desk, act: Act, *, plain: bool) -> Sink:
    from execbot.watch.show.sinks import JsonSink, PlainSink

    if cli.quiet:
        from execbot.watch.show.alarm_sinks import AlarmLines, JsonAlarms

        return JsonAlarms(desk.now) if cli.json else AlarmLines(desk.now)
    if cli.json:
        return JsonSink(desk.now)
    if plain or not can_draw():
        return PlainSink(desk.now)
    from execbot.desk.account_totals import AccountTotals
    from execbot.watch.show.screen import ScreenSink

    return ScreenSink(
        desk.now,
        act,
        color=cli.style.color,
        totals=AccountTotals(desk),
        name_color=desk.settings.trading.color or "",
    )


class _Signals:
    """The first SIGINT or SIGTERM ends the watching cleanly, the second one the process at once.

    After the watching every signal does: what is left to do are words that perhaps nobody reads.
    """

    _loop: WatchLoop | None = None

    def __enter__(self) -> _Signals:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        self._leave_to_the_system()

    def end(self, loop: WatchLoop, seconds: float | None) -> None:
        """From now on a signal ends this loop, and so does the time."""
        self._loop = loop
        if seconds is not None:
            _after(seconds, loop.stop)

    def _ask(self, number: int, frame: object) -> None:
        self._leave_to_the_system()
        _after(END_SECONDS, lambda: os._exit(ExitCode.INTERRUPTED))
        if self._loop is None:
            raise KeyboardInterrupt
        self._loop.stop()

    def _leave_to_the_system(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)


def _after(seconds: float, act: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()
