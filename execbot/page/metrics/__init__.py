"""Figures for machines: `GET /metrics` in Prometheus' text form.

It reads the journal, the heartbeat of `watch` and the store of signals, and asks nobody else:
nothing of it is in the process that protects.
"""
