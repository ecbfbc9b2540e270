"""IP access rules: who may connect, and who may send without a login (``access:`` in config.yaml)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..config.core_sections import AccessRule

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

ANY = ("0.0.0.0/0", "::/0")
LOOPBACK = ("127.0.0.0/8", "::1/128")
# RFC 1918, RFC 3927, RFC 4193, RFC 4291: what routers do not let in from outside.
LOCAL_NETWORKS = (*LOOPBACK, "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10")
REMEMBERED = 4096  # addresses whose decision is kept
IPV4_ROUTES, IPV6_ROUTES = Path("/proc/net/route"), Path("/proc/net/ipv6_route")
UP_AND_GATEWAY = 0x3  # RTF_UP | RTF_GATEWAY of linux/route.h


class Decision(NamedTuple):
    """What the first matching rule says; without a match: not allowed."""

    allowed: bool = False
    no_auth: bool = False
    users: tuple[str, ...] = ()  # only these may log in from there; empty means all


def parse(address: str) -> Address:
    """The address without its zone; an IPv4 address in IPv6 clothes (RFC 4291 2.5.5.2) is the IPv4 one. Raises ValueError."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    return (parsed.version == 6 and parsed.ipv4_mapped) or parsed


def gateways() -> list[str]:
    """The routers of this machine: the next hops of its routes. Mail "from" them is often the Internet behind address translation."""
    found = []
    for path, place, flags in ((IPV4_ROUTES, 2, 3), (IPV6_ROUTES, 4, 8)):
        try:
            lines = path.read_text("ascii").splitlines()
        except OSError:  # no such table on this machine
            continue
        rows = [line.split() for line in lines if line[:1] != "I"]  # "Iface …" is the heading
        found += [_kernel_address(row[place]) for row in rows if int(row[flags], 16) & UP_AND_GATEWAY == UP_AND_GATEWAY]
    return list(dict.fromkeys(found))


def _kernel_address(text: str) -> str:
    octets = bytes.fromhex(text)
    return str(ipaddress.ip_address(octets[::-1] if len(octets) == 4 else octets))  # IPv4 stands there in host order


class Access:
    """The rules, in order; ``routers`` finds the addresses that the word "routers" means, once, where a rule uses it."""

    def __init__(self, rules: Sequence[AccessRule], routers: Callable[[], Iterable[str]] = gateways) -> None:
        words = {"any": ANY, "loopback": LOOPBACK, "local_networks": LOCAL_NETWORKS}
        sources = [rule.allow or rule.deny or () for rule in rules]
        if any("routers" in some for some in sources):
            words["routers"] = tuple(routers())
        self._rules = [(_networks(some, words), _decision(rule)) for some, rule in zip(sources, rules, strict=True)]
        self.decide = lru_cache(REMEMBERED)(self._decide)

    def check(self, address: str) -> tuple[bool, bool]:
        """(allowed, no_auth) for a textual address. A Unix socket counts as loopback: who may open it, its file says."""
        return self.decide(address)[:2]

    def _decide(self, address: str) -> Decision:
        """The whole decision for a textual address, or "unix"."""
        parsed = parse("127.0.0.1" if address == "unix" else address)
        return next((decision for networks, decision in self._rules if any(parsed in network for network in networks)), Decision())


def _networks(sources: Iterable[str], words: dict[str, tuple[str, ...]]) -> list[Network]:
    return [ipaddress.ip_network(one) for source in sources for one in words.get(source, (source,))]


def _decision(rule: AccessRule) -> Decision:
    return Decision(True, rule.no_auth, tuple(rule.users)) if rule.allow is not None else Decision()
