"""The broker: the port every room talks to (`port`), and its Alpaca adapter."""
