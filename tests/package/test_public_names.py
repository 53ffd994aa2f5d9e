"""Goal: what `execbot` promises to export is there, and importing it costs nothing.

Method: compare `__all__` with the table of homes and with what can be imported; look at the
modules that a fresh interpreter has loaded.
"""

from __future__ import annotations

import subprocess
import sys

import execbot

HEAVY = (
    "alpaca",
    "asyncio",
    "numpy",
    "pandas",
    "pandas_market_calendars",
    "pydantic",
    "requests",
    "rich",
    "sqlite_utils",
    "tenacity",
    "websockets",
    "aiohttp",
    "importlib.metadata",
)


def test_every_exported_name_can_be_imported_and_nothing_else_is_listed() -> None:
    homes = [name for names in execbot._HOME.values() for name in names]
    assert sorted([*execbot.__all__, "__version__"]) == sorted(homes)
    assert execbot.__all__ == sorted(execbot.__all__)
    for name in execbot.__all__:
        assert getattr(execbot, name) is not None
    assert set(execbot.__all__) < set(dir(execbot))


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(execbot, "Nonsense")


def loaded(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split())


def test_import_execbot_loads_no_room() -> None:
    found = {name for name in loaded("import execbot") if name.startswith("execbot.")}
    assert found == set()


def test_the_help_loads_no_room_and_nothing_heavy() -> None:
    code = (
        "from execbot.cli.main import run\n"
        "try: run(['--help'])\n"
        "except SystemExit as end: assert not end.code, end.code"
    )
    found = loaded(code)
    rooms = {name for name in found if name.startswith("execbot.")}
    assert {name.split(".")[1] for name in rooms} == {"cli"}
    assert not [name for name in (*HEAVY, "msgspec") if name in found]


def test_what_submit_needs_loads_nothing_heavy() -> None:
    code = (
        "from execbot.cli.main import run\n"
        "try: run(['submit', 'AAPL', '--qty', '0'])\n"
        "except SystemExit as end: assert end.code == 2, end.code\n"
        "import execbot.broker.alpaca, execbot.journal.journal, execbot.oms.place.placer"
    )
    found = loaded(code)
    assert not [name for name in HEAVY if name in found]
