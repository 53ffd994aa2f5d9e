"""Commands that look at the account and the market."""
