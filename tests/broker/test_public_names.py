"""Goal: the public names are importable and cheap. Method: compare lists; a fresh process."""

from __future__ import annotations

import subprocess
import sys

import pytest

import execbot.broker as broker


def test_every_exported_name_is_there_and_every_name_has_a_home() -> None:
    assert sorted(broker.__all__) == sorted(n for names in broker._HOME.values() for n in names)
    for name in broker.__all__:
        assert getattr(broker, name).__name__ == name
    with pytest.raises(AttributeError):
        broker.__getattr__("NoSuchName")


def test_placing_an_order_loads_nothing_heavy() -> None:
    code = (
        "import sys; from execbot.broker import AlpacaClient\n"
        "client = AlpacaClient('k', 's', trading_url='http://127.0.0.1:1')\n"
        "try: client.get_account()\n"
        "except Exception as error: print(error.kind)\n"
        "heavy = 'alpaca pandas pydantic requests websockets sqlite_utils asyncio rich tenacity'\n"
        "print([name for name in heavy.split() if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.split("\n")[:2] == ["network.refused", "[]"], done.stderr
