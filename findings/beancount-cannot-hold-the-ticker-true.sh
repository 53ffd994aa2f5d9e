#!/bin/bash
# beancount 3.2.3: TRUE, FALSE and NULL are no commodities, though a share's ticker may be TRUE (TrueCar's was).
#
# The three words are values of the language (for metadata), and its reader takes them for that wherever they stand.
# Every other ticker that reads like a word (ON, NA, A, F, T) is a commodity like any other. Nothing quotes a name.
# For a trader: books that hold such a share lose every transaction of it. The file's other entries load, so a
# balance may look right but for this share; only the list of errors says so.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check beancount==3.2.3
"$folder/venv/bin/python" - <<'PY'
import sys

from beancount import loader
from beancount.core.data import Transaction

BOOKS = """
2026-01-01 open Assets:Broker
2026-01-01 open Assets:Cash
2026-02-02 * "Bought {0}"
  Assets:Broker   10 {0} {{12.50 USD}}
  Assets:Cash  -125.00 USD
"""
kept = {}
for ticker in ("F", "NA", "ON", "TRUE", "FALSE", "NULL"):
    entries, errors, _ = loader.load_string(BOOKS.format(ticker))
    kept[ticker] = sum(isinstance(entry, Transaction) for entry in entries)
    print(f"{ticker}: {kept[ticker]} transaction, {[error.message for error in errors]}")
still = [ticker for ticker, count in kept.items() if not count] == ["TRUE", "FALSE", "NULL"]
print("still so: these three lose their transactions" if still else "CHANGED")
sys.exit(not still)
PY
