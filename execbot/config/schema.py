"""Every key of `trading.yaml` under `trading_execution`, with its default and its meaning.

One frozen dataclass a section; `load` turns the file and the environment into `Settings`.
Percentages are in percent (2.0 means 2 %), money in USD, times in seconds unless named otherwise.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct, field

from execbot.model.flags import Flag


class Mode(StrEnum):
    SIM = "sim"
    PAPER = "paper"
    LIVE = "live"


class StopMethod(StrEnum):
    PERCENT = "percent"
    ATR = "atr"
    SUPPORT = "support"
    TRAILING = "trailing"


class TargetMethod(StrEnum):
    RISK_REWARD = "risk_reward"
    PERCENT = "percent"
    RESISTANCE = "resistance"


class SizingMethod(StrEnum):
    QTY = "qty"
    NOTIONAL = "notional"
    EQUITY_PCT = "equity_pct"
    RISK = "risk"
    ATR = "atr"
    STARS = "stars"


class EmergencyAction(StrEnum):
    MARKET_EXIT = "market_exit"
    ALERT = "alert"


class SimCalendar(StrEnum):
    """Hours of the built-in exchange: open round the clock, or the real ones."""

    ALWAYS = "always"
    EXCHANGE = "exchange"


class Transport(StrEnum):
    """How REST leaves the machine: our light session, or alpaca-py's own."""

    DIRECT = "direct"
    SDK = "sdk"


class StopLossSettings(Struct, frozen=True):
    default_pct: Decimal = Decimal("2.0")
    atr_multiplier: Decimal = Decimal("1.5")
    use_trailing: bool = True
    trailing_pct: Decimal = Decimal("1.0")
    method: StopMethod = StopMethod.PERCENT
    atr_period: int = 14
    support_days: int = 20
    key_level_offset_pct: Decimal = Decimal("0.1")
    breakeven_at_r: Decimal | None = None
    tighten_within_pct: Decimal | None = None
    tighten_to_pct: Decimal = Decimal("0.5")
    widen_in_volatility: bool = False


class PartialExit(Struct, frozen=True):
    level: Decimal
    size_pct: Decimal


class TakeProfitSettings(Struct, frozen=True):
    risk_reward_ratio: Decimal = Decimal("2.0")
    partial_exits: tuple[PartialExit, ...] = (
        PartialExit(Decimal("1.0"), Decimal("50")),
        PartialExit(Decimal("2.0"), Decimal("50")),
    )
    method: TargetMethod = TargetMethod.RISK_REWARD
    pct: Decimal = Decimal("4.0")
    resistance_days: int = 20
    remeasure: bool = False
    """Unfilled targets in R or ATR follow the true range once it has changed by half."""


class TimeoutScope(StrEnum):
    """Whose entries `timeout_seconds` is for."""

    SIGNALS = "signals"
    ALL = "all"


class OrderManagementSettings(Struct, frozen=True):
    timeout_seconds: Decimal = Decimal("60")
    timeout_applies_to: TimeoutScope = TimeoutScope.SIGNALS
    """`all`: those of `submit` too, but for an explicit gtc."""
    retry_attempts: int = 3
    retry_delay_seconds: Decimal = Decimal("5")
    slippage_alert_pct: Decimal = Decimal("0.5")
    settle_quiet_seconds: Decimal = Decimal("15")
    """How long an order must stay missing at the broker before it is closed as never sent."""
    exit_timeout_seconds: Decimal = Decimal("30")
    marketable_limit_pct: Decimal = Decimal("0.5")
    adjust_attempts: int = 3
    reject_attempts: int = 2
    through_watch: bool = True
    """Commands hand their orders over to a running `watch`."""


class MarketHoursSettings(Struct, frozen=True):
    trade_premarket: bool = False
    trade_afterhours: bool = False
    trade_overnight: bool = False
    queue_when_closed: bool = True
    queue_expires_hours: Decimal = Decimal("96")
    cancel_at_close: bool = True
    no_entry_first_minutes: int = 0
    no_entry_last_minutes: int = 0


class StarRule(Struct, frozen=True):
    """First rule that matches wins: `tier` (empty = any) and at least `min_confidence`."""

    stars: int
    tier: str = ""
    min_confidence: Decimal = Decimal("0")


class SizingSettings(Struct, frozen=True):
    method: SizingMethod = SizingMethod.EQUITY_PCT
    qty: Decimal = Decimal("1")
    notional: Decimal = Decimal("1000")
    equity_pct: Decimal = Decimal("5")
    risk_per_trade_pct: Decimal = Decimal("1")
    atr_risk_multiplier: Decimal = Decimal("1.5")
    whole_shares: bool = True
    min_notional: Decimal = Decimal("1")
    """Below this an order is refused. Alpaca's own minimum is one dollar."""
    price_buffer_pct: Decimal = Decimal("0.5")
    """A market order may pay more than the quote: sizes are fitted to limits with this reserve."""
    star_rules: tuple[StarRule, ...] = (
        StarRule(5, "A", Decimal("0.8")),
        StarRule(4, "A"),
        StarRule(4, "B", Decimal("0.8")),
        StarRule(3),
    )
    star_notional: dict[int, Decimal] = field(
        default_factory=lambda: {3: Decimal("500"), 4: Decimal("1000"), 5: Decimal("2000")}
    )


class ScaleInSettings(Struct, frozen=True):
    enabled: bool = False
    max_steps: int = 2
    min_profit_pct: Decimal = Decimal("1.0")


class RiskSettings(Struct, frozen=True):
    max_order_notional: Decimal | None = None
    max_order_qty: Decimal | None = None
    max_quote_age_seconds: Decimal = Decimal("900")
    max_spread_pct: Decimal = Decimal("5")
    limit_price_band_pct: Decimal = Decimal("20")
    """How far a limit may lie through the market: a buy above the ask, a sell below the bid."""
    limit_price_passive_band_pct: Decimal | None = None
    """How far a limit may rest away from the market; none by default, resting costs nothing."""
    facts_max_age_seconds: Decimal = Decimal("5")
    """Account, positions and open orders read this recently serve the next order of one run."""
    max_daily_loss_pct: Decimal | None = Decimal("5")
    max_daily_orders: int | None = 200
    max_consecutive_losses: int | None = None
    max_consecutive_rejections: int | None = 10
    duplicate_window_seconds: Decimal = Decimal("10")
    one_pending_per_symbol: bool = True
    allow_short: bool = True
    allow_flags: tuple[Flag, ...] = tuple(Flag)
    """Flags that may lift a guard against slips."""
    scale_in: ScaleInSettings = ScaleInSettings()


class OptionSettings(Struct, frozen=True):
    max_premium_pct: Decimal = Decimal("2")
    """Of equity, paid in one order."""
    max_contracts: int = 10
    """In one order, all its legs together."""
    max_loss_pct: Decimal = Decimal("5")
    """Of equity: the most that one order's structure can lose."""
    min_days: int = 1
    """To expiry, for what is opened."""
    max_spread_pct: Decimal = Decimal("25")
    """Ask over bid in percent of the middle, of every contract that is opened."""
    close_before_expiry_minutes: int | None = 60
    """`watch` closes what expires today this long before the close; null leaves it to the trader.
    Alpaca begins its own closings 45 minutes before."""
    stop_limit_pct: Decimal | None = None
    """How far below its trigger a stop may still sell; null: stops sell at market."""


class ExitSettings(Struct, frozen=True):
    protect_signals: bool = True
    """Positions opened by signals get the default stop and targets."""
    protect_submitted: bool = False
    """So do those of a plain `submit` without --stop-loss."""
    every_position: bool = False
    """Every position is promised a stop, whoever opened it: one without a plan is a finding."""
    unprotected_alarm_seconds: Decimal = Decimal("5")
    unprotected_stops_entries: bool = False
    """No entries while a position lacks the protection promised to it."""
    emergency_action: EmergencyAction = EmergencyAction.ALERT
    guard_interval_seconds: Decimal = Decimal("3")
    time_stop_minutes: int | None = None
    flatten_before_close_minutes: int | None = None


class BrokerSettings(Struct, frozen=True):
    timeout_seconds: Decimal = Decimal("10")
    feed: str | None = None
    transport: Transport = Transport.DIRECT
    requests_per_minute: int = 200


class StreamSettings(Struct, frozen=True):
    backoff_seconds: Decimal = Decimal("1")
    backoff_max_seconds: Decimal = Decimal("30")
    silence_probe_seconds: Decimal = Decimal("20")
    """A stream silent for this long is checked against REST."""
    lost_alarm_seconds: Decimal = Decimal("60")
    poll_seconds: Decimal = Decimal("2")


class AlertSeverity(StrEnum):
    """How bad an alarm must be to be sent."""

    WARNING = "warning"
    CRITICAL = "critical"


class AlertSettings(Struct, frozen=True):
    """Which alerts go out, and when. URLs come from EXECBOT_ALERT_URLS."""

    min_interval_seconds: Decimal = Decimal("60")
    """The same alert is not repeated within this time."""
    min_severity: AlertSeverity = AlertSeverity.CRITICAL
    quiet_hours: str | None = None
    """`22:00-07:00`, with a time zone behind it or New York's: only critical alerts go out."""
    resolved: bool = True
    fills: bool = False
    daily_report: bool = False


class PingSettings(Struct, frozen=True):
    """URLs of a dead man's switch, one a job (`execbot.alerts.pings`)."""

    watch: str | None = None
    reconcile: str | None = None
    queue: str | None = None
    health: str | None = None
    report: str | None = None
    all_clear: str | None = None
    backup: str | None = None
    archive: str | None = None


class SignalsSettings(Struct, frozen=True):
    """Signals that come over HTTP (`execbot page --signals`)."""

    repeat_seconds: Decimal = Decimal("60")
    """The same content without an id, within this time, is one signal."""
    per_second_max: int = 200
    waiting_max: int = 5000
    """So many may wait to be carried out; more are told to come later."""
    strength: Decimal = Decimal("80")
    """Of a TradingView alert that says none."""
    strategy: str = "tradingview"
    silence_hours: Decimal | None = None
    """No signal for so long is an alert."""


class SimSettings(Struct, frozen=True):
    seed: int = 0
    calendar: SimCalendar = SimCalendar.ALWAYS
    starting_cash: Decimal = Decimal("100000")


class Color(StrEnum):
    """Of a profile's name on the screen. Live is red, whatever is chosen."""

    GREEN = "green"
    BLUE = "blue"
    CYAN = "cyan"
    MAGENTA = "magenta"
    YELLOW = "yellow"
    WHITE = "white"


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class LogSettings(Struct, frozen=True):
    """How logs are written, and how long they are kept: `docs/logs.md`."""

    format: LogFormat = LogFormat.TEXT
    max_megabytes: Decimal = Decimal("10")
    keep_files: int = 10
    keep_days: Decimal = Decimal("90")


class TradingSettings(Struct, frozen=True):
    """The whole of `trading_execution`."""

    mode: Mode | None = None
    account: str | None = None
    """The account that the keys must belong to; with other keys nothing is done."""
    color: Color | None = None
    symbols: tuple[str, ...] = ()
    denied_symbols: tuple[str, ...] = ()
    max_positions: int = 5
    max_position_size_pct: Decimal = Decimal("10")
    max_account_exposure_pct: Decimal = Decimal("50")
    min_signal_strength: Decimal = Decimal("70")
    signal_ttl_seconds: Decimal = Decimal("300")
    stop_loss: StopLossSettings = StopLossSettings()
    take_profit: TakeProfitSettings = TakeProfitSettings()
    order_management: OrderManagementSettings = OrderManagementSettings()
    market_hours: MarketHoursSettings = MarketHoursSettings()
    sizing: SizingSettings = field(default_factory=SizingSettings)
    risk: RiskSettings = RiskSettings()
    options: OptionSettings = OptionSettings()
    exits: ExitSettings = ExitSettings()
    broker: BrokerSettings = BrokerSettings()
    stream: StreamSettings = StreamSettings()
    alerts: AlertSettings = AlertSettings()
    ping: PingSettings = PingSettings()
    signals: SignalsSettings = SignalsSettings()
    logs: LogSettings = LogSettings()
    sim: SimSettings = SimSettings()
