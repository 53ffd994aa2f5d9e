"""alpaca-cli, a command line over alpaca-py: each step is commands as a person types them."""

import subprocess
import sys
from pathlib import Path

from steps import absent, play, wait_for

CLI = Path(sys.executable).with_name("alpaca-cli")


def said(*words):
    done = subprocess.run(
        [sys.executable, str(CLI), *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout).strip()[-150:])
    return done.stdout


def orders():
    return said("trading", "orders", "list", "--status", "all", "--format", "csv").lower()


def in_status(wanted):
    wait_for(lambda: wanted in orders(), wanted)


def account():
    assert "100,000" in said("trading", "account", "status")


def order():
    said("buy", "AAPL", "2")
    in_status("filled")


def cancel():
    said("trading", "orders", "buy", "limit", "AAPL", "1", "1", "--tif", "gtc")
    in_status("new")
    said("trading", "orders", "cancel", "--all")
    in_status("canceled")


def position():
    assert "AAPL" in said("pos")


def data():
    assert "AAPL" in said("data", "stock", "latest", "AAPL")


def lists():
    said("trading", "watchlists", "create", "w", "AAPL")
    assert "w" in said("trading", "watchlists", "list")


play(account=account, quotes=absent, order=order, cancel=cancel, position=position,
     updates=absent, data=data, lists=lists)  # fmt: skip
