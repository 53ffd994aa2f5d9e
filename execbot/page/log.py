"""The page's log: what was refused, and what failed. Never a token, a cookie or a query."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

LOG_NAME = "page.log"
LOG_BYTES_MAX = 1_000_000
LOG_FILES_KEPT = 3


def open_log(directory: Path) -> None:
    """Ours and the server's, in one rotated file. Errors of the disk never stop the page."""
    path = directory / LOG_NAME
    try:
        path.touch(mode=0o600)
        handler: logging.Handler = RotatingFileHandler(
            path, maxBytes=LOG_BYTES_MAX, backupCount=LOG_FILES_KEPT, encoding="utf-8"
        )
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in ("execbot.page", "uvicorn", "asyncio", "websockets"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO if name == "execbot.page" else logging.WARNING)
        logger.propagate = False
        logger.handlers = [handler]
    logging.raiseExceptions = False
