"""Answers in Alpaca's shape: orders, positions, lists, history, calendar."""
