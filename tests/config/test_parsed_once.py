"""Goal: a configuration file whose tree was kept says what the text says, whatever was kept.

Method: every file of a table, good and bad, is read without anything kept, then twice with a cache
directory; settings, sources and errors are compared. Then what is kept is damaged in each way.
"""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from execbot.config.errors import ConfigError
from execbot.config.load import load_settings
from execbot.config.yaml_nodes import FILES_MAX, nodes_of

TEMPLATE = (Path(__file__).parents[2] / "execbot/config/template.yaml").read_text()
FILES = {
    "template": TEMPLATE,
    "empty": "",
    "only the key": "trading_execution:\n",
    "numbers as they were written": "trading_execution: {risk: {max_spread_pct: 2.50}}\n",
    "words that YAML 1.1 would change": "trading_execution:\n  symbols: [ON, NO, 'null']\n",
    "one word for a list": "trading_execution:\n  symbols: AAPL, MSFT\n",
    "rows": "trading_execution:\n  take_profit:\n    partial_exits:\n"
    "      - {level: 1, size_pct: 50}\n      - {level: 2, size_pct: 25}\n",
    "stars": "trading_execution:\n  sizing:\n    star_notional: {1: 100, 5: 500}\n",
    "an anchor": "trading_execution:\n  symbols: &s [AAPL]\n  denied_symbols: *s\n",
    "unknown key": "trading_execution:\n  risk:\n    max_sprad_pct: 5\n",
    "bad value": "trading_execution:\n\n  risk: {max_spread_pct: wide}\n",
    "twice": "trading_execution:\n  symbols: [A]\n  symbols: [B]\n",
    "not YAML": "trading_execution: [\n",
    "a list": "- trading_execution\n",
    "not ASCII": "trading_execution:\n  # für Zürich\n  symbols: [AAPL]\n",
}


def outcome(path: Path, env: dict[str, str]) -> Any:
    try:
        return load_settings(path, env)
    except ConfigError as error:
        return error.message, error.hint, error.line, error.kind, error.next_step


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def environment(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}


def kept(home: Path) -> list[Path]:
    return sorted((home / "cache/execbot").glob("yaml-*"))


@pytest.mark.parametrize("name", FILES)
def test_a_file_says_the_same_when_its_tree_was_kept(home: Path, name: str) -> None:
    path = home / "trading.yaml"
    path.write_text(FILES[name])
    fresh = outcome(path, {})
    first, again = outcome(path, environment(home)), outcome(path, environment(home))
    assert first == fresh
    assert again == fresh


def test_another_text_is_another_tree(home: Path) -> None:
    path = home / "trading.yaml"
    path.write_text("trading_execution: {max_positions: 3}\n")
    before = path.stat()
    assert load_settings(path, environment(home)).trading.max_positions == 3
    path.write_text("trading_execution: {max_positions: 4}\n")
    import os

    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert load_settings(path, environment(home)).trading.max_positions == 4


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut off": lambda said: said[: len(said) // 2],
    "empty": lambda said: b"",
    "one limit changed": lambda said: said.replace(b'"3"', b'"9"'),
    "another kind of file": lambda said: b"\x80\x04K\x03.",
    "no tree": lambda said: _signed(b"[]"),
    "a scalar that is no text": lambda said: _signed(b"[0,0,5,null]"),
    "a kind that there is not": lambda said: _signed(b'[7,0,"x",null]'),
}


def _signed(body: bytes) -> bytes:
    from hashlib import sha256

    return sha256(body).hexdigest().encode() + b"\n" + body


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_is_made_anew_from_the_text(home: Path, damage: str) -> None:
    path = home / "trading.yaml"
    path.write_text("trading_execution: {max_positions: 3}\n")
    load_settings(path, environment(home))
    (file,) = kept(home)
    whole = file.read_bytes()
    file.write_bytes(DAMAGE[damage](whole))
    assert load_settings(path, environment(home)).trading.max_positions == 3
    assert file.read_bytes() == whole


def test_what_is_kept_is_for_the_user_alone_and_bounded(home: Path) -> None:
    for number in range(FILES_MAX + 5):
        nodes_of(f"trading_execution: {{max_positions: {number + 1}}}", "f", home / "cache/execbot")
    assert len(kept(home)) == FILES_MAX
    for file in kept(home):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((home / "cache/execbot").stat().st_mode) == 0o700


def test_a_cache_that_cannot_be_written_is_no_matter(home: Path) -> None:
    (home / "cache").write_text("a file where the folder would be")
    path = home / "trading.yaml"
    path.write_text("trading_execution: {max_positions: 3}\n")
    assert load_settings(path, environment(home)).trading.max_positions == 3


def test_the_yaml_library_is_not_needed_for_what_is_kept(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = home / "trading.yaml"
    path.write_text(TEMPLATE)
    first = load_settings(path, environment(home))
    monkeypatch.setitem(sys.modules, "yaml", None)  # importing it fails from here on
    assert load_settings(path, environment(home)) == first
