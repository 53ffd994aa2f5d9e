"""What a trader types and reads: one file per command group, rendering, exit codes."""
