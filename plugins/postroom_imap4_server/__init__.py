"""IMAP4 (RFC 9051 and RFC 3501) with the extensions that mail clients use: mailboxes on the server, seen alike by many clients at once."""
