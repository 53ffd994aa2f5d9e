"""The guided check on a real account: every step is done, then proven by the broker's own word."""
