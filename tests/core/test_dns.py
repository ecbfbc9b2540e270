"""Names by the servers of the configuration, and by the system."""

from __future__ import annotations

from postroom.dns import Resolver


def test_localhost_is_this_machine_whatever_servers_are_configured() -> None:
    """RFC 6761 section 6.3: no server is asked for it (there is none at this address)."""
    assert "127.0.0.1" in Resolver(["127.0.0.1:9"], timeout=0.1).addresses("localhost")


def test_an_address_is_its_own() -> None:
    assert Resolver(["127.0.0.1:9"]).addresses("[::1]") == ["::1"]
