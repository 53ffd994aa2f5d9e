"""The life of an order as a table, and what each report does to it. Pure."""
