"""Goal: an unsealed run leads Python, Node and what honours a proxy to the exchange, streams
included, and says that it is not sealed.

Method: one run of small programs that give no URL but Alpaca's own, and go round every proxy where
their language has a shim.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from support.processes import clean_environment, execbot

PYTHON = """
import asyncio, json, os, socket, ssl
from http.client import HTTPSConnection

KEYS = {"APCA-API-KEY-ID": "python", "APCA-API-SECRET-KEY": "x"}
line = HTTPSConnection("paper-api.alpaca.markets")  # knows no proxy
order = {"symbol": "AAPL", "qty": 1, "side": "buy", "type": "market", "time_in_force": "day"}
line.request("POST", "/v2/orders", json.dumps(order), KEYS)
found = {"order": line.getresponse().status}

import websockets

async def greeting():
    url = "wss://stream.data.alpaca.markets/v2/iex"
    async with websockets.connect(url, proxy=None) as ws:
        return json.loads(await ws.recv())[0]["msg"]

found["stream"] = asyncio.run(greeting())
found["by name"] = socket.gethostbyname("api.alpaca.markets")
try:
    import uvloop
except ImportError as error:
    found["uvloop"] = str(error)

import aiohttp.resolver
found["aiohttp"] = aiohttp.resolver.DefaultResolver.__name__

import certifi
found["certifi"] = certifi.where() == os.environ["SSL_CERT_FILE"]
print("python", json.dumps(found))
"""

NODE = """
const https = require("node:https");
const keys = { "APCA-API-KEY-ID": "node", "APCA-API-SECRET-KEY": "x" };
const url = "https://paper-api.alpaca.markets/v2/account";
const tls = require("node:tls");
const asked = () => new Promise((resolve, reject) =>
  https.get(url, { headers: keys }, (r) => resolve(r.resume().statusCode)).on("error", reject));
const direct = () => new Promise((resolve, reject) => {
  const host = "api.alpaca.markets";
  const line = tls.connect({ host, port: 443, servername: host }, () => {
    resolve(line.authorized); line.destroy();
  }).on("error", reject);
});
(async () => {
  const fetched = await fetch(url, { headers: keys });
  await fetched.text();
  const found = { https: await asked(), fetch: fetched.status, tls: await direct() };
  console.log("node", JSON.stringify(found));
})();
"""

CURL = """
printf 'curl ' && curl -sS -m 20 -H 'APCA-API-KEY-ID: curl' https://paper-api.alpaca.markets/v2/account
echo && printf 'plain ' && curl -sS -m 20 -x "$HTTPS_PROXY" \\
  -H 'APCA-API-KEY-ID: curl' http://data.alpaca.markets/v2/account
"""


def test_everything_of_alpacas_is_the_exchange(tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text(PYTHON)
    (tmp_path / "bot.cjs").write_text(NODE)
    (tmp_path / "bot.sh").write_text(CURL)
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'EXECBOT_RUN_BUNDLE' in os.environ:\n"
        "    print('its own sitecustomize', file=sys.stderr)\n"
    )
    (tmp_path / "lib" / "uvloop.py").write_text("")
    lines = [f"{sys.executable} bot.py"]
    lines += ["node bot.cjs"] if shutil.which("node") else []
    lines += ["sh bot.sh"] if shutil.which("curl") else []
    env = clean_environment(tmp_path, PYTHONPATH=str(tmp_path / "lib"))
    command = ["sh", "-c", " && ".join(lines)]
    ended = execbot(["sim", "run", "--unsealed", "--json", "--", *command], env)
    assert ended.code == 0, ended.err
    said = dict(line.split(" ", 1) for line in ended.err.splitlines() if " " in line)
    found = json.loads(said["python"])
    assert found.pop("uvloop").endswith("detour of this run")
    assert found == {
        "order": 200, "stream": "connected", "by name": "127.0.0.1",
        "aiohttp": "ThreadedResolver", "certifi": True,
    }  # fmt: skip
    assert "its own sitecustomize" in ended.err
    if "node bot.cjs" in lines:
        assert json.loads(said["node"]) == {"https": 200, "fetch": 200, "tls": True}
    if "sh bot.sh" in lines:
        assert json.loads(said["curl"])["cash"] == json.loads(said["plain"])["cash"] == "100000"
    assert ended.data["sealed"] is False
    assert "not sealed" in ended.json["warnings"][0]
    assert sum("filled" in row["orders"] for row in ended.data["accounts"]) == 1
