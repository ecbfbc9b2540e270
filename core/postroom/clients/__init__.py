"""Client sides of the protocols: what senders and collectors speak with other servers."""
