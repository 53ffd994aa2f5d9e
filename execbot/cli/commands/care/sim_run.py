"""`execbot sim run`: somebody's bot, unchanged, against an exchange of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.commands.care.sim_options import (
    AtOption,
    CalendarOption,
    DataOption,
    RateOption,
    ScenarioOption,
    SeedOption,
    SetOption,
    SpeedOption,
    settings_given,
)
from execbot.cli.exit_codes import Ended
from execbot.cli.show.output import envelope, print_json, print_note
from execbot.desk.opening.bot_run import BotEnded, run_bot
from execbot.model.amounts import money_words
from execbot.model.numbers import to_decimal

RUN_HELP = """Run a bot, unchanged, against an exchange of its own.

The command finds Alpaca's names, keys and certificates as always, and all of them are the
exchange's. On Linux it is sealed: no other network exists for it. Where that cannot be had
(macOS, many containers) --unsealed leads it to the exchange by a proxy and shims for Python and
Node; other programs may then reach Alpaca itself.

It ends with the command's exit code. What was ordered is told on stderr, or with --json as one
object on stdout; what the command prints then goes to stderr.

\b
Examples:
  execbot sim run -- python bot.py
  execbot sim run --at "2026-10-08 09:25" --calendar exchange --speed 60 -- node bot.js
  execbot sim run --scenario outage.yaml --seed 7 -- pytest tests/
  execbot sim run --unsealed -- python bot.py
"""


@command
def run(
    cli: Cli,
    command_: Annotated[
        list[str], typer.Argument(metavar="COMMAND [ARGS]...", help="What to run, after `--`.")
    ],
    unsealed: Annotated[
        bool,
        typer.Option("--unsealed", help="Lead it to the exchange, but leave the network open."),
    ] = False,
    scenario: ScenarioOption = None,
    seed: SeedOption = 0,
    at: AtOption = None,
    speed: SpeedOption = 1.0,
    calendar: CalendarOption = "always",
    data: DataOption = None,
    rate_limit: RateOption = 0,
    set_: SetOption = None,
) -> None:
    settings = settings_given(
        data=data, at=at, speed=speed, calendar=calendar, seed=seed, rate_limit=rate_limit
    )
    if unsealed:
        cli.warn(UNSEALED)
    ended = run_bot(
        settings,
        command_,
        scenario=scenario,
        pairs=set_ or (),
        sealed=not unsealed,
        started=lambda control: cli.note(_opening(control, unsealed)),
        own_stdout=not cli.json,
    )
    if cli.json:
        print_json(_answer(cli, ended, [UNSEALED] if unsealed else []))
    elif not cli.quiet or ended.exit_code:
        for line in _lines(ended):
            print_note(line)
    raise Ended(ended.exit_code)


UNSEALED = (
    "This run is not sealed: Python, Node and what honours a proxy are led to the exchange, "
    "anything else may reach Alpaca itself"
)


def _opening(control: str, unsealed: bool) -> str:
    how = "led to" if unsealed else "sealed in with"
    return f"The command is {how} an exchange of its own; {control} steers it (EXECBOT_SIM_URL)."


def _answer(cli: Cli, ended: BotEnded, warnings: list[str]) -> dict[str, Any]:
    data = {
        "command": list(ended.command),
        "sealed": ended.sealed,
        "exit_code": ended.exit_code,
        "run_seconds": ended.seconds,
        "accounts": list(ended.accounts),
    }
    where = {"mode": "sim", "account": None}
    return envelope(cli.name, data, ok=ended.exit_code == 0, warnings=warnings, **where)


def _lines(ended: BotEnded) -> list[str]:
    """What was ordered, for people: a line for each account and what it traded."""
    lines = [f"{ended.command[0]} ended with {ended.exit_code} after {ended.seconds:.1f} s."]
    if not ended.accounts:
        lines.append("It asked the exchange for nothing that needs an account.")
    for row in ended.accounts:
        lines += _account_lines(row)
    return lines


def _account_lines(row: Mapping[str, Any]) -> list[str]:
    counts = ", ".join(f"{count} {status}" for status, count in row["orders"].items())
    equity, profit = (money_words(to_decimal(row[name])) for name in ("equity", "profit"))
    lines = [f"{row['account']}: {counts or 'no orders'}; equity ${equity}, profit ${profit}."]
    for symbol, sides in row["traded"].items():
        held = row["positions"].get(symbol, "0")
        lines.append(f"  {symbol}: bought {sides['bought']}, sold {sides['sold']}, holds {held}")
    if row["refused_count"]:
        lines.append(f"  {row['refused_count']} refused:")
        lines += [f"    {found['status']} {found['message']}" for found in row["refused"]]
    return lines
