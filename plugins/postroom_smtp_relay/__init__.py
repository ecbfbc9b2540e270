"""The plugin smtp_relay: sends mail out through one of several servers (a smarthost)."""
