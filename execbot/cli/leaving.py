"""The end of the process. Python takes its modules apart at its end, one by one, which takes a
sixth of the time of a `submit` and is of use to nobody: what must be done at the end is done, and
the process ends.
"""

from __future__ import annotations

import atexit
import os
import sys
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """End the process with this code: what was registered for the end is called, what was written
    is flushed. Ends as Python does where a thread is still to be waited for, somebody measures or
    traces, or the last words cannot be written."""
    if not _is_plain():
        sys.exit(code)
    atexit._run_exitfuncs()
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except (OSError, ValueError):
        sys.exit(code)
    os._exit(code)


def _is_plain() -> bool:
    if sys.gettrace() is not None or sys.getprofile() is not None:
        return False
    threading = sys.modules.get("threading")
    if threading is None:
        return True
    others = [thread for thread in threading.enumerate() if not thread.daemon]
    return others == [threading.main_thread()]
