"""Goal: what the security page says of files and keys holds.

Method: a session of a paper trader with a secret that cannot be mistaken for anything else, refused
and failing commands with `--debug` among them; then every file and every output is searched.
"""

from __future__ import annotations

import re
import stat
from pathlib import Path

from support.paths import ROOT
from support.processes import Server, execbot

KEY, SECRET = "PKNEVERSHOWN0000KEY0", "nevershown/secret+of/a+trader/0123456789"
SESSION = (
    ("submit", "AAPL", "--qty", "2", "--stop-loss", "2%", "--wait", "10", "--json"),
    ("submit", "AAPL", "--qty", "900000", "--debug"),
    ("submit", "NOSUCHNAME", "--qty", "1", "--debug"),
    ("doctor", "--debug"),
    ("config", "show", "--json"),
    ("report", "--daily", "--html", "day.html"),
)


def test_no_key_reaches_a_file_or_an_output_and_every_file_is_private(
    server: Server, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    env = server.environment(home) | {"ALPACA_API_KEY": KEY, "ALPACA_SECRET_KEY": SECRET}
    said = ""
    for command in SESSION:
        outcome = execbot(command, env, cwd=home)
        said += outcome.out + outcome.err
    refused = env | {"ALPACA_SECRET_KEY": "", "ALPACA_API_SECRET": ""}
    half = execbot(("account", "--debug"), refused, cwd=home)
    said += half.out + half.err
    assert '"filled"' in said and "Traceback" in half.err
    for hidden in (KEY, SECRET):
        assert hidden not in said
    files = [path for path in home.rglob("*") if path.is_file()]
    assert any(path.name == "journal.db" for path in files)
    holding = [path for path in files if SECRET.encode() in path.read_bytes()]
    holding += [path for path in files if KEY.encode() in path.read_bytes()]
    assert holding == []
    open_to_others = [
        path
        for path in files
        if stat.S_IMODE(path.stat().st_mode) & 0o077 and path.suffix != ".pyc"
    ]
    assert open_to_others == []


def test_every_file_that_the_checklist_names_is_there() -> None:
    page = (ROOT / "docs" / "guides" / "security.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/.]+)`", page)
    assert len(named) > 8
    assert [name for name in named if not (ROOT / name).exists()] == []
