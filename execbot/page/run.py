"""`execbot page`, put together: desk, board, guard, listeners."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress

from fastapi import FastAPI

from execbot.desk.account import Desk
from execbot.page import link
from execbot.page.access import Access, knows
from execbot.page.actions import Actions
from execbot.page.addresses import Address
from execbot.page.app import OPEN_PATHS, build_app
from execbot.page.board import LiveBoard
from execbot.page.doors import Doors
from execbot.page.following import NO_WATCH, Following
from execbot.page.guard import Guard
from execbot.page.hosts import Hosts
from execbot.page.hub import Hub
from execbot.page.listening import Listener, bound, port_of, serve, until_eof
from execbot.page.log import open_log
from execbot.page.metrics.serving import PATH, Metrics
from execbot.page.options import Options, check
from execbot.page.reads import Reads
from execbot.page.routes import add_routes
from execbot.page.signals.on_page import SignalEvents
from execbot.schemas.board import BoardShown, BoardSource
from execbot.version import __version__

NICER = 10
"""A tenth of the processor's time beside a process that wants all of it."""


def run(
    desk: Desk,
    options: Options,
    ready: Callable[[str, Mapping[str, str]], None],
    open_desk: Callable[[], Desk],
    env: Mapping[str, str] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM. Calls `ready` with the link and the addresses of the doors for
    programs, once all listens. `open_desk` opens the account for what acts. Raises ConfigError,
    NotConfirmed, CannotServe."""
    env = os.environ if env is None else env
    check(options, desk.mode)
    own = link.own_token(env)
    open_log(desk.directory)
    token = own or link.new_token()
    reads, hub = Reads(desk), Hub()
    actions = Actions(desk) if options.actions else None
    if options.signals is None:
        step_back()
    board = LiveBoard(_empty(desk, options), hub.publish)
    hub.snapshot = lambda lost: board.snapshot(lost=lost)
    following = Following(desk, reads, board, lambda: hub.is_watched)
    signal_events = SignalEvents(desk.now, board.tell)
    doors = Doors(desk, options, open_desk, env, signal_events.publish)
    page = page_listener(options, Access(token), hub, reads, actions, following, doors.metrics)
    port = port_of(page.listening)
    scheme = "https" if options.is_encrypted else "http"
    url = f"{scheme}://{Address(options.page.host, port)}"
    kept = link.Link(os.getpid(), url, None if own else token, options.actions)
    link.keep(desk.directory, kept)
    try:
        listeners, works = doors.open()
        beside = [following.run, signal_events.run, *works]
        beside += [until_eof] if options.until_eof else []
        serve([page, *listeners], beside, lambda: ready(kept.full(token), doors.urls()))
    finally:
        link.forget(desk.directory, os.getpid())
        doors.close()
        reads.close()
        if actions is not None:
            actions.close()


def step_back() -> None:
    """Let others go first where the processor is short: the watch protects, this shows.

    On Linux that is about this thread and those it starts from now on: the one that carries actions
    out, and may hold the journal's lock, is there already. With signals the page trades itself, and
    must not come last.
    """
    with suppress(OSError):
        os.nice(NICER)


def page_listener(
    options: Options,
    access: Access,
    hub: Hub,
    reads: Reads,
    actions: Actions | None,
    following: Following,
    metrics: Metrics,
) -> Listener:
    """The page behind its guard, on its socket. Raises CannotServe."""
    listening = bound(options.page)
    port = port_of(listening)
    may = knows(access, port)
    guarded = Guard(
        page_app(access, port, hub, reads, actions, following, metrics),
        Hosts(port=port, names=options.page_hosts, is_public=options.is_public),
        authorize=may,
        open_paths=OPEN_PATHS,
        trusted_proxies=options.trusted_proxies,
        is_encrypted=options.is_encrypted,
    )
    is_far = options.is_public or bool(options.page_hosts)
    return Listener("page", listening, guarded, options.certificate, options.key, is_far)


def page_app(
    access: Access,
    port: int,
    hub: Hub,
    reads: Reads,
    actions: Actions | None,
    following: Following,
    metrics: Metrics,
) -> FastAPI:
    """All that answers on the page's port, before the guard stands around it."""
    may = knows(access, port)
    app = build_app(access, port)
    add_routes(app, hub, reads, actions, may, following.look_soon, following.until_asked)
    app.add_route(PATH, metrics.answer)
    return app


def _empty(desk: Desk, options: Options) -> BoardShown:
    return BoardShown(
        mode=desk.mode.value,
        account=desk.account,
        version=__version__,
        now=desk.now(),
        actions=options.actions,
        source=BoardSource(kind="journal", words=NO_WATCH),
    )
