"""Goal: the lines for a crontab on docs/guides/operations.md are what cron reads, and its units are
those that are written.

Method: the rules of crontab(5) on each line, the names of what `execbot service` writes. That is
judged by the tools themselves, in tests/desk/operate and tests/week.
"""

from __future__ import annotations

import re
from pathlib import Path

from pages.reading import blocks
from support.paths import ROOT

from execbot.config.schema import Mode
from execbot.desk.operate.jobs import TASKS
from execbot.desk.operate.launch import Launch
from execbot.desk.operate.systemd import systemd_set_up

PAGE = (ROOT / "docs" / "guides" / "operations.md").read_text(encoding="utf-8")
FIELDS = re.compile(r"^(\S+\s+){5}\S")


def test_every_line_of_the_crontab_has_its_five_fields_and_says_its_mode() -> None:
    lines = [line for block in blocks(PAGE, "crontab") for line in block.splitlines() if line]
    assert any("execbot journal verify" in line for line in lines)
    for line in lines:
        assert FIELDS.match(line), line
        assert not re.search(r"(?<!\\)%", line), f"a bare % is a line break: {line}"
        assert "EXECBOT_MODE=" in line or "--mode" in line, line


def test_every_unit_that_is_named_is_one_that_is_written() -> None:
    home = Path("/home/trader")
    launch = Launch(home / "bin/execbot", Mode.PAPER, "paper", {}, home, home / "state")
    written = {file.path.name for file in systemd_set_up(launch, TASKS.values()).files}
    for name in re.findall(r"systemctl --user \w+ (execbot-[\w-]+)", PAGE):
        assert f"{name}.service" in written
