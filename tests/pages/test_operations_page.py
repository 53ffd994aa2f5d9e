"""Goal: the unit and the crontab of docs/guides/operations.md are what systemd and cron read.

Method: `systemd-analyze verify` on the unit as it is written (skipped where there is none), and the
rules of crontab(5) on each line.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from pages.reading import blocks
from support.paths import ROOT

PAGE = (ROOT / "docs" / "guides" / "operations.md").read_text(encoding="utf-8")
ANALYZE = shutil.which("systemd-analyze")
FIELDS = re.compile(r"^(\S+\s+){5}\S")


@pytest.mark.skipif(ANALYZE is None, reason="no systemd-analyze here")
def test_systemd_has_nothing_to_say_of_the_unit(tmp_path: Path) -> None:
    (unit,) = blocks(PAGE, "ini")
    installed = re.sub(r"ExecStart=\S+", f"ExecStart={shutil.which('true')}", unit)
    file = tmp_path / "execbot-watch.service"
    file.write_text(installed)
    done = subprocess.run(
        [str(ANALYZE), "--user", "verify", str(file)],
        env={"XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_every_line_of_the_crontab_is_a_variable_or_has_its_five_fields() -> None:
    lines = [line for block in blocks(PAGE, "crontab") for line in block.splitlines() if line]
    assert any("execbot health" in line for line in lines)
    for line in lines:
        assert re.match(r"^[A-Z_]+=", line) or FIELDS.match(line), line
        assert not re.search(r"(?<!\\)%", line), f"a bare % is a line break: {line}"
    assert any(line.startswith("EXECBOT_MODE=") for line in lines)
