"""`execbot buy`, `sell` and `short`: `submit` with its side said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from execbot.cli.command import Cli, command
from execbot.cli.commands import submit as submit_command
from execbot.cli.flags.declared import flags_of
from execbot.model.enums import Side


def _with_side(name: str, help_text: str, leaves_out: set[str], **said: Any) -> Callable[..., None]:
    """A command that takes the flags of `submit` but for `leaves_out`, whose values are `said`."""
    submit: Any = submit_command.submit
    carry_out: Callable[..., None] = submit.__wrapped__

    def act(cli: Cli, **given: Any) -> None:
        carry_out(cli, **given, **said)

    act.__name__, act.__doc__ = name, help_text
    told: Any = act
    told.flags = [flag for flag in flags_of(submit) if flag.name not in leaves_out]
    return command(act)


_LIKE_SUBMIT = (
    """What `execbot submit --help` says of exits, of `watch` and of time holds here too."""
)

buy = _with_side(
    "buy",
    f"""Buy, exactly once: `execbot submit` with --side buy.

    {_LIKE_SUBMIT}

    \b
    Examples:
      execbot buy AAPL --qty 10
      execbot buy AAPL --qty 10 --limit 187.50 --stop-loss 2% --take-profit 2R
      execbot buy AAPL --risk 1% --stop-loss 2%
      execbot buy BTC/USD --notional 100 --json
    """,
    {"side", "short"},
    side=Side.BUY,
    short=False,
)

sell = _with_side(
    "sell",
    f"""Sell, exactly once: `execbot submit` with --side sell.

    It sells what is held; `execbot short` opens a short position. `execbot close AAPL` sells all
    that is held and takes the exits along.

    {_LIKE_SUBMIT}

    \b
    Examples:
      execbot sell AAPL --qty 10
      execbot sell TSLA --qty 5 --trail-percent 1.5
      execbot sell AAPL --qty 10 --limit 210 --tif gtc
    """,
    {"side"},
    side=Side.SELL,
)

short = _with_side(
    "short",
    f"""Sell short, exactly once: `execbot submit` with --short.

    The stop of a short lies above its price, the target below. `execbot close AAPL` buys it back.

    {_LIKE_SUBMIT}

    \b
    Examples:
      execbot short TSLA --qty 5 --stop-loss 2%
      execbot short TSLA --qty 5 --limit 260 --stop-loss 265 --take-profit 245
      execbot short TSLA --qty 5 --dry-run
    """,
    {"side", "short"},
    side=None,
    short=True,
)
