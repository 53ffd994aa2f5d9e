"""What is shown of the account: orders, positions, reports, the market, its health."""
