"""May this order be sent, and how large: facts, checks, sizing, limits, the kill switch."""
