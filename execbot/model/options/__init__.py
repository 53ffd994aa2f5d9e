"""Option contracts: what the broker says of them, their price grid, and structures of them."""
