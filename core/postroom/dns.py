"""The only door to DNS: host names to addresses, by the system's resolver or by servers named in the configuration."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import Any

import dns.exception
import dns.resolver

Lookup = Callable[[str], Sequence[str]]


class DnsFailure(Exception):
    """The question has no answer now (``temporary``) or for good."""

    def __init__(self, text: str, *, temporary: bool) -> None:
        super().__init__(text)
        self.temporary = temporary


class Resolver:
    """Asks ``servers`` ("ip" or "ip:port"), or the system when None. Answers are kept for their TTL (dnspython's cache)."""

    def __init__(self, servers: Sequence[str] | None = None, timeout: float = 5.0) -> None:
        self._resolver: dns.resolver.Resolver | None = None
        if servers is not None:
            self._resolver = dns.resolver.Resolver(configure=False)
            self._resolver.nameservers = [_nameserver(server) for server in servers]
            self._resolver.lifetime = timeout
            self._resolver.cache = dns.resolver.LRUCache(10_000)

    def addresses(self, host: str) -> list[str]:
        """The IPv6 and IPv4 addresses of ``host`` (an address is its own); raises DnsFailure with the reason in words."""
        try:
            return [str(ipaddress.ip_address(host.strip("[]")))]
        except ValueError:
            pass
        here = host.lower().rstrip(".").split(".")[-1] == "localhost"  # RFC 6761 section 6.3: no server is asked for it
        return self._ask(self._resolver, host) if self._resolver and not here else self._ask_system(host)

    def _ask_system(self, host: str) -> list[str]:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except UnicodeError as error:  # a label of more than 63 octets, or none between two dots
            raise DnsFailure(f"{host} is not a host name", temporary=False) from error
        except socket.gaierror as error:
            unknown = error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
            raise DnsFailure(f"the name {host} could not be resolved: {error.strerror}", temporary=not unknown) from error
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    def _ask(self, resolver: dns.resolver.Resolver, host: str) -> list[str]:
        found: list[str] = []
        failure: Exception | None = None
        for kind in ("AAAA", "A"):
            try:
                found += [record.to_text() for record in resolver.resolve(host, kind, search=False)]
            except dns.resolver.NXDOMAIN as error:
                raise DnsFailure(f"the name {host} does not exist", temporary=False) from error
            except dns.resolver.NoAnswer:
                continue
            except dns.exception.DNSException as error:
                failure = error
        if not found:
            reason = f"could not be resolved: {failure}" if failure else "has no address"
            raise DnsFailure(f"the name {host} {reason}", temporary=failure is not None) from failure
        return found


def _nameserver(server: str) -> Any:
    from dns.nameserver import Do53Nameserver

    host, _, port = server.rpartition(":") if server.count(":") == 1 or server.startswith("[") else (server, "", "53")
    return Do53Nameserver(host.strip("[]"), int(port))
