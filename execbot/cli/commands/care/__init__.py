"""Commands that look after execbot itself: checks, the journal's file, configuration, exchange."""
