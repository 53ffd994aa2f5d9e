"""Help of the flags of spreads."""

from __future__ import annotations

LEG_HELP = "A leg of a spread, 2 to 4 of them: 'buy 1 AAPL261218C00250000', 'sell 1 ... to close'."
DEBIT_HELP = "Net price that is paid at most for one spread."
CREDIT_HELP = "Net price that is received at least for one spread."
