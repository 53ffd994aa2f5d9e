"""Goal: other clients of Alpaca, unchanged, cannot tell either.

Method: each SDK in a process of its own with its own packages. The older Python SDK is fetched
with pip into pytest's cache (skipped where that fails); the JavaScript SDK only with
EXECBOT_TEST_JS=1, because it needs node and npm.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
# The last release pins packages that are too old for everything else here, so it stays apart.
OLD_SDK = ("alpaca-trade-api==3.2.0", "websockets==10.4", "deprecation", "websocket-client")
JS_SDK = "@alpacahq/alpaca-trade-api@4"


@pytest.fixture(scope="module")
def old_sdk(pytestconfig: pytest.Config) -> Path:
    place = pytestconfig.cache.mkdir("old-sdk")  # type: ignore[union-attr]
    if not (place / "alpaca_trade_api").is_dir():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
        done = subprocess.run([*command, str(place), *OLD_SDK], capture_output=True, text=True)
        if done.returncode != 0:
            shutil.rmtree(place, ignore_errors=True)
            pytest.skip(f"alpaca-trade-api could not be installed: {done.stderr[-200:]}")
    return place


@pytest.fixture(scope="module")
def js_sdk(pytestconfig: pytest.Config) -> Path:
    if os.environ.get("EXECBOT_TEST_JS") != "1":
        pytest.skip("set EXECBOT_TEST_JS=1 to test the JavaScript SDK")
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    place = pytestconfig.cache.mkdir("js-sdk")  # type: ignore[union-attr]
    if not (place / "node_modules" / "@alpacahq").is_dir():
        (place / "package.json").write_text('{"private": true}')
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", JS_SDK]
        subprocess.run(command, cwd=place, check=True, capture_output=True)
    return place


def session(command: list[str], **environment: str) -> Any:
    """Runs a session to its end; its one line of JSON."""
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_older_python_sdk_trades_and_listens(exchange: Any, old_sdk: Path) -> None:
    script = str(HERE / "old_sdk_session.py")
    command = [sys.executable, script, exchange["rest"], exchange["rest"]]
    found = session(command, PYTHONPATH=str(old_sdk), APCA_API_DATA_URL=exchange["data"])
    assert found.pop("refusal") == [403, 40310000, "insufficient buying power"]
    assert found.pop("days") >= 5
    assert found == {
        "cash": "100000",
        "filled": "filled",
        "position": "2",
        "events": ["pending_new", "new", "fill"],
        "quotes": "SPY",
        "clock_open": True,
        "asset": "AAPL",
        "fills": 1,
        "ask": True,
        "bars": 5,
        "snapshot": True,
    }


def test_javascript_sdk_trades_and_listens(exchange: Any, js_sdk: Path) -> None:
    urls = [exchange[name] for name in ("rest", "stream", "data_stream")]
    found = session(["node", str(HERE / "js_session.cjs"), str(js_sdk), *urls])
    assert found == {
        "cash": "100000",
        "authenticated": True,
        "status": "pending_new",
        "events": ["pending_new", "new", "fill"],
        "position": "2",
        "quote": "SPY",
        "refusal": [403, 40310000, "insufficient buying power"],
    }
