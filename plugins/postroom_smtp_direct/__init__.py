"""The plugin smtp_direct: sends mail to the servers of each recipient's domain, as its MX records name them."""
