"""Alerts for people: Slack, Telegram, e-mail, desktop and so on."""

from execbot.alerts.alerter import QUEUE_LENGTH_MAX, Alert, Alerter
from execbot.alerts.receivers import AlertsUnavailable, Delivery, apprise_sender, urls_of
from execbot.alerts.waiting import JournalWaiting

__all__ = [
    "QUEUE_LENGTH_MAX",
    "Alert",
    "Alerter",
    "AlertsUnavailable",
    "Delivery",
    "JournalWaiting",
    "apprise_sender",
    "urls_of",
]
