"""`execbot alerts`: who is told of alarms."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.errors import usage
from execbot.cli.show.list_form import ColumnsFlag, CsvFlag, ListForm, list_form
from execbot.cli.show.output import Table
from execbot.desk.opening.journal_need import Need
from execbot.desk.operate.alerting import (
    RECIPES,
    Service,
    add_to,
    alert_state,
    env_file,
    try_url,
    url_for,
)

app = typer.Typer()


@app.callback(invoke_without_command=True)
@command
def alerts(cli: Cli, csv: CsvFlag = False, columns: ColumnsFlag = None) -> None:
    """Receivers of alerts: list them, set one up.

    \b
    Examples:
      execbot alerts
      execbot alerts init ntfy
    """
    _list(cli, list_form(cli, COLUMNS, csv=csv, columns=columns))


@app.command("list")
@command
def list_(cli: Cli, csv: CsvFlag = False, columns: ColumnsFlag = None) -> None:
    """Show receivers without their secrets, which alerts go out, and those not delivered yet.

    \b
    Examples:
      execbot alerts list
      execbot alerts list --json
      execbot alerts list --csv
    """
    _list(cli, list_form(cli, COLUMNS, csv=csv, columns=columns))


COLUMNS = ("kind", "url", "trouble", "title", "raised_at", "tries")


def _list(cli: Cli, form: ListForm) -> None:
    with cli.open(need=Need.LOOK) as desk:
        found = alert_state(desk)
        settings = found.settings
        rows = [(item.url, item.trouble or "ok") for item in found.receivers]
        waits = [(p.title, p.raised_at, p.tries) for p in found.waiting]
        views: list[Table | str] = []
        if rows:
            views.append(Table(("receiver", "state"), rows, wrap=frozenset({"receiver", "state"})))
        if waits:
            views.append(Table(("waiting", "raised", "tries"), waits))
        views.append(_policy_words(settings))
        receivers = [{"url": i.url, "trouble": i.trouble} for i in found.receivers]
        waiting = [
            {"title": p.title, "raised_at": p.raised_at, "tries": p.tries} for p in found.waiting
        ]
        listed: list[dict[str, Any]] = [{"kind": "receiver", **item} for item in receivers]
        listed += [{"kind": "waiting", **item} for item in waiting]
        cli.show(
            {
                "receivers": receivers,
                "settings": {name: getattr(settings, name) for name in settings.__struct_fields__},
                "waiting": waiting,
                "last": None
                if found.last is None
                else {
                    "at": found.last.at,
                    "taken": found.last.taken,
                    "refused": list(found.last.refused),
                },
            },
            *form.views(listed, *views),
            warnings=found.warnings,
        )


def _policy_words(settings: Any) -> str:
    parts = [f"alarms from {settings.min_severity.value} on"]
    parts += ["their ends"] * settings.resolved + ["fills"] * settings.fills
    parts += ["the daily report"] * settings.daily_report
    quiet = f"; quiet {settings.quiet_hours} but for critical ones" if settings.quiet_hours else ""
    return f"Told: {', '.join(parts)}{quiet}."


@app.command()
@command
def init(
    cli: Cli,
    service: Annotated[Service, typer.Argument(help="Where you want to be told.")],
    said: Annotated[
        list[str] | None,
        typer.Option("--set", help="An answer, instead of being asked.", metavar="NAME=VALUE"),
    ] = None,
    test: Annotated[bool, typer.Option(help="Send a test there first.")] = True,
    write: Annotated[
        bool, typer.Option("--write", help="Write it into the .env in use, beside trading.yaml.")
    ] = False,
) -> None:
    """Make a receiver's URL from the values that its service gives you, try it, and keep it.

    Without --write it is shown, to be put into EXECBOT_ALERT_URLS; it holds secrets.

    \b
    Examples:
      execbot alerts init ntfy --write
      execbot alerts init desktop
      execbot alerts init ntfy --set topic=execbot-Xk29 --no-test
    """
    url = url_for(service, _answers(cli, service, said or []))
    if test:
        try_url(url)
    path = env_file(cli.config_path) if write else None
    if path is not None:
        add_to(path, url)
    words = f"Written: {path}" if path else f"export EXECBOT_ALERT_URLS='{url}'"
    cli.show(
        {
            "service": service.value,
            "url": None if write else url,
            "written": str(path) if path is not None else None,
            "tested": test,
        },
        words,
    )


def _answers(cli: Cli, service: Service, said: list[str]) -> dict[str, str]:
    given = dict(item.partition("=")[::2] for item in said)
    asked = RECIPES[service].questions
    odd = sorted(set(given) - {question.name for question in asked})
    if odd:
        known = ", ".join(question.name for question in asked) or "nothing"
        raise usage(f"{service.value} has no {odd[0]}", hint=f"It asks for: {known}.")
    for question in asked:
        if not given.get(question.name, "").strip():
            if not cli.can_ask:
                raise usage(
                    f"{service.value} needs {question.name}: {question.words}",
                    next_step=f"Add --set {question.name}=...",
                )
            given[question.name] = cli.ask(f"{question.name} ({question.words}): ")
    return given
