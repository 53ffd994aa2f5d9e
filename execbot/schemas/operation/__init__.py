"""Answers of the commands that look after the account: brake, switch, queue, reports, checks."""
