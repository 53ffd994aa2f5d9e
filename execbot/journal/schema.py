"""The journal's tables, as the steps that build them.

`order_events` is the truth and is only ever appended to; `orders`, `fills`, `positions`,
`position_days` and `position_lives` are what follows from it and can be rebuilt at any time
(`execbot.oms.sync.rebuild`); of these `position_lives` is only appended to as well. `meta`,
`audit`, `signals`, `exit_plans`, `account_rows`, `confirmations`, `equity_samples` and `hand_overs`
are records of their own; `fee_sums` follow from `fills` and `account_rows` and are laid when
somebody asks for them. Every quantity, price and amount is decimal text, every time is UTC ISO text
with microseconds (sorts as text), every list of facts is JSON.

A step is applied once, in order, inside a transaction together with the version number, so a
process that dies while migrating leaves the old version behind. Steps are never edited after a
release; a change is a new step.
"""

from __future__ import annotations

import re

APPLICATION_ID = 0x45584231
"""`EXB1`: tells a journal from any other SQLite file."""

_FIRST = """
CREATE TABLE orders (
    client_order_id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL DEFAULT '',
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    type TEXT NOT NULL,
    time_in_force TEXT NOT NULL,
    status TEXT NOT NULL,
    qty TEXT,
    notional TEXT,
    filled_qty TEXT NOT NULL,
    filled_avg_price TEXT,
    limit_price TEXT,
    stop_price TEXT,
    trail_price TEXT,
    trail_percent TEXT,
    hwm TEXT,
    extended_hours INTEGER NOT NULL DEFAULT 0,
    order_class TEXT NOT NULL DEFAULT '',
    asset_class TEXT NOT NULL DEFAULT 'us_equity',
    position_intent TEXT,
    replaces TEXT,
    replaced_by TEXT,
    created_at TEXT,
    submitted_at TEXT,
    updated_at TEXT,
    filled_at TEXT,
    canceled_at TEXT,
    expired_at TEXT,
    failed_at TEXT,
    expires_at TEXT,
    origin TEXT NOT NULL,
    strategy_id TEXT,
    reason TEXT,
    intent_at TEXT NOT NULL,
    sent_at TEXT,
    arrival_price TEXT,
    signal_id TEXT,
    plan_id TEXT,
    role TEXT,
    parent_id TEXT,
    note TEXT,
    alarm TEXT,
    request_json TEXT,
    status_at TEXT,
    snapshot_at TEXT,
    reported_qty TEXT NOT NULL DEFAULT '0',
    reported_avg_price TEXT,
    reported_at TEXT,
    latest_qty TEXT NOT NULL DEFAULT '0',
    latest_at TEXT,
    chain_qty TEXT NOT NULL DEFAULT '0'
);

CREATE INDEX orders_order_id ON orders (order_id);
CREATE INDEX orders_status ON orders (status);
CREATE INDEX orders_symbol ON orders (symbol, intent_at);
CREATE INDEX orders_intent_at ON orders (intent_at);
CREATE INDEX orders_parent ON orders (parent_id) WHERE parent_id IS NOT NULL;

CREATE TABLE order_events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    recorded_at TEXT NOT NULL,
    at TEXT,
    client_order_id TEXT NOT NULL,
    order_id TEXT NOT NULL DEFAULT '',
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    execution_id TEXT,
    qty TEXT,
    price TEXT,
    cum_qty TEXT,
    position_qty TEXT,
    details TEXT NOT NULL DEFAULT '{}',
    raw TEXT NOT NULL DEFAULT '{}',
    result TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT '',
    note TEXT
);

CREATE INDEX order_events_order ON order_events (client_order_id, seq);

CREATE TRIGGER order_events_are_never_changed BEFORE UPDATE ON order_events
BEGIN SELECT RAISE(ABORT, 'order_events is append-only'); END;

CREATE TRIGGER order_events_are_never_deleted BEFORE DELETE ON order_events
BEGIN SELECT RAISE(ABORT, 'order_events is append-only'); END;

CREATE TABLE fills (
    execution_id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL,
    client_order_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    at TEXT NOT NULL,
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    qty TEXT NOT NULL,
    price TEXT NOT NULL,
    net_qty TEXT NOT NULL,
    net_price TEXT NOT NULL,
    cum_qty TEXT,
    position_qty TEXT,
    fee TEXT,
    activity_id TEXT,
    changed_at TEXT,
    asset_class TEXT NOT NULL DEFAULT 'us_equity'
);

CREATE INDEX fills_order ON fills (client_order_id);
CREATE INDEX fills_symbol ON fills (symbol, at, execution_id);
CREATE INDEX fills_at ON fills (at);
CREATE INDEX fills_inferred ON fills (at) WHERE state = 'inferred';

CREATE TABLE positions (
    symbol TEXT PRIMARY KEY,
    asset_class TEXT NOT NULL,
    qty TEXT NOT NULL,
    avg_entry_price TEXT,
    cost TEXT NOT NULL,
    realized_pl TEXT NOT NULL,
    bought_qty TEXT NOT NULL,
    opened_at TEXT,
    updated_at TEXT NOT NULL,
    last_execution_id TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    rule TEXT NOT NULL,
    facts TEXT NOT NULL,
    result TEXT NOT NULL
);

CREATE INDEX audit_subject ON audit (subject, seq);

CREATE TABLE signals (
    signal_id TEXT PRIMARY KEY,
    received_at TEXT NOT NULL,
    symbol TEXT NOT NULL,
    body TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT,
    client_order_id TEXT,
    updated_at TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX signals_received ON signals (received_at);

CREATE TABLE exit_plans (
    plan_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    status TEXT NOT NULL,
    body TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (plan_id, version)
) WITHOUT ROWID;

CREATE INDEX exit_plans_symbol ON exit_plans (symbol, status);
"""

NEVER_CHANGED = """
CREATE TRIGGER order_events_are_never_changed BEFORE UPDATE ON order_events
BEGIN SELECT RAISE(ABORT, 'order_events is append-only'); END
"""
NEVER_DELETED = """
CREATE TRIGGER order_events_are_never_deleted BEFORE DELETE ON order_events
BEGIN SELECT RAISE(ABORT, 'order_events is append-only'); END
"""
"""As in the first step, for a copy that is being repaired and for rows that are archived."""

_PLANS_IN_FORCE = """
CREATE TABLE plans_in_force (
    plan_id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    status TEXT NOT NULL
) WITHOUT ROWID;

INSERT INTO plans_in_force (plan_id, version, symbol, status)
SELECT plan_id, max(version), symbol, status FROM exit_plans GROUP BY plan_id;

CREATE INDEX plans_in_force_status ON plans_in_force (status, symbol);

DROP INDEX exit_plans_symbol;
"""
"""Which version of each plan counts: `watch` asks after every event, and old plans only pile up."""

_ORDERS_BY_SENDING = """
CREATE INDEX orders_sent_at ON orders (sent_at, client_order_id);
"""
"""Limits count the orders of a day by when they were sent: a queued one is from the day before."""

_EVIDENCE = """
ALTER TABLE fills ADD COLUMN evidence TEXT;
ALTER TABLE orders ADD COLUMN latest_avg_price TEXT;
ALTER TABLE orders ADD COLUMN lowest_qty TEXT;
ALTER TABLE orders ADD COLUMN chain_value TEXT NOT NULL DEFAULT '0';
ALTER TABLE orders ADD COLUMN chain_open INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN chain_changed_at TEXT;
ALTER TABLE orders ADD COLUMN ended_as TEXT;
CREATE INDEX orders_replaces ON orders (replaces) WHERE replaces IS NOT NULL;
"""
"""What each execution is known from, where that is more than one report; what a chain filled."""

_OPTION_MULTIPLIER = """
UPDATE positions
SET cost = printf('%.4f', CAST(cost AS REAL) * 100),
    realized_pl = printf('%.4f', CAST(realized_pl AS REAL) * 100)
WHERE symbol GLOB
    '[A-Z]*[0-9][0-9][0-9][0-9][0-9][0-9][CP][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]';
"""
"""Cost and profit of option contracts are in dollars: a hundred times the price of one."""

_HISTORY_UNREAD = """
CREATE TABLE position_days (
    symbol TEXT NOT NULL,
    day TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (symbol, day)
) WITHOUT ROWID;

CREATE INDEX positions_held ON positions (qty = '0', updated_at);

CREATE INDEX orders_rejected ON orders (intent_at) WHERE status = 'rejected';
CREATE INDEX orders_submitted_at ON orders (submitted_at) WHERE submitted_at IS NOT NULL;
CREATE INDEX orders_filled_at ON orders (filled_at) WHERE filled_at IS NOT NULL;
CREATE INDEX orders_canceled_at ON orders (canceled_at) WHERE canceled_at IS NOT NULL;

CREATE INDEX audit_recoveries ON audit (at) WHERE kind = 'recovery';
"""
"""What a day's commands ask for is found without reading the days before: each position as it stood
before its first execution of a New York day, and orders by every moment that puts them into one.
The days of an older journal are laid when somebody first asks for them."""
_ORDER_CLOCKS = """
ALTER TABLE orders ADD COLUMN cancel_after TEXT;
ALTER TABLE orders ADD COLUMN for_the_day INTEGER NOT NULL DEFAULT 0;
UPDATE orders SET for_the_day = 1
WHERE time_in_force = 'gtc' AND order_class IN ('bracket', 'oto') AND origin <> 'foreign';
"""
"""When `watch` takes an entry back. Those of before were told apart by their class alone."""

_ACCOUNT_ROWS = """
CREATE TABLE account_rows (
    activity_id TEXT PRIMARY KEY,
    activity_type TEXT NOT NULL,
    day TEXT NOT NULL,
    worth TEXT,
    body TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX account_rows_day ON account_rows (day);

UPDATE fills SET fee = qty WHERE execution_id IN (
    SELECT json_extract(details, '$.execution_id') FROM (
        SELECT unpacked_json(details) AS details FROM order_events WHERE client_order_id = ''
    ) WHERE json_extract(details, '$.reason') = 'crypto_fee'
);
"""
"""Fees and cash flows as the broker tells them; bookings of fees in coins say what they are.
`unpacked_json` is the migration's own: details may be packed (`execbot.journal.migrations`)."""

_FEE_SUMS = """
CREATE TABLE fee_sums (
    symbol TEXT NOT NULL,
    day TEXT NOT NULL,
    amount TEXT,
    estimated INTEGER NOT NULL,
    PRIMARY KEY (symbol, day)
) WITHOUT ROWID;

CREATE INDEX fee_sums_day ON fee_sums (day);

CREATE INDEX account_rows_amending ON account_rows (json_extract(body, '$.previous_id'))
WHERE json_extract(body, '$.previous_id') > '';
"""
"""What the executions of a symbol cost, all together, before a New York day; and rows that take the
place of others, of whatever day."""

_ARCHIVES = """
CREATE TABLE archives (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    month TEXT NOT NULL,
    first_at TEXT NOT NULL,
    last_at TEXT NOT NULL,
    orders INTEGER NOT NULL,
    events INTEGER NOT NULL,
    fills INTEGER NOT NULL,
    archived_at TEXT NOT NULL
);

CREATE INDEX archives_last_at ON archives (last_at);

CREATE TABLE archived_ids (
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    archive INTEGER NOT NULL,
    PRIMARY KEY (id, kind)
) WITHOUT ROWID;

CREATE TABLE archive_returns (
    archive INTEGER NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (archive, id)
) WITHOUT ROWID;
"""
"""Files of past months (`execbot.journal.archives`), every id that is in them and may never be used
again, and what came back out of them since."""
_CONFIRMATIONS = """
CREATE TABLE confirmations (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    client_order_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    made_at TEXT NOT NULL,
    verdict TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (client_order_id, version)
);

CREATE INDEX confirmations_kind ON confirmations (kind, seq) WHERE version = 1;

CREATE TRIGGER confirmations_are_never_changed BEFORE UPDATE ON confirmations
BEGIN SELECT RAISE(ABORT, 'confirmations is append-only'); END;

CREATE TRIGGER confirmations_are_never_deleted BEFORE DELETE ON confirmations
BEGIN SELECT RAISE(ABORT, 'confirmations is append-only'); END;

CREATE TABLE confirmations_in_force (
    client_order_id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    is_filled INTEGER NOT NULL,
    day_of TEXT NOT NULL,
    due_at TEXT
) WITHOUT ROWID;

CREATE TABLE cash_samples (
    at TEXT PRIMARY KEY,
    cash TEXT NOT NULL,
    accrued_fees TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE cash_days (
    day TEXT NOT NULL,
    version INTEGER NOT NULL,
    made_at TEXT NOT NULL,
    verdict TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (day, version)
) WITHOUT ROWID;

CREATE TRIGGER cash_days_are_never_changed BEFORE UPDATE ON cash_days
BEGIN SELECT RAISE(ABORT, 'cash_days is append-only'); END;

CREATE TRIGGER cash_days_are_never_deleted BEFORE DELETE ON cash_days
BEGIN SELECT RAISE(ABORT, 'cash_days is append-only'); END;

CREATE INDEX confirmations_day_of ON confirmations_in_force (is_filled, day_of);
CREATE INDEX confirmations_due_at ON confirmations_in_force (due_at) WHERE due_at IS NOT NULL;
"""
"""What each execution came to, every version of it; which version counts, and when there is
something to look up for it. The account's cash as it was read, and what each day's check of it came
to."""
LIVES_SINCE = "position_lives:since"
"""Meta: the last event of which lives are not derived anew: those of before stay as they were
written down. An older journal had none yet, and of an archived one too little is left."""

LIVES_NEVER_DELETED = """
CREATE TRIGGER position_lives_are_never_deleted BEFORE DELETE ON position_lives
BEGIN SELECT RAISE(ABORT, 'position_lives is append-only'); END;
"""

_POSITION_LIVES = f"""
CREATE TABLE position_lives (
    event_seq INTEGER NOT NULL,
    step INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    began INTEGER NOT NULL,
    at TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    state TEXT NOT NULL,
    cause TEXT NOT NULL,
    qty TEXT NOT NULL,
    price TEXT,
    client_order_id TEXT,
    PRIMARY KEY (event_seq, symbol, step)
) WITHOUT ROWID;

CREATE INDEX position_lives_symbol ON position_lives (symbol, event_seq, step);

INSERT INTO meta (key, value, updated_at)
SELECT '{LIVES_SINCE}', seq, at
FROM (SELECT max(seq) AS seq, max(recorded_at) AS at FROM order_events)
WHERE seq IS NOT NULL;

INSERT INTO position_lives
SELECT seq, 0, symbol, seq, coalesce(opened_at, updated_at), updated_at, 'OPEN', 'held before', qty,
    avg_entry_price, NULL
FROM positions, (SELECT max(seq) AS seq FROM order_events)
WHERE (qty = '0') = 0 AND seq IS NOT NULL;

CREATE TRIGGER position_lives_are_never_changed BEFORE UPDATE ON position_lives
BEGIN SELECT RAISE(ABORT, 'position_lives is append-only'); END;
{LIVES_NEVER_DELETED}"""
"""Each position's states with their times and causes, one after the other. What an older journal
held is known as it stood; its events before that are not gone through again."""

_EQUITY_SAMPLES = """
CREATE TABLE equity_samples (
    at TEXT PRIMARY KEY,
    equity TEXT NOT NULL,
    last_equity TEXT,
    cash TEXT,
    kind TEXT NOT NULL
) WITHOUT ROWID;

CREATE TRIGGER equity_samples_are_never_changed BEFORE UPDATE ON equity_samples
BEGIN SELECT RAISE(ABORT, 'equity_samples is append-only'); END;

CREATE TRIGGER equity_samples_are_never_deleted BEFORE DELETE ON equity_samples
BEGIN SELECT RAISE(ABORT, 'equity_samples is append-only'); END;

CREATE INDEX plans_in_force_symbol ON plans_in_force (symbol);
"""
"""What the account was worth, as `watch` has seen it; and plans by their symbol, whatever became of
them."""
_HAND_OVERS = """
CREATE TABLE hand_overs (
    name TEXT NOT NULL,
    client_order_id TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (name, client_order_id)
) WITHOUT ROWID;

CREATE TRIGGER hand_overs_are_never_changed BEFORE UPDATE ON hand_overs
BEGIN SELECT RAISE(ABORT, 'hand_overs is append-only'); END;

CREATE TRIGGER hand_overs_are_never_deleted BEFORE DELETE ON hand_overs
BEGIN SELECT RAISE(ABORT, 'hand_overs is append-only'); END;
"""
"""Requests that a command has handed over to `watch`: taken back, or made an order of."""

_AUDIT_TOLD = """
CREATE INDEX audit_told ON audit (at)
WHERE kind IN ('alarm', 'gate', 'guard', 'halt', 'pace', 'stream');
"""
"""What a report counts of the decisions of a span; the many that passed are not in it."""

_FOLLOWED_EVENTS = """
ALTER TABLE order_events ADD COLUMN has_lives INTEGER NOT NULL DEFAULT 0;
"""
"""Whether the writer of an event kept lives too. An earlier version that has the file open while it
is upgraded goes on without."""

_PLANS_CHANGED = """
CREATE INDEX exit_plans_changed ON exit_plans (symbol, at);

DROP INDEX plans_in_force_symbol;
"""
"""Plans of a symbol that were changed since a moment, without those of years before it."""

_LESS_ROOM = """
INSERT INTO meta (key, value, updated_at)
SELECT 'packing', '2', '' WHERE NOT EXISTS (SELECT 1 FROM order_events)
    AND NOT EXISTS (SELECT 1 FROM meta);

DROP INDEX orders_sent_at;
CREATE INDEX orders_sent_at ON orders (sent_at);

DROP INDEX fills_symbol;
CREATE INDEX fills_symbol ON fills (symbol, at);

DROP INDEX orders_submitted_at;
DROP INDEX orders_filled_at;
DROP INDEX orders_canceled_at;
CREATE INDEX orders_submitted_at ON orders (submitted_at)
WHERE substr(submitted_at, 1, 10) != substr(intent_at, 1, 10);
CREATE INDEX orders_filled_at ON orders (filled_at)
WHERE substr(filled_at, 1, 10) != substr(intent_at, 1, 10);
CREATE INDEX orders_canceled_at ON orders (canceled_at)
WHERE substr(canceled_at, 1, 10) != substr(intent_at, 1, 10);
"""
"""Texts are packed in the newest form from the start where no earlier version can have the file
open (`execbot.journal.packing.form`). Moments of the day on which an order was wanted are found by
that day; the id is no part of an index that is sorted by time."""

_KINDS_OF_TEXT = """
UPDATE meta SET value = '3' WHERE key = 'packing' AND NOT EXISTS (SELECT 1 FROM order_events)
    AND (SELECT count(*) FROM meta) = 1;

DROP INDEX exit_plans_changed;
CREATE INDEX exit_plans_closed ON exit_plans (symbol, at) WHERE status = 'closed';
"""
"""As before, the newest form where no earlier version can have the file open. Plans that were
changed since a moment are those not closed, which are few, and those closed since: not each of
their versions needs to be found."""

STEPS: tuple[tuple[str, str], ...] = (
    ("0001_first_tables", _FIRST),
    ("0002_plans_in_force", _PLANS_IN_FORCE),
    ("0003_orders_by_sending", _ORDERS_BY_SENDING),
    ("0004_evidence", _EVIDENCE),
    ("0005_option_multiplier", _OPTION_MULTIPLIER),
    ("0006_history_unread", _HISTORY_UNREAD),
    ("0007_order_clocks", _ORDER_CLOCKS),
    ("0008_account_rows", _ACCOUNT_ROWS),
    ("0009_fee_sums", _FEE_SUMS),
    ("0010_archives", _ARCHIVES),
    ("0011_confirmations", _CONFIRMATIONS),
    ("0012_position_lives", _POSITION_LIVES),
    ("0013_equity_samples", _EQUITY_SAMPLES),
    ("0014_hand_overs", _HAND_OVERS),
    ("0015_audit_told", _AUDIT_TOLD),
    ("0016_followed_events", _FOLLOWED_EVENTS),
    ("0017_plans_changed", _PLANS_CHANGED),
    ("0018_less_room", _LESS_ROOM),
    ("0019_kinds_of_text", _KINDS_OF_TEXT),
)
"""Name and SQL of each step. The version of a journal is the number of steps it has."""

SCHEMA_VERSION = len(STEPS)

TABLES = frozenset(re.findall(r"CREATE TABLE (\w+)", "".join(sql for _, sql in STEPS)))
