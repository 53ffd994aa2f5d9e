"""Long texts of the journal made small, and read back for ever."""
