"""Rules that add, remove, replace or prefix header fields of messages."""
