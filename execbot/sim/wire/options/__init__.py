"""Option contracts on the wire: lists, market data, code tables."""
