"""What a trader types, read into values: exits, order fields, ids, times, signal lines."""
