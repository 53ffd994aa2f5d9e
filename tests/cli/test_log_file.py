"""Goal: --log-file keeps what was asked, what came of it and what failed, in the documented form.

Method: commands as processes in sim mode; the file itself with several writers, in this process.
"""

from __future__ import annotations

import json
import logging
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

from support.processes import execbot

from execbot.config.schema import LogFormat, LogSettings
from execbot.watch.show.log_files import LogFile, log_line

Env = dict[str, str]


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_command_is_logged_from_its_start_to_its_exit_code(sim_env: Env, tmp_path: Path) -> None:
    env = {**sim_env, "EXECBOT__LOGS__FORMAT": "json", "EXECBOT_LOG_FILE": "all.log"}
    bought = ["buy", "AAPL", "--qty", "2", "--client-order-id", "one", "--wait", "20"]
    assert execbot(bought, env).code == 0
    assert execbot(["buy", "AAPL", "--qty", "-2"], env).code == 2
    assert execbot(["bye", "AAPL"], env).code == 2
    path = tmp_path / "all.log"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = lines_of(path)
    assert [line["event"] for line in lines if line["event"] != "warning"] == [
        *("started", "order", "ended"),
        *("started", "error", "ended"),
        *("started", "error", "ended"),
    ]
    order = next(line for line in lines if line["event"] == "order")
    assert (order["client_order_id"], order["symbol"], order["outcome"]) == (
        "one",
        "AAPL",
        "filled",
    )
    assert [line["exit_code"] for line in lines if line["event"] == "ended"] == [0, 2, 2]
    assert all(
        isinstance(line["pid"], int) and str(line["at"]).endswith("Z") and line["level"] in LEVELS
        for line in lines
    )


LEVELS = ("INFO", "WARNING", "ERROR")


def test_text_is_the_usual_form_and_quiet_commands_are_logged_too(
    sim_env: Env, tmp_path: Path
) -> None:
    done = execbot(["positions", "--quiet", "--log-file", "text.log"], sim_env)
    assert (done.code, done.out, done.err) == (0, "", "")
    first, last = (tmp_path / "text.log").read_text().splitlines()
    assert " INFO execbot.command started: positions --quiet" in first
    assert " INFO execbot.command ended: exit 0 after " in last


def test_a_log_that_cannot_be_written_stops_nobody_and_is_told(sim_env: Env) -> None:
    done = execbot(["positions", "--log-file", "nowhere/x.log"], sim_env)
    assert done.code == 0
    assert "nowhere/x.log could not be opened: No such file or directory" in done.err


def log_of(path: Path, name: str, **settings: object) -> logging.Logger:
    logger = logging.Logger(name)
    logger.handlers = [LogFile(path, LogSettings(**settings))]  # type: ignore[arg-type]
    return logger


def test_several_writers_lose_no_line_while_the_file_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    settings = {"max_megabytes": Decimal("0.02"), "keep_files": 50}
    loggers = [log_of(path, f"w{number}", **settings) for number in range(4)]

    def write(logger: logging.Logger) -> None:
        for number in range(300):
            logger.info("%s:%d %s", logger.name, number, "x" * 200)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, loggers))
    files = [found for found in tmp_path.glob("x.log*") if found.suffix != ".lock"]
    assert len(files) > 3
    said = [line.split()[3] for found in files for line in found.read_text().splitlines()]
    assert sorted(said) == sorted(f"w{w}:{n}" for w in range(4) for n in range(300))


def test_logs_are_kept_as_long_as_said(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    old, young, other = (tmp_path / f"x.log.{end}" for end in ("1", "2", "backup"))
    for found in (old, young, other):
        found.touch()
    past = time.time() - 3 * 86_400
    os.utime(old, (past, past))
    os.utime(other, (past, past))
    log_of(path, "w", keep_days=Decimal(2))
    assert not old.exists() and young.exists() and other.exists()


def test_a_record_is_one_line_whatever_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    for form in LogFormat:
        logger = log_of(path, "w", format=form)
        try:
            raise ValueError("two\nlines \x1b[31m")
        except ValueError:
            logger.exception("failed\nbadly")
    text, as_json = path.read_text().splitlines()
    assert "failed badly" in text and "ValueError" in text and "\x1b" not in text
    assert json.loads(as_json)["message"] == "failed\nbadly"
    assert "ValueError" in json.loads(as_json)["traceback"]


def test_an_events_own_fields_stand_beside_it_and_replace_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    logger = logging.getLogger("execbot.test_log_file")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.handlers = [LogFile(path, LogSettings(format=LogFormat.JSON))]
    log_line(logging.INFO, logger.name, "order", "words", {"qty": Decimal(2), "at": 1, "no": None})
    logger.handlers = []
    (line,) = lines_of(path)
    assert (line["event"], line["qty"], line["message"]) == ("order", "2", "words")
    assert str(line["at"]).endswith("Z") and "no" not in line
