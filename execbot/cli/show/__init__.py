"""What a trader sees: tables, lines, JSON, and following an order while it works."""
