"""What the watch tells: the screen, the tables, lines and JSON."""
