"""What the page asks for once one has signed in: the board, the live socket, the past, actions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse
from starlette.websockets import WebSocketState

from execbot.desk.account import Desk
from execbot.journal.errors import JournalError
from execbot.model.errors import ExecbotError
from execbot.page import past
from execbot.page.actions import Actions, failed
from execbot.page.guard import Caller
from execbot.page.hub import Hub, Looker
from execbot.page.models import Agreed, Done, Review, Wanted
from execbot.page.reads import Reads
from execbot.schemas.board import BoardSnapshot
from execbot.schemas.orders import OrderHistory

T = TypeVar("T")

TOO_MANY = 1013
"""RFC 6455 registry: try again later."""

SIGNED_OUT = 4401
"""Ours: the session has ended, and knocking again is of no use."""


def add_routes(
    app: FastAPI,
    hub: Hub,
    reads: Reads,
    actions: Actions | None,
    may: Callable[[Caller], bool],
    on_look: Callable[[], None],
    until_asked: Callable[[], Awaitable[None]],
) -> None:
    """`may` says whether a caller's session lives still; `on_look` is called when somebody comes;
    `until_asked` waits until it is known what is held, or why it is not."""
    _errors(app)
    _live(app, hub, may, on_look)
    _board(app, hub, until_asked)
    _past(app, reads)
    if actions is not None:
        _actions(app, actions, on_look)


def _errors(app: FastAPI) -> None:
    @app.exception_handler(ExecbotError)
    async def answered(request: Request, error: ExecbotError) -> Response:
        status = 503 if isinstance(error, JournalError) else 409
        return JSONResponse(failed(error).model_dump(mode="json"), status)


def _live(
    app: FastAPI, hub: Hub, may: Callable[[Caller], bool], on_look: Callable[[], None]
) -> None:
    @app.websocket("/live")
    async def live(socket: WebSocket) -> None:
        caller: Caller = socket.scope["caller"]
        looker = hub.join()  # before anything is awaited: a crowd comes at once
        if looker is None:
            await socket.close(TOO_MANY)
            return
        try:
            await socket.accept()
            on_look()
            await _look_on(socket, hub, looker, lambda: may(caller))
        finally:
            hub.leave(looker)


def _board(app: FastAPI, hub: Hub, until_asked: Callable[[], Awaitable[None]]) -> None:
    @app.get("/api/board", response_model=BoardSnapshot)
    async def board() -> Response:
        """All that is live, for programs that ask from time to time."""
        hub.was_asked()
        await until_asked()
        return Response(hub.snapshot(False), media_type="application/json")


async def _look_on(
    socket: WebSocket, hub: Hub, looker: Looker, goes_on: Callable[[], bool]
) -> None:
    """Until the browser is gone, or its session."""
    feeding = asyncio.ensure_future(hub.feed(looker, socket.send_text, goes_on))
    hearing = asyncio.ensure_future(_until_gone(socket))
    _, open_ = await asyncio.wait([feeding, hearing], return_when=asyncio.FIRST_COMPLETED)
    for task in open_:
        task.cancel()
    await asyncio.gather(feeding, hearing, return_exceptions=True)
    if socket.client_state is WebSocketState.CONNECTED:
        with suppress(RuntimeError, WebSocketDisconnect, OSError):
            await socket.close(1000 if goes_on() else SIGNED_OUT)


async def _until_gone(socket: WebSocket) -> None:
    """What a page says here means nothing; that it goes does."""
    with suppress(WebSocketDisconnect, RuntimeError, KeyError):
        while True:
            await socket.receive_text()


def _past(app: FastAPI, reads: Reads) -> None:
    async def read(work: Callable[[Desk], T]) -> T:
        return await reads.call(work)

    @app.get("/api/order")
    async def order(id: str) -> OrderHistory:
        return await read(lambda desk: past.order_history(desk, id[:200]))

    @app.get("/api/chart")
    async def chart(symbol: str) -> past.ChartShown:
        return await read(lambda desk: past.chart(desk, symbol[:40].upper()))

    @app.get("/api/trades")
    async def trades(days: int = past.TRADES_DAYS) -> past.TradesShown:
        return await read(lambda desk: past.trades(desk, days))

    @app.get("/api/report")
    async def report(date: str | None = None) -> past.ReportShown:
        return await read(lambda desk: past.report(desk, date))

    @app.get("/api/charts")
    async def charts() -> past.LibraryState:
        return past.library_state()


def _actions(app: FastAPI, actions: Actions, on_look: Callable[[], None]) -> None:
    @app.post("/api/actions/review")
    async def review(wanted: Wanted) -> Review:
        return await actions.review(wanted)

    @app.post("/api/actions/agree")
    async def agree(agreed: Agreed, request: Request) -> Done:
        caller: Caller = request.scope["caller"]
        done = await actions.carry_out(agreed.ticket, caller.address)
        on_look()
        return done
