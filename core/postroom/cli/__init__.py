"""The commands, one file a noun; each file is loaded only when its command runs."""
