"""A report put together: its span, its parts, its charts, and the files it is written to."""
