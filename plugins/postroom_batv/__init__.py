"""Tags in return paths, by which true failure reports are told from forged ones (BATV)."""
