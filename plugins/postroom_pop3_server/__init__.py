"""POP3 (RFC 1939) with the extensions that clients use: one maildrop, listed at login, changed at QUIT."""
