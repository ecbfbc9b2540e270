"""Access rules: the first match decides, no match is a no, and addresses are compared as what they are."""

from __future__ import annotations

import pytest

from postroom.config.core_sections import AccessRule
from postroom.wire.access import Access, Decision, gateways, parse

SHIPPED = [AccessRule(allow=("loopback",), no_auth=True), AccessRule(allow=("local_networks",))]


def access(*rules: AccessRule, routers: tuple[str, ...] = ()) -> Access:
    return Access(rules, lambda: routers)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "unix", "::ffff:127.0.0.1", "::1%lo"])
def test_loopback_may_send_anywhere_under_the_shipped_rules(address: str) -> None:
    assert access(*SHIPPED).check(address) == (True, True)


@pytest.mark.parametrize("address", ["192.168.3.4", "10.1.2.3", "172.31.0.1", "fe80::1%eth0", "fd12::1", "::ffff:10.0.0.1"])
def test_local_networks_are_let_in_under_the_shipped_rules(address: str) -> None:
    assert access(*SHIPPED).check(address) == (True, False)


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "2001:db8::1", "::ffff:8.8.8.8"])
def test_no_match_is_a_no(address: str) -> None:
    assert access(*SHIPPED).check(address) == (False, False)


def test_the_first_match_decides() -> None:
    rules = access(AccessRule(deny=("10.0.0.0/8",)), AccessRule(allow=("any",)))
    assert [rules.check(address)[0] for address in ("10.1.1.1", "11.1.1.1", "2001:db8::1")] == [False, True, True]


def test_routers_can_be_kept_out_of_the_local_network() -> None:
    rules = access(AccessRule(deny=("routers",)), AccessRule(allow=("local_networks",)), routers=("192.168.0.1",))
    assert (rules.check("192.168.0.1"), rules.check("192.168.0.2")) == ((False, False), (True, False))


def test_a_rule_may_name_who_may_log_in() -> None:
    assert access(AccessRule(allow=("any",), users=["anna"])).decide("8.8.8.8") == Decision(True, False, ("anna",))


def test_this_machines_routers_are_addresses() -> None:
    assert all(parse(address) for address in gateways())
