"""Load on the exchange's server against a bare Starlette endpoint, in one run, on this machine.

    python tests/benchmarks/exchange_load.py [--seconds 3] [--rounds 5] [--orders 100000]

Both servers run in processes of their own and are asked by the same small client, in turn: so many
rounds of each, of which the medians are printed, so that a busy machine strikes both alike.
Printed: requests a second and the processor time that one costs the server, stream events a second,
the latency of a POST at 200 requests a second, and the server's memory over many orders.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect

HERE = Path(__file__).parent
CONNECTIONS = 8
PACED_PER_SECOND = 200
LISTENERS = 8
BUY = {"symbol": "F", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}


class Client:
    """One keep-alive connection that posts JSON and waits for the reply."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def open(self) -> Client:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self

    async def post(self, path: str, body: bytes, key: str = "load") -> int:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAPCA-API-KEY-ID: {key}\r\n"
            "APCA-API-SECRET-KEY: secret\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        status = int((await self._reader.readline()).split()[1])
        length = 0
        while (line := await self._reader.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        await self._reader.readexactly(length)
        return status

    def close(self) -> None:
        self._writer.close()


@contextlib.contextmanager
def exchange() -> Iterator[tuple[int, int]]:
    """Port and process id of the exchange."""
    command = [sys.executable, "-m", "execbot", "sim", "serve", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    port = int(json.loads(process.stdout.readline())["rest"].rpartition(":")[2])
    try:
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


@contextlib.contextmanager
def bare() -> Iterator[tuple[int, int]]:
    """Port and process id of the bare endpoint."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "bare_starlette:app", "--port", str(port)]
    command += ["--log-level", "error", "--no-access-log"]
    process = subprocess.Popen(command, cwd=HERE)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the server is gone")


async def throughput(port: int, pid: int, seconds: float) -> tuple[float, float]:
    """Requests a second of several connections that ask as fast as they are answered, and
    milliseconds of the server's processor time for each."""
    done, before = 0, processor_seconds(pid)
    end = time.perf_counter() + seconds

    async def ask(number: int) -> None:
        nonlocal done
        client = await Client(port).open()
        body = json.dumps(BUY).encode()
        while time.perf_counter() < end:
            status = await client.post("/v2/orders", body, key=f"load-{number}")
            assert status == 200, status
            done += 1
        client.close()

    begin = time.perf_counter()
    await asyncio.gather(*(ask(number) for number in range(CONNECTIONS)))
    rate = done / (time.perf_counter() - begin)
    return rate, (processor_seconds(pid) - before) / done * 1000


async def paced(port: int, seconds: float) -> list[float]:
    """Milliseconds of each POST at a steady 200 a second, asked on time whatever is pending."""
    idle = [await Client(port).open() for _ in range(CONNECTIONS)]
    opened = list(idle)
    body = json.dumps(BUY).encode()
    taken: list[float] = []

    async def ask() -> None:
        client = idle.pop() if idle else await Client(port).open()
        begin = time.perf_counter()
        await client.post("/v2/orders", body, key="paced")
        taken.append((time.perf_counter() - begin) * 1000)
        idle.append(client)

    tasks = []
    start = time.perf_counter()
    for number in range(int(seconds * PACED_PER_SECOND)):
        await asyncio.sleep(max(0.0, start + number / PACED_PER_SECOND - time.perf_counter()))
        tasks.append(asyncio.create_task(ask()))
    await asyncio.gather(*tasks)
    for client in {*opened, *idle}:
        client.close()
    return sorted(taken)


async def bare_events(port: int, count: int) -> float:
    async with connect(f"ws://127.0.0.1:{port}/stream", compression=None) as ws:
        await ws.send(str(count))
        begin = time.perf_counter()
        for _ in range(count):
            await ws.recv()
        return count / (time.perf_counter() - begin)


async def listen(port: int, key: str) -> ClientConnection:
    ws = await connect(f"ws://127.0.0.1:{port}/stream", compression=None)
    await ws.send(json.dumps({"action": "auth", "key": key, "secret": "s"}))
    await ws.recv()
    await ws.send(json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}}))
    await ws.recv()
    return ws


async def exchange_events(port: int, orders: int, listeners: int) -> float:
    """Events a second, all listeners together, while orders are posted and fill."""
    key = f"events-{listeners}"
    sockets = [await listen(port, key) for _ in range(listeners)]
    each = orders // CONNECTIONS

    async def post() -> None:
        client = await Client(port).open()
        for _ in range(each):
            assert await client.post("/v2/orders", json.dumps(BUY).encode(), key=key) == 200
        client.close()

    async def read(ws: ClientConnection) -> None:
        for _ in range(each * CONNECTIONS * 3):
            await ws.recv()
        await ws.close()

    begin = time.perf_counter()
    await asyncio.gather(*(post() for _ in range(CONNECTIONS)), *(read(ws) for ws in sockets))
    return each * CONNECTIONS * 3 * listeners / (time.perf_counter() - begin)


async def close_position(client: Client) -> None:
    """Everything is filled, sold again and settled: what is left is history."""
    await asyncio.sleep(0.3)
    sell = {**BUY, "side": "sell", "qty": "1000"}
    assert await client.post("/v2/orders", json.dumps(sell).encode(), key="memory") == 200
    await asyncio.sleep(0.3)


async def many_orders(port: int, pid: int, total: int) -> list[tuple[int, float]]:
    """Memory after each tenth of so many orders."""
    client = await Client(port).open()
    money = json.dumps({"amount": 100_000_000, "key": "memory"}).encode()
    assert await client.post("/sim/deposit", money) == 200
    seen = [(0, memory_mb(pid))]
    body = json.dumps(BUY).encode()
    for number in range(1, total + 1):
        assert await client.post("/v2/orders", body, key="memory") == 200
        if number % 1000 == 0:
            await close_position(client)
        if number % (total // 10) == 0:
            seen.append((number, memory_mb(pid)))
    client.close()
    return seen


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=3)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--orders", type=int, default=100_000)
    given = options.parse_args()
    with bare() as theirs, exchange() as ours:
        servers = {"bare": theirs, "exchange": ours}
        rates: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
        waits: dict[str, list[list[float]]] = {name: [] for name in servers}
        for _ in range(given.rounds):
            for name, (port, pid) in servers.items():
                rates[name].append(asyncio.run(throughput(port, pid, given.seconds)))
        for _ in range(given.rounds):
            for name, (port, _) in servers.items():
                waits[name].append(asyncio.run(paced(port, given.seconds)))
        bare_eps = asyncio.run(bare_events(theirs[0], 20_000))
        eps = {n: asyncio.run(exchange_events(ours[0], 1_200, n)) for n in (1, LISTENERS)}
    pairs = list(zip(rates["exchange"], rates["bare"], strict=True))
    for what, index, unit in (("POST /v2/orders a second", 0, ""), ("processor time", 1, " ms")):
        mine, other = (statistics.median(r[index] for r in rates[n]) for n in ("exchange", "bare"))
        ratio = statistics.median(a[index] / b[index] for a, b in pairs)
        print(f"{what:24} {mine:8.4g}{unit}   bare {other:8.4g}{unit}   {ratio:.2f}")
    for count, each in eps.items():
        print(f"events a second, {count} reading {each:8.0f}   bare {bare_eps:8.0f}   (sends only)")
    for name, rounds in waits.items():
        half = statistics.median(statistics.median(row) for row in rounds)
        p99 = sorted(row[int(len(row) * 0.99)] for row in rounds)
        print(
            f"POST at {PACED_PER_SECOND}/s, {name:9} median {half:.2f} ms, p99 by round "
            + ", ".join(f"{ms:.2f}" for ms in p99)
            + " ms"
        )
    if given.orders:
        with exchange() as (port, pid):
            for number, mb in asyncio.run(many_orders(port, pid, given.orders)):
                print(f"memory after {number:7} orders  {mb:6.1f} MB")


if __name__ == "__main__":
    main()
