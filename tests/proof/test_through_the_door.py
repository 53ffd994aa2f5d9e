"""Goal: what is handed over to a running `watch` is sent once or not at all, and the command tells
the truth of it, whenever either of the two is suspended or killed.

Method: a real `watch` and real commands against a real server. In each round one of them is hit at
a random moment by SIGKILL, or by SIGSTOP and later SIGCONT, with replies on time, late and lost.
Then the exchange's own list of orders is compared with what the command said. The seed is printed;
`--hand-overs N` plays more rounds.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from proof.test_exactly_once import CONFIG, FAULTS, SYMBOLS, _settle
from support.processes import Server, exchange, execbot, start_execbot
from support.waiting import eventually
from support.watching import Watching, watching

LONGEST_COMMAND_SECONDS = 2.0
LONGEST_WORK_SECONDS = 0.8
"""From its beginning in the watch to its answer, with replies that come late."""

LONGEST_SLEEP_SECONDS = 4.0
"""Longer than a command waits, and than a watch may take from intent to POST."""

SLOW_READS = {"kind": "request_delayed", "method": "GET", "path": "/v2/positions", "count": 1}
"""A wider window before the intent."""


def kill_watch(watch: Watching, process: subprocess.Popen[str], chance: random.Random) -> None:
    watch.kill()


def suspend_watch(watch: Watching, process: subprocess.Popen[str], chance: random.Random) -> None:
    watch.suspend()
    time.sleep(chance.uniform(0.1, LONGEST_SLEEP_SECONDS))
    watch.wake()


def suspend_watch_past_the_command(
    watch: Watching, process: subprocess.Popen[str], chance: random.Random
) -> None:
    watch.suspend()
    process.wait()
    watch.wake()


def kill_command(watch: Watching, process: subprocess.Popen[str], chance: random.Random) -> None:
    process.send_signal(signal.SIGKILL)


def interrupt_command(
    watch: Watching, process: subprocess.Popen[str], chance: random.Random
) -> None:
    process.send_signal(signal.SIGINT)


def suspend_command(watch: Watching, process: subprocess.Popen[str], chance: random.Random) -> None:
    process.send_signal(signal.SIGSTOP)
    time.sleep(chance.uniform(0.1, LONGEST_SLEEP_SECONDS))
    process.send_signal(signal.SIGCONT)


def suspend_watch_and_kill_command(
    watch: Watching, process: subprocess.Popen[str], chance: random.Random
) -> None:
    watch.suspend()
    time.sleep(chance.uniform(0.0, LONGEST_SLEEP_SECONDS))
    process.send_signal(signal.SIGKILL)
    watch.wake()


Blow = Callable[[Watching, "subprocess.Popen[str]", random.Random], None]
BLOWS: tuple[Blow, ...] = (
    kill_watch,
    suspend_watch,
    suspend_watch_past_the_command,
    kill_command,
    interrupt_command,
    suspend_command,
    suspend_watch_and_kill_command,
)


def test_a_hand_over_hit_anywhere_leaves_one_order_or_none_as_the_command_says(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    rounds = int(request.config.getoption("--hand-overs"))
    seed = int(request.config.getoption("--seed"))
    print(f"seed {seed}, hand-overs {rounds}")
    chance = random.Random(seed)
    (tmp_path / "trading.yaml").write_text(CONFIG)
    with exchange(tmp_path) as server:
        env = server.environment(tmp_path, EXECBOT_CONFIG=str(tmp_path / "trading.yaml"))
        execbot(["account"], env)
        with watching(env) as watch:
            said: dict[str, str] = {}
            hit: Counter[str] = Counter()
            for number in range(rounds):
                if watch.has_ended:
                    watch.start()
                name, blow = f"door-{seed}-{number}", chance.choice(BLOWS)
                hit[blow.__name__] += 1
                said[name] = _round(server, watch, env, name, blow, chance)
                _judge(server, name, said[name], blow)
            server.call("DELETE", "/sim/faults")
            watch.wake()
            taken = sum(watch.did(name) for name in said)
        print(f"{dict(hit)}; the watch began with {taken}; told: {dict(Counter(said.values()))}")
        _settle(env)
        for name, told in said.items():
            _judge(server, name, told, "the end")
        at_exchange = {order["client_order_id"] for order in server.orders()}
        assert at_exchange <= set(said), "an order nobody asked for"
        assert taken, "not one went through the door"


def _round(
    server: Server,
    watch: Watching,
    env: dict[str, str],
    name: str,
    blow: Blow,
    chance: random.Random,
) -> str:
    """What the command said of its order; "" where it was killed before it could."""
    _arm(server, chance)
    symbol = chance.choice(SYMBOLS)
    arguments = ["submit", symbol, "--qty", "1", "--client-order-id", name, "--json"]
    process = start_execbot(arguments, env)
    if chance.random() < 0.7:
        eventually(lambda: watch.did(name) or process.poll() is not None)
        time.sleep(chance.uniform(0, LONGEST_WORK_SECONDS))
    else:
        time.sleep(chance.uniform(0, LONGEST_COMMAND_SECONDS))
    blow(watch, process, chance)
    out, err = process.communicate(timeout=120)
    return _outcome(process.returncode, out, err)


def _outcome(code: int, out: str, err: str) -> str:
    if code == 0:
        return str(json.loads(out)["data"]["outcome"])
    try:
        answer: dict[str, Any] = json.loads(err)
    except ValueError:
        return ""  # killed, or interrupted while Python itself was starting
    return str(answer["outcome"])


def _arm(server: Server, chance: random.Random) -> None:
    server.call("DELETE", "/sim/faults")
    fault = chance.choice(FAULTS)
    if fault is not None:
        rule = {**fault, "method": "POST", "path": "/v2/orders", "count": 1}
        server.call("POST", "/sim/faults", rule)
    if chance.random() < 0.5:
        seconds = round(chance.uniform(0.2, 1.0), 2)
        server.call("POST", "/sim/faults", {**SLOW_READS, "params": {"seconds": seconds}})


def _judge(server: Server, name: str, told: str, when: object) -> None:
    found = [order for order in server.orders() if order["client_order_id"] == name]
    assert len(found) <= 1, f"{name} reached the exchange twice ({when})"
    if told == "not_sent":
        assert not found, f"{name} was said not to be sent, and is there ({when})"
    if told in ("accepted", "filled", "partially_filled"):
        assert found, f"{name} was said to be {told}, and is not there ({when})"
