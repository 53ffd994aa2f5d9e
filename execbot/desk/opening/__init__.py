"""How an account is opened: keys and URLs, the journal, the exchange in this process."""
