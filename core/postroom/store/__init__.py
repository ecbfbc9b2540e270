"""Mail and state on SQLite or PostgreSQL: engines, schema, blobs, mailboxes, accounts, directory, traces."""
