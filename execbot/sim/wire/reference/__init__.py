"""What stands around trading and prices: watchlists, news, screener, corporate actions."""
