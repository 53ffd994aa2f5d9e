"""`execbot sim`: the built-in exchange on the command line.

`serve` runs it behind sockets, `run` a bot against one of its own; the other commands look at it
and steer it. They act on the exchange of sim mode, or with --url on a running `sim serve`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.commands.care.sim_options import AtOption, SpeedOption
from execbot.cli.commands.care.sim_run import RUN_HELP, run
from execbot.cli.commands.care.sim_serve import SERVE_HELP, serve
from execbot.cli.errors import Failure, usage
from execbot.cli.exit_codes import ExitCode
from execbot.cli.show.list_form import ColumnsFlag, CsvFlag, ListForm, list_form
from execbot.cli.show.output import Table
from execbot.desk.opening import exchange
from execbot.model.amounts import level_words, money_words
from execbot.model.numbers import to_decimal

app = typer.Typer(rich_markup_mode=None)

UrlOption = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="A running `sim serve`, instead of sim mode's own."),
]
KeyOption = Annotated[
    str | None,
    typer.Option("--key", metavar="KEY", help="Which account, where there are several."),
]

app.command(help=SERVE_HELP)(serve)
app.command(help=RUN_HELP, context_settings={"allow_interspersed_args": False})(run)


@app.callback(invoke_without_command=True)
@command
def sim(cli: Cli, csv: CsvFlag = False, columns: ColumnsFlag = None) -> None:
    """The built-in exchange: show it (the default), serve it, steer it.

    \b
    Examples:
      execbot sim
      execbot sim serve --json
      execbot sim price AAPL 187.50
    """
    _status(cli, None, list_form(cli, COLUMNS, csv=csv, columns=columns))


@app.command()
@command
def status(
    cli: Cli, url: UrlOption = None, csv: CsvFlag = False, columns: ColumnsFlag = None
) -> None:
    """Show the exchange: its clock, accounts, faults and streams.

    \b
    Examples:
      execbot sim status
      execbot sim status --url http://127.0.0.1:8080 --json
      execbot sim status --csv
    """
    _status(cli, url, list_form(cli, COLUMNS, csv=csv, columns=columns))


NO_ACCOUNT = "No account yet: the first request opens one."
COLUMNS = (
    *("key", "account_id", "cash", "equity", "open_orders", "positions"),
    *("margin_call.since", "margin_call.amount", "margin_call.due", "frozen_until"),
)
"""Of an account there; `--json` has the clock, faults and streams beside them."""


def _status(cli: Cli, url: str | None, form: ListForm) -> None:
    found = _ask(cli, url, "GET", "status")
    clock = found["clock"]
    rows = [
        [row["key"], row["account_id"], row["cash"], row["equity"], row["open_orders"]]
        for row in found["accounts"]
    ]
    columns = ["key", "account", "cash", "equity", "open_orders"]
    cli.show(
        found,
        *form.views(
            found["accounts"],
            f"time {clock['now']}, {clock['mode']} clock at {clock['speed']:g}x, "
            f"calendar {found['calendar']}, {found['faults']} faults",
            Table(columns, rows, frozenset(columns[2:]), NO_ACCOUNT),
        ),
    )


@app.command()
@command
def reset(
    cli: Cli,
    url: UrlOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Start over: accounts, orders and positions of the exchange are gone.

    \b
    Examples:
      execbot sim reset --yes
    """
    if not yes:
        if not cli.can_ask:
            raise Failure(
                "confirm.needed",
                "A reset needs a confirmation and there is no terminal",
                ExitCode.DECLINED,
                next_step="execbot sim reset --yes",
            )
        if not cli.confirm("Forget all accounts, orders and positions of the exchange?"):
            raise Failure("confirm.declined", "Nothing was reset", ExitCode.DECLINED)
    found = _ask(cli, url, "POST", "reset", {})
    cli.show(found, f"The exchange is fresh. Its time is {found['time']}.")


@app.command()
@command
def deposit(
    cli: Cli,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="Dollars; negative takes out.")],
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Put money into an account.

    \b
    Examples:
      execbot sim deposit 25000
    """
    found = _ask(cli, url, "POST", "deposit", {"amount": amount, "key": key})
    cli.show(found, f"Cash is now {money_words(to_decimal(found['cash']))}.")


@app.command()
@command
def halt(
    cli: Cli,
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Stock, ETF or crypto pair.")],
    reason: Annotated[str, typer.Option(metavar="CODE", help="Halt code of the tape.")] = "T1",
    url: UrlOption = None,
) -> None:
    """Halt trading in a symbol: its price stands still, orders wait.

    \b
    Examples:
      execbot sim halt AAPL
    """
    found = _ask(cli, url, "POST", "halt", {"symbol": symbol, "reason": reason})
    cli.show(found, f"{found['symbol']} is halted.")


@app.command()
@command
def resume(
    cli: Cli,
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Stock, ETF or crypto pair.")],
    url: UrlOption = None,
) -> None:
    """End a halt of the exchange.

    \b
    Examples:
      execbot sim resume AAPL
    """
    found = _ask(cli, url, "POST", "resume", {"symbol": symbol})
    cli.show(found, f"{found['symbol']} trades again.")


@app.command()
@command
def price(
    cli: Cli,
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Stock, ETF or crypto pair.")],
    value: Annotated[str | None, typer.Argument(metavar="VALUE", help="Dollars.")] = None,
    bid: Annotated[str | None, typer.Option(help="Set the bid.", metavar="PRICE")] = None,
    ask: Annotated[str | None, typer.Option(help="Set the ask.", metavar="PRICE")] = None,
    jump: Annotated[
        bool, typer.Option("--jump", help="Jump there and live on, instead of staying.")
    ] = False,
    release: Annotated[
        bool, typer.Option("--release", help="Give the symbol its own prices back.")
    ] = False,
    url: UrlOption = None,
) -> None:
    """Show, set or release the price of a symbol.

    \b
    Examples:
      execbot sim price AAPL
      execbot sim price AAPL 187.50
      execbot sim price AAPL --bid 187.49 --ask 187.51
      execbot sim price AAPL 150 --jump
      execbot sim price AAPL --release
    """
    given = {"price": value, "bid": bid, "ask": ask}
    body = {name: text for name, text in given.items() if text is not None}
    path = f"price/{symbol.replace('/', '%2F')}"
    if release:
        found = _ask(cli, url, "DELETE", path)
    elif body:
        found = _ask(cli, url, "POST", "price", {"symbol": symbol, "hold": not jump, **body})
    else:
        found = _ask(cli, url, "GET", path)
    quote = found["quote"]
    shown = "no price yet"
    if quote is not None:
        sides = (f"{side} {level_words(quote[side], found['symbol'])}" for side in ("bid", "ask"))
        shown = ", ".join(sides)
    cli.show(found, f"{found['symbol']}: {shown}")


@app.command()
@command
def replay(
    cli: Cli,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Folder or file of recorded CSV.")],
    at: AtOption = None,
    speed: SpeedOption = 1.0,
    url: UrlOption = None,
) -> None:
    """Start over on recorded prices. Fetches nothing: the files must be there.

    \b
    Examples:
      execbot sim replay recorded/ --at "2013-10-08 09:30"
      execbot sim replay recorded/ --at "2013-10-08 09:30" --speed 10
    """
    if not path.exists():
        raise usage(f"{path} is not there", hint="It is a folder or file of recorded CSV data.")
    body = {"data": str(path.resolve()), "at": at, "speed": speed}
    found = _ask(cli, url, "POST", "reset", body)
    cli.show(found, f"The exchange replays {path}. Its time is {found['time']}.")


@app.command()
@command
def clock(
    cli: Cli,
    step: Annotated[str | None, typer.Option(metavar="SECONDS", help="Move on.")] = None,
    to: Annotated[str | None, typer.Option("--set", metavar="TIME", help="Move to.")] = None,
    speed: Annotated[str | None, typer.Option(metavar="N", help="Times real time.")] = None,
    jump: Annotated[bool, typer.Option("--jump", help="Move to the next event.")] = False,
    url: UrlOption = None,
) -> None:
    """Show the exchange's clock, or move it.

    \b
    Examples:
      execbot sim clock
      execbot sim clock --step 60
      execbot sim clock --set "2013-10-08 15:59" --speed 0
    """
    given = {"step": step, "set": to, "speed": speed, "jump": jump or None}
    body = {name: value for name, value in given.items() if value is not None}
    found = _ask(cli, url, "POST" if body else "GET", "clock", body or None)
    cli.show(found, f"{found['now']}, {found['mode']} clock at {found['speed']:g}x")


def _ask(cli: Cli, url: str | None, method: str, path: str, body: Any = None) -> Any:
    """One control request, to a server or to the exchange of sim mode."""
    if url is None:
        cli.mode, cli.account = "sim", None
    return exchange.control(method, path, body, url=url, config_path=cli.config_path)
