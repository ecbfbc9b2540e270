"""The SMTP client: next hops, connections and their reuse, and mail transactions (RFC 5321 and its extensions)."""
