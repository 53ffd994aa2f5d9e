"""A strategy's signals: one, a stream of them, and what became of them."""
