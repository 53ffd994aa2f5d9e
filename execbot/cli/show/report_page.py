"""A report as one file: HTML with its style and its drawings inside, no script, no network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from html import escape

from execbot.cli.show.output import Cell, Table, plain
from execbot.cli.show.report_style import STYLE
from execbot.cli.show.report_views import day_lists, figure_words, report_tables
from execbot.cli.show.report_words import NUMERIC
from execbot.desk.look.reporting.report_charts import Charts
from execbot.desk.look.reporting.report_parts import Line, Trade
from execbot.desk.look.reports import SpanReport
from execbot.model.amounts import even, signed
from execbot.model.printable import harmless_line
from execbot.model.times import eastern, show_eastern

ROWS_MAX = 300
"""A table ends here; the files of --csv have every row."""

WIDE = 22
"""A text of more characters has a line of its own on a phone."""

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Whatever stands in a reason or a symbol: nothing is run and nothing is fetched."""


def report_page(
    found: SpanReport, charts: Charts, *, mode: str, account: str, made_at: datetime
) -> str:
    """The whole page. Everything in it that came from outside is escaped."""
    period = found.period
    title = f"execbot report, {period.span}"
    body = [
        f"<h1>{_safe(title)}</h1>",
        f'<p class="quiet">{_safe(mode)} account ending in {_safe(account[-4:])}, made '
        f"{_safe(show_eastern(made_at))}. Times are New York's, amounts USD.</p>",
        *(f'<p class="note">{_safe(note)}</p>' for note in period.notes),
        *(f'<p class="warning">{_safe(word)}</p>' for word in (*found.warnings, *charts.warnings)),
        _tiles(found),
        _figure("Equity", charts.equity),
        _figure("Net profit by day", charts.days),
        _scorecard(period.scorecard),
        *_views(report_tables(found)),
        _trades(period.trades),
        *_charts(charts),
        *_views(day_lists(found) if period.span.is_day else []),
        _conventions(),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="referrer" content="no-referrer"><title>{_safe(title)}</title>'
        f"<style>{STYLE}</style></head><body>\n"
        + "\n".join(p for p in body if p)
        + "\n</body></html>\n"
    )


def _safe(value: object) -> str:
    return escape(harmless_line(str(value)))


# --- the head ----------------------------------------------------------------------------------


def _tiles(found: SpanReport) -> str:
    books, period = found.books, found.period
    stats, equity = period.trade_stats, period.equity
    share = period.executions.success.rate
    tiles = [
        ("net P&L", _signed(books.net_pl)),
        ("realized", _signed(books.realized_pl)),
        ("fees", "-" if books.fees_total is None else _usd(books.fees_total)),
        ("open P&L", "-" if books.unrealized_pl is None else _signed(books.unrealized_pl)),
        ("equity", "-" if equity is None else _usd(equity.closing)),
        ("change, flows taken out", "-" if equity is None else _signed(equity.profit)),
        ("trades closed", f"{stats.trades} ({stats.wins} won)"),
        ("orders taken", "-" if share is None else f"{share * 100:.1f} %"),
    ]
    cells = (
        f'<div class="tile"><span class="quiet">{_safe(name)}</span><b>{value}</b></div>'
        for name, value in tiles
    )
    return f'<div class="tiles">{"".join(cells)}</div>'


def _usd(value: Decimal) -> str:
    return f"{value:z,.2f}"


def _signed(value: Decimal) -> str:
    """With its sign in the text as well: colour alone says nothing on paper."""
    shown = signed(value, comma=",")
    kind = {"-": "lost-text", "+": "won-text"}.get(shown[0], "")
    return f'<span class="{kind}">{shown}</span>'


def _figure(title: str, svg: str) -> str:
    return f"<h2>{_safe(title)}</h2><figure>{svg}</figure>" if svg else ""


# --- tables ------------------------------------------------------------------------------------


def _views(views: Iterable[Table | str]) -> Iterable[str]:
    for view in views:
        if isinstance(view, Table):
            yield f"<h2>{_safe(view.title)}</h2>{table(view.columns, view.rows)}"
        elif view:
            yield f'<p class="quiet">{_safe(view)}</p>'


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    kinds: Sequence[str] | None = None,
    judged: int | None = None,
) -> str:
    """`judged` is the column whose words are a class as well."""
    numeric = [name in NUMERIC for name in columns]
    wide = [_is_wide(row[number] for row in rows[:ROWS_MAX]) for number in range(len(columns))]
    has_cards = len(columns) > 2
    head = "".join(
        f'<th scope="col"{_number(is_number)}>{_safe(name)}</th>'
        for name, is_number in zip(columns, numeric, strict=True)
    )
    lines: list[str] = []
    for row in rows[:ROWS_MAX]:
        cells = []
        for number, value in enumerate(row):
            kind = _number(numeric[number]) or (' class="wide"' if wide[number] else "")
            if number == judged and kinds is not None:
                kind = f' class="{kinds[len(lines)]}"'
            cells.append(f'<td{kind} data-name="{_safe(columns[number])}">{_shown(value)}</td>')
        lines.append(f"<tr>{''.join(cells)}</tr>")
    more = len(rows) - ROWS_MAX
    rest = f'<p class="quiet">{more} more: execbot report --csv has all.</p>' if more > 0 else ""
    cards = ' class="cards"' if has_cards else ' class="pairs"'
    return (
        f'<div class="scroll"><table{cards}><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>{rest}"
    )


def _is_wide(values: Iterable[object]) -> bool:
    """On a phone two cells stand side by side, but for columns of such texts."""
    return any(len(_shown(value)) > WIDE for value in values)


def _number(is_number: bool) -> str:
    return ' class="n"' if is_number else ""


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, Cell):
        return _safe(value.short)
    return _safe(plain(value))


_MARKS = {"met": "✓ met", "not_met": "✗ not met", "no_basis": "– no basis"}


def _scorecard(lines: Sequence[Line]) -> str:
    rows = [
        (
            line.name,
            line.goal,
            figure_words(line),
            str(line.n),
            _MARKS[line.judged.value],
            line.basis,
        )
        for line in lines
    ]
    columns = ("requirement", "goal", "figure", "n", "judged", "basis")
    kinds = [line.judged.value for line in lines]
    return f"<h2>Scorecard</h2>{table(columns, rows, kinds, judged=4)}"


# --- trades ------------------------------------------------------------------------------------


def _trades(trades: Sequence[Trade]) -> str:
    if not trades:
        return ""
    newest = sorted(trades, key=lambda t: t.trip.closed_at or t.trip.opened_at, reverse=True)
    rows = [
        (
            trade.trip.symbol,
            trade.trip.side.value,
            trade.strategy or "-",
            f"{eastern(trade.trip.opened_at):%m-%d %H:%M}",
            "open"
            if trade.trip.closed_at is None
            else f"{eastern(trade.trip.closed_at):%m-%d %H:%M}",
            even(trade.trip.entry_price),
            "-" if trade.trip.exit_price is None else even(trade.trip.exit_price),
            str(trade.ending or "-").replace("_", " "),
            _usd(trade.trip.net),
            "-" if trade.r is None else f"{trade.r:z.2f}",
        )
        for trade in newest
    ]
    columns = (
        "symbol",
        "side",
        "strategy",
        "in (ET)",
        "out (ET)",
        "price in",
        "price out",
        "why",
        "net",
        "R",
    )
    return f"<h2>Trades</h2>{table(columns, rows)}"


def _charts(charts: Charts) -> Iterable[str]:
    words = {"Open": "Open trades", "Best": "Best trades", "Worst": "Worst trades"}
    for group, title in words.items():
        some = [one for one in charts.trades if one.group == group]
        if some:
            figures = "".join(
                f"<figure>{one.svg}<figcaption>{_safe(one.words)}</figcaption></figure>"
                for one in some
            )
            yield f'<h2>{title}</h2><div class="charts">{figures}</div>'
    if charts.trades:
        yield (
            '<p class="quiet">Green arrows are purchases, red ones sales; the dashed red line is '
            "the stop as it stood, dotted green ones are targets.</p>"
        )


def _conventions() -> str:
    return (
        '<h2>How it is counted</h2><p class="quiet">Costs are basis points of the price on '
        "arrival, plus = worse for us, before fees; what has no honest arrival is unmeasured and "
        "in no mean. Percentiles are by the nearest rank, the 95th from 20 on. Trades are round "
        "trips at average cost, net of the fees known. No basis: what there is does not tell. "
        "Definitions: docs/reports.md and docs/quality.md.</p>"
    )
