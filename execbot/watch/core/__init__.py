"""What the watch decides, without I/O: events in, actions out."""
