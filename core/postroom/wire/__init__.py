"""Talking to the network: streams of lines and bytes, listeners, the dialogue loop, TLS, and the bounds of all that."""
