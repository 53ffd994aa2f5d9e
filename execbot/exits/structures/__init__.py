"""Exits of contracts that stand together: kept by `watch`, since no broker holds them."""
