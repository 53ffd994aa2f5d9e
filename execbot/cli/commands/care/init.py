"""`execbot init`: set an account up, by questions or by flags, and check it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from execbot.cli.command import Cli, command
from execbot.cli.commands.care.config import TEMPLATE
from execbot.cli.errors import ADJUSTABLE, Failure, usage
from execbot.cli.exit_codes import ExitCode
from execbot.cli.show.finding_views import checks_json, checks_table, exit_code_of_checks
from execbot.cli.show.output import print_note
from execbot.config.paths import PROFILE_VARIABLE
from execbot.config.schema import Color, Mode
from execbot.desk.checks.doctor import check_setup
from execbot.desk.errors import BadRequest
from execbot.desk.setting_up import first
from execbot.desk.setting_up.first import Running, Wishes

LIMITS = (
    ("max_positions", "Positions at once", "5"),
    ("max_position_size_pct", "One position, percent of equity", "10"),
    ("max_account_exposure_pct", "All positions, percent of equity", "50"),
    ("risk.max_daily_loss_pct", "The day's loss that stops entries, percent", "5"),
    ("sizing.risk_per_trade_pct", "Risk of one trade of signals, percent", "1"),
    ("symbols", "Only these symbols, by commas; empty allows all", ""),
)
"""What is asked for: key, question, default."""


@command
def init(
    cli: Cli,
    max_positions: Annotated[str | None, typer.Option(metavar="N", help="At once.")] = None,
    max_position_size_pct: Annotated[
        str | None, typer.Option(metavar="PCT", help="One position, of equity.")
    ] = None,
    max_account_exposure_pct: Annotated[
        str | None, typer.Option(metavar="PCT", help="All positions, of equity.")
    ] = None,
    max_daily_loss_pct: Annotated[
        str | None, typer.Option(metavar="PCT", help="A day's loss that stops entries.")
    ] = None,
    risk_per_trade_pct: Annotated[
        str | None, typer.Option(metavar="PCT", help="Risk of one trade of signals.")
    ] = None,
    symbols: Annotated[
        str | None, typer.Option(metavar="A,B", help="Only these may be entered.")
    ] = None,
    color: Annotated[
        Color | None, typer.Option(help="Of the profile on the screen; live is red.")
    ] = None,
    run: Annotated[
        Running | None, typer.Option(help="How it shall run: set up as `service` does.")
    ] = None,
    here: Annotated[
        bool, typer.Option("--here", help="Write ./trading.yaml; the keys stay in your home.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing: flags, environment, defaults.")
    ] = False,
) -> None:
    """Set up an account: mode, keys, limits, alerts, and how it shall run; then `doctor`.

    On a terminal it asks for what no flag says. Keys and alert URLs never stand on the command
    line: they are typed in, or taken from the environment or --env-file. Keys are tried once and
    written to the credentials file (0600), alert URLs to the .env beside trading.yaml. Nothing is
    written before everything is known to be good. Units, crontab lines, script or agents for --run
    are written by the code of `execbot service`; the commands that start them are shown, and none
    is run. With --profile NAME another account is set up beside the ones that are there.

    \b
    Examples:
      execbot init
      execbot init --mode sim --yes
      execbot init --profile swing --mode paper --env-file keys.env --yes
    """
    profile = os.environ.get(PROFILE_VARIABLE, "").strip() or None
    questions = _Questions(can_ask=cli.can_ask and not yes and not cli.json)
    places = first.places_of(profile, os.environ, Path() if here else None)
    mode = _mode(cli, questions)
    first.check_free(places, mode, force=force)
    pair = _pair(mode, questions)
    account = first.try_keys(mode, pair) if pair is not None else None
    if account is not None:
        cli.note(f"The keys work: account {account}.")
    said = {
        "max_positions": max_positions,
        "max_position_size_pct": max_position_size_pct,
        "max_account_exposure_pct": max_account_exposure_pct,
        "risk.max_daily_loss_pct": max_daily_loss_pct,
        "sizing.risk_per_trade_pct": risk_per_trade_pct,
        "symbols": symbols,
    }
    values = _limits(said, questions)
    if color is not None:
        values["color"] = color.value
    alerts = "Alert URLs of apprise, by blanks (unseen); empty for none"
    urls = questions.checked(alerts, "", first.check_alert_urls, secret=True)
    running = run or Running(
        questions.choice("How shall it run", [one.value for one in Running], Running.BY_HAND.value)
    )
    wishes = Wishes(mode, values, pair, urls or first.alerts_in_force(), running)
    written = first.write(wishes, places, TEMPLATE.read_text(encoding="utf-8"), account)
    _report(cli, wishes, places, [str(path) for path in written], account)


def _report(
    cli: Cli, wishes: Wishes, places: first.Places, written: list[str], account: str | None
) -> None:
    """What was written, what `doctor` says of it, and what to do next."""
    config = places.configuration if places.profile is None else None
    found = check_setup(None, config)
    cli.mode, cli.account, cli.profile = wishes.mode.value, account, places.profile
    cli.color = wishes.values.get("color")
    kept = first.keep_running(wishes, places, config)
    written = [*written, *(str(path) for path in kept.written)]
    steps = list(kept.steps)
    cli.show(
        {
            "written": written,
            "how": wishes.running.value,
            "next": steps,
            "healthy": not found.failures,
            "checks": checks_json(found.findings),
        },
        *(f"Wrote {path}" for path in written),
        checks_table(found.findings),
        *(f"Next: {step}" for step in steps),
        warnings=kept.warnings,
        exit_code=exit_code_of_checks(found),
    )


def _mode(cli: Cli, questions: _Questions) -> Mode:
    words = cli.mode_flag
    if words is None and not questions.can_ask:
        raise usage("init needs --mode where nobody can be asked", next_step="--mode paper")
    known = [mode.value for mode in Mode]
    word = words or questions.choice("Mode", known, Mode.PAPER.value)
    if word.lower() not in known:
        raise usage(f"--mode was {word!r}, must be sim, paper or live", kind="mode.unknown")
    return Mode(word.lower())


def _pair(mode: Mode, questions: _Questions) -> tuple[str, str] | None:
    """None in sim. Typed in where somebody can be asked, else those in force."""
    if mode is Mode.SIM:
        return None
    found = first.pair_in_force(mode)
    if questions.can_ask:
        usual = f"; empty for {found.shown} of {found.source}" if found is not None else ""
        key = questions.line(f"API key of the {mode.value} account{usual}", "")
        if key:
            return first.clean_pair(key, questions.line("Secret key", "", secret=True))
    if found is not None:
        return found.pair
    raise Failure(
        "auth.no_credentials",
        f"There are no keys for {mode.value} to write",
        ExitCode.AUTH,
        ADJUSTABLE,
        hint="They are typed in on a terminal, or taken from the environment or --env-file.",
        next_step="Set ALPACA_API_KEY and ALPACA_SECRET_KEY, or try without: --mode sim",
    )


def _limits(said: dict[str, str | None], questions: _Questions) -> dict[str, str]:
    values = {}
    for key, question, default in LIMITS:
        words = said[key]
        if words is None:
            words = questions.checked(question, default, partial(_check, key))
        else:
            _check(key, words)
        if words != default:
            values[key] = f"[{words}]" if key == "symbols" else words
    return values


def _check(key: str, words: str) -> None:
    """Raises BadRequest. Words that steer YAML would not say what they seem to."""
    if any(character in words for character in "#:{}[]\"'\n"):
        raise BadRequest(f"{key} was {words!r}: digits, letters and commas go there")
    first.check_value(key, words)


class _Questions:
    """Questions on the terminal; without one every answer is the default. Ctrl-C ends it all."""

    def __init__(self, *, can_ask: bool) -> None:
        self.can_ask = can_ask

    def line(self, question: str, default: str, *, secret: bool = False) -> str:
        if not self.can_ask:
            return default
        usual = f" [{default}]" if default else ""
        try:
            if secret:
                from getpass import getpass

                return getpass(f"{question}: ", stream=sys.stderr).strip() or default
            sys.stderr.write(f"{question}{usual}: ")
            sys.stderr.flush()
            return input().strip() or default
        except (EOFError, KeyboardInterrupt):
            raise Failure(
                "confirm.declined",
                "Ended before anything was written",
                ExitCode.DECLINED,
                ADJUSTABLE,
            ) from None

    def choice(self, question: str, known: list[str], default: str) -> str:
        def check(word: str) -> None:
            if word.lower() not in known:
                raise BadRequest(f"{word!r} is not one of {', '.join(known)}")

        return self.checked(f"{question} ({', '.join(known)})", default, check).lower()

    def checked(
        self, question: str, default: str, check: Callable[[str], None], *, secret: bool = False
    ) -> str:
        """Asked again until the answer is good."""
        while True:
            word = self.line(question, default, secret=secret)
            try:
                check(word)
                return word
            except BadRequest as bad:
                if not self.can_ask:
                    raise
                print_note(f"  {bad}")
