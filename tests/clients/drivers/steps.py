"""What the drivers in Python share: steps that are tried one by one, and what came of them.

A driver names its steps after the columns of the page; a step returns nothing, or says what it is
that the client has not (`absent`). The result is one line of JSON.
"""

import json
import os
import sys
import threading
import time
import traceback

KEY = os.environ["APCA_API_KEY_ID"]
SECRET = os.environ["APCA_API_SECRET_KEY"]
PATIENCE_SECONDS = 60


def absent():
    """A step for what the client does not offer."""
    return "-"


def in_background(target, *arguments):
    threading.Thread(target=target, args=arguments, daemon=True).start()


def wait_for(check, what="it"):
    """Looks until `check` holds, and hands on what it returned."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come about")
        time.sleep(0.05)


def play(**steps):
    """Tries every step; prints what came of each, and ends whatever threads are left."""
    found = {}
    for name, step in steps.items():
        try:
            found[name] = step() or "yes"
        except Exception as error:
            traceback.print_exc()
            found[name] = f"{type(error).__name__}: {error}"[:160]
    print("\nresult " + json.dumps(found), flush=True)
    sys.stdout.flush()
    os._exit(0)
