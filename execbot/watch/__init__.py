"""The foreground loop: events in, decisions out, actions done."""
