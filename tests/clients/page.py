"""`docs/clients.md` from what the clients were seen to do.

PYTHONPATH=tests python -m clients.page            drives every client and bot, and writes the page
PYTHONPATH=tests python -m clients.page bots       runs the bots only, and writes their section
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from clients import bots_section
from clients.catalogue import CLIENTS, CannotInstall, Client
from clients.driving import drive
from support.paths import ROOT

PAGE = ROOT / "docs" / "clients.md"
COLUMNS = ("account", "order", "cancel", "position", "updates", "data", "quotes", "lists")

HEAD = """# Clients of Alpaca on the built-in exchange

Each client below was installed from its registry, unchanged, and driven by a program of our own
under

    execbot sim run -- python bot.py          # or node bot.js, or whatever the bot is

with no URL given anywhere: it connects to Alpaca's names, and these are the exchange. The table is
what came of it; `pytest -m clients` plays it again and compares (`tests/clients`).

| word | what the client did |
|---|---|
| account | read the account's cash |
| order | bought at market, and saw the fill |
| cancel | placed a resting order and took it back |
| position | read what it held |
| updates | heard of both on its trade stream |
| data | read bars, quotes or a book |
| quotes | heard quotes on its data stream |
| lists | what else it has: watchlists, news, screener, an OCO |

`yes` works, `-` the client has not, anything else is what it said.

"""
POINTING = """
## How to point a client elsewhere

`sim run` needs none of this. For `execbot sim serve`, which prints its URLs:

"""
END = """
Where hosts are written into a client, `sim serve --tls --port 443` and entries in `/etc/hosts` do
it, or `sim run`. A client with its own list of authorities (Rust's `webpki-roots`, Java without
`-Djavax.net.ssl.trustStore`) trusts neither.

An unsealed run (`--unsealed`) leads Python and Node by shims, and everything that honours
`HTTPS_PROXY`; a program that looks names up by itself (uvloop is refused for that reason, `aiodns`
is taken out of aiohttp's way) and knows no proxy reaches Alpaca itself.
"""

Results = Mapping[str, Mapping[str, str]]


def row(client: Client, found: Mapping[str, str]) -> str:
    """One line of the table."""
    cells = (found.get(column, "-").replace("|", "/") for column in COLUMNS)
    return f"| {client.name} | {client.language} | {client.version} | {' | '.join(cells)} |"


def page(results: Results, bots: str) -> str:
    """The whole page; a client without a result is told as not driven."""
    lines = [f"| client | | version | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 3) + "|"]
    lines += [row(client, results.get(client.name, NOT_DRIVEN)) for client in CLIENTS]
    ways = ["| client | for `sim serve` | known to fail in it |", "|---|---|---|"]
    ways += [f"| {c.name} | {c.pointing} | {c.known or '-'} |" for c in CLIENTS]
    return HEAD + "\n".join(lines) + "\n" + POINTING + "\n".join(ways) + "\n" + END + bots


NOT_DRIVEN = dict.fromkeys(COLUMNS, "not driven")


def main() -> None:
    if sys.argv[1:] == ["bots"]:
        before = PAGE.read_text().partition(bots_section.HEADING)[0]
        PAGE.write_text(before + bots_section.section())
        return
    results = {}
    for client in CLIENTS:
        try:
            results[client.name] = drive(client)
        except CannotInstall as error:
            print(f"{client.name}: {error}", file=sys.stderr)
            continue
        print(row(client, results[client.name]), flush=True)
    PAGE.write_text(page(results, bots_section.section()))


if __name__ == "__main__":
    main()
