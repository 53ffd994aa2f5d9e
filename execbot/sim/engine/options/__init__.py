"""Option contracts that an account holds or has orders in: placed elsewhere, closed from here."""
