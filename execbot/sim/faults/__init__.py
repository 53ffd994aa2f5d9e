"""Failures on demand: named faults, strange replies, late and lost deliveries, scenarios."""
