#!/bin/bash
# ofxparse 0.21: a sale of New Year's Eve is read as one of 1 January, or not, as the file spells its time zone.
#
# A time in OFX may carry its offset, with or without a name: [-5:EST] or [-5]. With a name this package turns the time
# into UTC and gives it without a zone; without one it leaves the time as it stands. So one and the same moment is
# read as two, five hours apart, and neither says which clock it is of. ofxtools reads both alike.
# For a trader: after 19:00 in New York (20:00 in summer) trades go into the books under the next day: this gain under
# the next tax year, a sale on the last day of a month into the next statement. Files of two brokers, each of them
# right, do not agree by the day, and who drops repeats by day and amount keeps both.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ofxparse==0.21 ofxtools==0.9.5
"$folder/venv/bin/python" - <<'PY'
import io
import sys

from ofxparse import OfxParser
from ofxtools.Parser import OFXTree

FILE = """OFXHEADER:100
DATA:OFXSGML
VERSION:102
SECURITY:NONE
ENCODING:USASCII
CHARSET:1252
COMPRESSION:NONE
OLDFILEUID:NONE
NEWFILEUID:NONE

<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><DTSERVER>20270104120000<LANGUAGE>ENG</SONRS>
</SIGNONMSGSRSV1><INVSTMTMSGSRSV1><INVSTMTTRNRS><TRNUID>1<STATUS><CODE>0<SEVERITY>INFO</STATUS><INVSTMTRS>
<DTASOF>20270104120000<CURDEF>USD<INVACCTFROM><BROKERID>broker.example<ACCTID>1</INVACCTFROM>
<INVTRANLIST><DTSTART>20261201<DTEND>20270104<SELLSTOCK><INVSELL><INVTRAN><FITID>1<DTTRADE>{when}</INVTRAN>
<SECID><UNIQUEID>78462F103<UNIQUEIDTYPE>CUSIP</SECID><UNITS>-10<UNITPRICE>600.00<TOTAL>6000.00<SUBACCTSEC>CASH
<SUBACCTFUND>CASH</INVSELL><SELLTYPE>SELL</SELLSTOCK></INVTRANLIST></INVSTMTRS></INVSTMTTRNRS></INVSTMTMSGSRSV1></OFX>
"""


def by_ofxparse(text):
    return OfxParser.parse(io.BytesIO(text.encode())).account.statement.transactions[0].tradeDate


def by_ofxtools(text):
    tree = OFXTree()
    tree.parse(io.BytesIO(text.encode()))
    return tree.convert().statements[0].transactions[0].dttrade


SPELLINGS = ["20261231193000[-5:EST]", "20261231193000[-5]"]
one = [by_ofxparse(FILE.format(when=when)) for when in SPELLINGS]
two = [by_ofxtools(FILE.format(when=when)) for when in SPELLINGS]
for when, first, second in zip(SPELLINGS, one, two, strict=True):
    print(f"{when:24} ofxparse: {first.isoformat():20} ofxtools: {second.isoformat()}")
still = [at.isoformat() for at in one] == ["2027-01-01T00:30:00", "2026-12-31T19:30:00"]
still = still and two[0] == two[1] and two[0].isoformat() == "2027-01-01T00:30:00+00:00"
print("still so: one sale, two days, two years" if still else "CHANGED")
sys.exit(not still)
PY
