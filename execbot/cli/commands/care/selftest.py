"""`execbot selftest`: a guided check on a real account."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import typer

from execbot.cli.command import Cli, command
from execbot.cli.errors import usage
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.order_flags import read_symbol
from execbot.cli.show.output import Table
from execbot.desk.operate.selftest.course import Proof
from execbot.desk.operate.selftest.run import SYMBOLS, certificate_json, may_begin, run
from execbot.model.numbers import maybe_decimal


@command
def selftest(
    cli: Cli,
    max_cost: Annotated[
        str, typer.Option(help="The most that it may cost.", metavar="AMOUNT")
    ] = "5USD",
    symbol: Annotated[
        str | None, typer.Option(help="Trade this; without it a cheap fund.", metavar="SYMBOL")
    ] = None,
) -> None:
    """A guided check on a real account: read, buy one share of a cheap fund with a stop, move the
    stop, close a half, close the rest, reconcile.

    After each step the broker itself is asked whether it is so; what was proven is kept as a
    certificate in the account's directory. Refuses outside the regular session (5), and where the
    symbol is held already. In live each step is asked for on the terminal. When a step fails, what
    was bought is sold again, and it ends with 8. Where the broker takes no fractions of the
    symbol, two shares are bought and one of them closed first. The cost at worst is the spread
    twice and the way to the stop, for all that is bought.

    \b
    Examples:
      execbot selftest --mode paper
      execbot selftest --mode live --max-cost 5USD
      execbot selftest --mode paper --symbol F --json
    """
    if cli.mode_flag is None:
        raise usage("Say on which account: --mode paper or --mode live", kind="usage.mode")
    cost = _cost(max_cost)
    symbols = SYMBOLS if symbol is None else (read_symbol(symbol),)
    with cli.open() as desk:
        agree = may_begin(desk.mode, cli.confirm if cli.can_ask else None)
        cli.announce()
        found = run(desk, agree, max_cost=cost, symbols=symbols, tell=lambda p: _tell(cli, p))
        rows = [(_word(p), p.step, p.words) for p in found.proofs]
        cli.show(
            {**certificate_json(found), "certificate": str(found.path)},
            Table(("result", "step", "proof"), rows, wrap=frozenset({"proof"})),
            f"{'All is proven' if found.passed else 'Not proven'}: {found.path}",
            warnings=[found.left] if found.left else [],
            exit_code=ExitCode.DONE if found.passed else ExitCode.BREAKS,
        )


def _tell(cli: Cli, proof: Proof) -> None:
    cli.note(f"{_word(proof)}  {proof.step}: {proof.words}")


def _word(proof: Proof) -> str:
    return "OK" if proof.passed else "FAIL"


def _cost(words: str) -> Decimal:
    amount = maybe_decimal(words.upper().removesuffix("USD").strip())
    if amount is None or amount <= 0:
        raise usage(f"--max-cost was {words!r}", hint="An amount of dollars: 5USD.")
    return amount
