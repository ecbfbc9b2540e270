"""DKIM signatures on what leaves, and ARC seals on what is passed on."""
