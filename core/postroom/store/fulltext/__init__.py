"""The full-text index: which messages of an account have a string, anywhere in them. See docs/decisions/0012-full-text-index.md."""
