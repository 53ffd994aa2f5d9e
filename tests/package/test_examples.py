"""Goal: the shipped example runs as it stands and does what it prints.

Method: run it as a process against the exchange that it starts by itself.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.paths import EXAMPLES
from support.processes import clean_environment


def test_the_tour_of_the_python_api(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "api_tour.py")],
        env=clean_environment(tmp_path, EXECBOT_MODE="sim"),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for line in (
        "order_submitted: ",
        "order_filled: buy 10 AAPL at ",
        "bought: filled, 10 at ",
        "submitted twice, sent once: already=True",
        "tracker and broker differ: False []",
        "sold: filled, 10 at ",
        "breaks: []",
    ):
        assert line in done.stdout
