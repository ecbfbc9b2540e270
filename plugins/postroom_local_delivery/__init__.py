"""Who gets the mail of this server's domains: users, mappings, lists, assistants, forwards and plus-addresses."""
