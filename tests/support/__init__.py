"""What several test folders share: processes to drive and places to find recorded data."""
