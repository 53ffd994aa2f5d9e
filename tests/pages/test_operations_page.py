"""Goal: the lines for a crontab on docs/guides/operations.md are what cron reads.

Method: the rules of crontab(5) on each line. What `execbot service` writes is judged by the tools
themselves, in tests/desk/operate.
"""

from __future__ import annotations

import re

from pages.reading import blocks
from support.paths import ROOT

PAGE = (ROOT / "docs" / "guides" / "operations.md").read_text(encoding="utf-8")
FIELDS = re.compile(r"^(\S+\s+){5}\S")


def test_every_line_of_the_crontab_has_its_five_fields_and_says_its_mode() -> None:
    lines = [line for block in blocks(PAGE, "crontab") for line in block.splitlines() if line]
    assert any("execbot journal verify" in line for line in lines)
    for line in lines:
        assert FIELDS.match(line), line
        assert not re.search(r"(?<!\\)%", line), f"a bare % is a line break: {line}"
        assert "EXECBOT_MODE=" in line or "--mode" in line, line
