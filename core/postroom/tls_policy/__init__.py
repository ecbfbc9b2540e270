"""What TLS another server's domain wants: DANE (RFC 7672), MTA-STS (RFC 8461), and reports about it (RFC 8460)."""
