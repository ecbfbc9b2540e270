"""The plugin lan_forwarding: mail for some addresses goes to named servers nearby, past the outgoing queue and its schedule."""
