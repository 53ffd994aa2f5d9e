"""Sends alerts to people: Slack, Telegram, e-mail, desktop and more."""

from execbot.alerts.alert import Alert, Severity
from execbot.alerts.alerter import DELIVER_SECONDS, QUEUE_LENGTH_MAX, Alerter, Policy
from execbot.alerts.receivers import AlertsUnavailable, Delivery, apprise_sender, urls_of
from execbot.alerts.waiting import JournalWaiting

__all__ = [
    "DELIVER_SECONDS",
    "QUEUE_LENGTH_MAX",
    "Alert",
    "Alerter",
    "AlertsUnavailable",
    "Delivery",
    "JournalWaiting",
    "Policy",
    "Severity",
    "apprise_sender",
    "urls_of",
]
