"""A command that kills or suspends itself at a step of its sending, as a real process:

    python -m support.harness.dying before_post submit AAPL --qty 1 --json
    python -m support.harness.dying before_post/stop submit AAPL --qty 1 --json

The steps are those that the submit pipeline announces (`on_step` of `oms/send/answers.py`).
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from execbot.oms.send.answers import Answers

DYING = (sys.executable, "-m", "support.harness.dying")


def die_at(step: str) -> None:
    """SIGKILL for this process at the first `step` that anything in it takes; `step/stop`: SIGSTOP,
    once."""
    step, _, stops = step.partition("/")
    given = [signal.SIGSTOP if stops else signal.SIGKILL]

    def on_step(name: str) -> None:
        if name == step and given:
            os.kill(os.getpid(), given.pop())

    begun = Answers.__init__

    def begin(self: Answers, *args: Any, **more: Any) -> None:
        begun(self, *args, **{**more, "on_step": on_step})

    Answers.__init__ = begin  # type: ignore[method-assign]


if __name__ == "__main__":
    die_at(sys.argv.pop(1))
    from execbot.cli.main import run

    run()
