"""Alpaca's MCP server over stdio, as an assistant uses it: the protocol in plain JSON-RPC lines."""

import json
import subprocess
import sys
from itertools import count
from pathlib import Path

from steps import absent, play, wait_for

SERVER = Path(sys.executable).with_name("alpaca-mcp-server")
server = subprocess.Popen(
    [sys.executable, str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
)
numbers = count(1)


def said(method, **params):
    number = next(numbers)
    send({"id": number, "method": method, "params": params})
    while True:
        line = server.stdout.readline()
        if not line:
            raise EOFError("the server has ended")
        found = json.loads(line)
        if found.get("id") == number:
            if "error" in found:
                raise RuntimeError(found["error"])
            return found["result"]


def send(message):
    server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    server.stdin.flush()


def tool(tool_name, **arguments):
    """What a tool answered, as text."""
    found = said("tools/call", name=tool_name, arguments=arguments)
    text = found["content"][0]["text"] if found["content"] else "{}"
    if found.get("isError"):
        raise RuntimeError(text[:150])
    return text


said("initialize", protocolVersion="2025-03-26", capabilities={},
     clientInfo={"name": "execbot", "version": "1"})  # fmt: skip
send({"method": "notifications/initialized"})
TOOLS = {row["name"] for row in said("tools/list")["tools"]}
print(sorted(TOOLS), file=sys.stderr)


def account():
    assert "100000" in tool("get_account_info")


def placed_with(**order):
    tool("place_stock_order", symbol="AAPL", side="buy", **order)


def in_status(wanted):
    wait_for(lambda: wanted in tool("get_orders", status="all"), wanted)


def order():
    placed_with(qty="2", type="market", time_in_force="day")
    in_status('"filled"')


def cancel():
    placed_with(qty="1", type="limit", limit_price="1", time_in_force="gtc")
    in_status('"new"')
    tool("cancel_all_orders")
    in_status('"canceled"')


def position():
    assert '"2"' in tool("get_open_position", symbol_or_asset_id="AAPL")


def data():
    assert "AAPL" in tool("get_stock_latest_bar", symbols="AAPL")


def lists():
    tool("create_watchlist", name="w", symbols=["AAPL"])
    assert "volume" in tool("get_most_active_stocks")
    assert "headline" in tool("get_news", start="2026-01-01T00:00:00Z")


play(account=account, quotes=absent, order=order, cancel=cancel, position=position,
     updates=absent, data=data, lists=lists)  # fmt: skip
