"""One account, opened: the rooms put together for a command, the watch or a program."""
