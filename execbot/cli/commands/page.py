"""`execbot page`: the account as a live page on this machine; `page link` says how to open it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from execbot.cli.command import Cli, command
from execbot.desk.errors import ExtraMissing
from execbot.desk.opening.journal_need import Need

AT = "--at"
DOORS = ("signals", "metrics")


class _AddressOrCommand(TyperGroup):
    """`execbot page 127.0.0.1:9000` names an address, `execbot page link` a command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """An address that stands alone becomes the value of --at."""
        values = {
            name
            for parameter in self.get_params(ctx)
            if not getattr(parameter, "is_flag", True)
            for name in parameter.opts
        }
        place = 0
        while place < len(args) and args[place].startswith("-"):
            place += 2 if args[place] in values else 1
        is_address = place < len(args) and args[place] not in self.commands
        return super().parse_args(ctx, [*args[:place], AT, *args[place:]] if is_address else args)


app = typer.Typer(cls=_AddressOrCommand)


@app.callback(invoke_without_command=True)
@command
def page(
    cli: Cli,
    at: Annotated[
        str | None,
        typer.Option(AT, metavar="HOST:PORT", help="Where it listens; 127.0.0.1:8787."),
    ] = None,
    signals: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Take signals by webhook there."),
    ] = None,
    signals_host: Annotated[
        list[str] | None,
        typer.Option(
            "--signals-host", metavar="NAME", help="A name by which signals come; repeatable."
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Metrics there too, without the token."),
    ] = None,
    page_host: Annotated[
        list[str] | None,
        typer.Option(
            "--page-host", metavar="NAME", help="A name by which the page is called; repeatable."
        ),
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            "--trusted-proxy", metavar="ADDR", help="Believe this proxy's X-Forwarded headers."
        ),
    ] = None,
    page_public: Annotated[
        bool,
        typer.Option("--page-public", help="Other machines may reach it; needs TLS."),
    ] = False,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="FILE", help="Certificate, PEM.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="FILE", help="Its key, PEM.")
    ] = None,
    page_actions: Annotated[
        bool,
        typer.Option(
            "--page-actions", help="Cancel, close, halt, resume and move a stop from the page."
        ),
    ] = False,
    with_watch: Annotated[
        bool, typer.Option("--with-watch", hidden=True, help="End when stdin ends.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Agree to --page-actions or --signals in live.")
    ] = False,
) -> None:
    """Show the account as a live page in the browser; `page link` prints its link again.

    Fed by the running `watch`, and by journal and broker where none runs. It only shows, unless
    --page-actions is given. The link's token is random at each start, or EXECBOT_PAGE_TOKEN; it
    stands behind `#`, which a browser sends to nobody. It listens on this machine alone: others
    need --page-public and TLS. Ctrl-C ends it.

    \b
    Examples:
      execbot page
      execbot page 127.0.0.1:9000 --page-actions
      execbot page link
      execbot page --page-host trading.example --trusted-proxy 127.0.0.1
    """
    from execbot.desk.account import open_desk
    from execbot.desk.opening.lines import FACTS_LINES
    from execbot.page.options import METRICS_AT, PAGE_AT, SIGNALS_AT, Options, read_address

    options = Options(
        page=read_address(AT, at, PAGE_AT),
        signals=None if signals is None else read_address("--signals", signals, SIGNALS_AT),
        metrics=None if metrics is None else read_address("--metrics", metrics, METRICS_AT),
        page_hosts=tuple(page_host or ()),
        signals_hosts=tuple(signals_host or ()),
        trusted_proxies=tuple(trusted_proxy or ()),
        is_public=page_public,
        certificate=tls_cert,
        key=tls_key,
        actions=page_actions,
        yes=yes,
        until_eof=with_watch,
    )
    with cli.open(need=Need.LOOK) as desk:
        try:
            from execbot.page.run import run
        except ModuleNotFoundError as error:
            raise ExtraMissing(
                f"The page needs {error.name}, which is not installed",
                next_step="pip install 'execbot[page,charts]'",
            ) from None
        run(
            desk,
            options,
            lambda link, doors: _ready(cli, link, doors),
            lambda: open_desk(cli.mode_flag, cli.config_path, lines=FACTS_LINES),
        )


def _ready(cli: Cli, link: str, doors: Mapping[str, str]) -> None:
    """One line with the link, once it listens, and one for each door for programs."""
    words = [f"{name}: {url}" for name, url in doors.items()]
    cli.show({"link": link, **{name: doors.get(name) for name in DOORS}}, link, *words)


@app.command()
@command
def link(cli: Cli) -> None:
    """Print the link of the page that runs for this account.

    \b
    Examples:
      execbot page link
      xdg-open "$(execbot page link --quiet)"
    """
    with cli.open(need=Need.LOOK) as desk:
        import os

        from execbot.page.link import full_link, read

        found = read(desk.directory)
        full = full_link(found, os.environ)
    cli.quiet = False
    cli.show({"link": full, "pid": found.pid, "actions": found.actions}, full)
