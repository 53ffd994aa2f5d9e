"""The clients that are driven: pinned versions, what they need, and an environment for each.

    PYTHONPATH=tests python -m clients.catalogue [NAME ...]     installs them beforehand

Environments are kept in `$EXECBOT_CLIENTS_DIR`, by default `~/.cache/execbot-clients`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

DRIVERS = Path(__file__).parent / "drivers"


@dataclass(frozen=True)
class Environment:
    """Packages, pinned as the registry takes them, in a folder of their own."""

    name: str
    language: str
    packages: tuple[str, ...]
    python: str = field(default="", kw_only=True)
    """The interpreter it wants, by its name on the path. Empty, or where it is not there: the one
    that runs the tests, against the package's word."""

    @property
    def version(self) -> str:
        return self.packages[0].replace("==", "@").rpartition("@")[2]

    @property
    def slug(self) -> str:
        return re.sub("[^a-z0-9]+", "-", self.name.lower()).strip("-")

    @property
    def place(self) -> Path:
        given = os.environ.get("EXECBOT_CLIENTS_DIR")
        root = Path(given) if given else Path.home() / ".cache" / "execbot-clients"
        return root / f"{self.slug}-{self.version}"


@dataclass(frozen=True)
class Client(Environment):
    """`driver` is a program of our own that uses the client as its manual says. `quick`: driven
    in CI too.
    """

    driver: str
    pointing: str
    """How to point it at a served exchange, for the page; under `sim run` nothing is needed."""
    known: str = ""
    """What is known to fail in the client itself."""
    quick: bool = False

    def command(self) -> list[str]:
        """What runs its driver."""
        driver = str(DRIVERS / self.driver)
        if self.language == "Python":
            return [str(self.place / "bin" / "python"), driver]
        return ["node", driver]


CLIENTS = (
    Client(
        "alpaca-py", "Python", ("alpaca-py==0.44.0",), "alpaca_py_session.py",
        "`url_override=` of each client",
        "a POST is repeated after a 504, under a new id unless one is given",
        quick=True,
    ),
    Client(
        "alpaca-trade-api", "Python", ("alpaca-trade-api==3.2.0",), "alpaca_trade_api_session.py",
        "`APCA_API_BASE_URL`, `APCA_API_DATA_URL`; the data stream by `data_stream_url=`",
    ),
    Client(
        "@alpacahq/alpaca-trade-api-3", "Node", ("@alpacahq/alpaca-trade-api@3.1.3",),
        "alpaca_js_3.cjs", "`baseUrl`, `dataBaseUrl`, `dataStreamUrl`",
        quick=True,
    ),
    Client(
        "@alpacahq/alpaca-trade-api-4", "Node", ("@alpacahq/alpaca-trade-api@4.0.2",),
        "alpaca_js_4.cjs", "`fetchApi`; `url` of each stream",
        quick=True,
    ),
    Client(
        "@master-chief/alpaca", "Node", ("@master-chief/alpaca@6.3.20",), "master_chief.cjs",
        "`endpoints` of a client, which then hold for every client of the process",
        "what has not happened to an order is dated 1970 (`filled_at`, `canceled_at`), not null",
    ),
    Client(
        "ccxt (Python)", "Python", ("ccxt==4.5.90",), "ccxt_session.py",
        "`exchange.urls['api']`",
        "`stopLossPrice` becomes a plain market order",
    ),
    Client(
        "ccxt (Node)", "Node", ("ccxt@4.5.84",), "ccxt_session.cjs",
        "`exchange.urls.api`",
        "`stopLossPrice` becomes a plain market order",
    ),
    Client(
        "lumibot", "Python", ("lumibot==4.6.30",), "lumibot_session.py",
        "orders by `trading_client=` (alpaca-py's, with `url_override`); data: alpaca-py's hosts",
        "an OCO in the broker's list, where it has neither legs nor a stop price, ends every later "
        "iteration with an error; ten spreads are sent as one; a credit is sent as a debit",
    ),
    Client(
        "alpaca-mcp-server", "Python", ("alpaca-mcp-server==2.4.0",), "mcp_session.py",
        "`TRADING_API_URL`, `DATA_API_URL`",
    ),
    Client(
        "py-alpaca-api", "Python", ("py-alpaca-api==3.0.1",), "py_alpaca_api_session.py",
        "no way of its own: hosts are written into it",
        '`side="BUY"` is sent as a sale; a look-up by client order id sees 500 orders',
    ),
    Client(
        "alpaca-cli", "Python", ("alpaca-cli==0.4.0b1",), "alpaca_cli_session.py",
        "no way of its own: alpaca-py's hosts",
        "asks for Python 3.14, and works with 3.11 (pip's `--ignore-requires-python`)",
        python="python3.14",
    ),
    Client(
        "msts-trader", "Python", ("msts-trader==0.47.1",), "msts_session.py",
        "no way of its own: alpaca-py's hosts",
        "stops that work at the broker are never found (`open_stops`)",
    ),
)  # fmt: skip


class CannotInstall(Exception):
    """A registry or a tool is not to be had."""


def install(wanted: Environment) -> None:
    """Makes the environment, once. Raises `CannotInstall`."""
    done = wanted.place / ".installed"
    if done.exists():
        return
    shutil.rmtree(wanted.place, ignore_errors=True)
    wanted.place.mkdir(parents=True)
    if wanted.language == "Python":
        own = shutil.which(wanted.python)  # None for an empty name
        _do([own or sys.executable, "-m", "venv", str(wanted.place)])
        pip = [str(wanted.place / "bin" / "python"), "-m", "pip", "--quiet", "install"]
        pip += ["--disable-pip-version-check", "--prefer-binary"]
        if wanted.python and own is None:
            pip.append("--ignore-requires-python")
        _do([*pip, *wanted.packages])
    else:
        if shutil.which("npm") is None:
            raise CannotInstall("npm is not installed")
        (wanted.place / "package.json").write_text('{"private": true}')
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
        _do([*command, *wanted.packages], wanted.place)
    done.touch()


def _do(command: list[str], folder: Path | None = None) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotInstall(f"{' '.join(command[:4])}: {done.stderr[-400:]}")


if __name__ == "__main__":
    for client in CLIENTS:
        if len(sys.argv) == 1 or client.name in sys.argv[1:]:
            print(client.name, flush=True)
            try:
                install(client)
            except CannotInstall as error:
                print(f"  {error}", flush=True)
