"""The least a server can do: read an order, answer with one; push frames as fast as it can."""

from __future__ import annotations

import json
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

EMPTY = (
    "canceled_at",
    "expired_at",
    "failed_at",
    "filled_at",
    "filled_avg_price",
    "hwm",
    "legs",
    "limit_price",
    "notional",
    "replaced_at",
    "replaced_by",
    "replaces",
    "source",
    "stop_price",
    "subtag",
    "trail_percent",
    "trail_price",
)
ORDER: dict[str, Any] = dict.fromkeys(EMPTY) | {
    "id": "61e69015-8549-4bfd-b9c3-01e75843f47d",
    "client_order_id": "eb9e2aaa-f71a-4f51-b5b4-52a6c565dad4",
    "created_at": "2026-10-08T15:10:18.0952164Z",
    "symbol": "AAPL",
    "qty": "1",
    "filled_qty": "0",
    "side": "buy",
    "type": "market",
    "status": "pending_new",
}
FRAME = json.dumps({"stream": "trade_updates", "data": {"event": "fill", "order": ORDER}})


async def orders(request: Request) -> Response:
    await request.json()
    return Response(json.dumps(ORDER), media_type="application/json")


async def stream(socket: WebSocket) -> None:
    await socket.accept()
    for _ in range(int(await socket.receive_text())):
        await socket.send_bytes(FRAME.encode())
    await socket.close()


app = Starlette(
    routes=[
        Route("/v2/orders", orders, methods=["POST"]),
        WebSocketRoute("/stream", stream),
    ]
)
