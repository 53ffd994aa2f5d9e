"""The journal's tables, as the steps that build them.

`order_events` is the truth and is only ever appended to; `orders`, `fills` and `positions` are
what follows from it and can be rebuilt at any time (`execbot.oms.sync.rebuild`). `meta`, `audit`,
`signals` and `exit_plans` are records of their own. Every quantity, price and amount is decimal
text, every time is UTC ISO text with microseconds (sorts as text), every list of facts is JSON.

A step is applied once, in order, inside a transaction together with the version number, so a
process that dies while migrating leaves the old version behind. Steps are never edited after a
release; a change is a new step.
"""

from __future__ import annotations

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

NEVER_DELETED = """
CREATE TRIGGER order_events_are_never_deleted BEFORE DELETE ON order_events
BEGIN SELECT RAISE(ABORT, 'order_events is append-only'); END
"""
"""As in the first step, for a copy that is being repaired."""

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

STEPS: tuple[tuple[str, str], ...] = (
    ("0001_first_tables", _FIRST),
    ("0002_plans_in_force", _PLANS_IN_FORCE),
    ("0003_orders_by_sending", _ORDERS_BY_SENDING),
    ("0004_evidence", _EVIDENCE),
    ("0005_option_multiplier", _OPTION_MULTIPLIER),
)
"""Name and SQL of each step. The version of a journal is the number of steps it has."""

SCHEMA_VERSION = len(STEPS)
