"""Alerts for people: Slack, Telegram, e-mail, desktop and so on."""

from execbot.alerts.alerter import (
    QUEUE_LENGTH_MAX,
    Alert,
    Alerter,
    AlertsUnavailable,
    apprise_sender,
    urls_of,
)

__all__ = [
    "QUEUE_LENGTH_MAX",
    "Alert",
    "Alerter",
    "AlertsUnavailable",
    "apprise_sender",
    "urls_of",
]
