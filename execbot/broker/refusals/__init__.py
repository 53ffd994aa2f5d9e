"""Alpaca's refusals by subject, as rows; `broker.error_table` orders them."""
