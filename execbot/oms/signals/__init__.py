"""A strategy's signals, decided and carried out."""
