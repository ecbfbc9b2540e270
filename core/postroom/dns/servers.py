"""Which DNS servers to ask, and whether what they say about DNSSEC can be believed."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..shortage import is_shortage

Trust = Literal["auto", True, False]

RESOLV_CONF = Path("/etc/resolv.conf")
FORWARDERS = ("127.0.0.11",)  # on loopback, but no resolver: Docker's passes on what a server somewhere else has said
LIMIT = 8  # servers at most


@dataclass(frozen=True, slots=True)
class DnsServer:
    """One server; ``trusted``: its AD bit is believed."""

    address: str
    port: int = 53
    trusted: bool = False


def named(servers: Sequence[str], trust: Trust) -> tuple[DnsServer, ...]:
    """The servers of a configuration: "ip", "ip:port" or "[ipv6]:port"."""
    return tuple(_server(*_split(server), trust=trust, told=False) for server in servers)


class SystemServers:
    """Those of ``resolv.conf``, read anew when it changes: a machine may move to another network."""

    def __init__(self, trust: Trust, path: Path = RESOLV_CONF) -> None:
        self._trust, self._path = trust, path
        self._modified = -1
        self._servers: tuple[DnsServer, ...] = ()

    def current(self) -> tuple[DnsServer, ...]:
        """The servers as the file has them now; 127.0.0.1 when it names none (resolv.conf(5)).

        Raises OSError when this machine cannot open files now and has not read it before.
        """
        try:
            modified = self._path.stat().st_mtime_ns
        except OSError:
            modified = 0
        if modified != self._modified:
            try:
                text = self._path.read_text(encoding="utf-8", errors="replace")
            except OSError as error:
                if is_shortage(error):
                    if self._servers:
                        return self._servers
                    raise
                text = ""
            self._modified, self._servers = modified, from_resolv_conf(text, self._trust)
        return self._servers


def from_resolv_conf(text: str, trust: Trust) -> tuple[DnsServer, ...]:
    """The servers that the text of a ``resolv.conf`` names; its option ``trust-ad`` counts where ``trust`` is "auto"."""
    words = [line.split() for line in text.splitlines() if line.strip() and line.strip()[0] not in "#;"]
    told = any(line[0] == "options" and "trust-ad" in line[1:] for line in words)
    addresses = [line[1] for line in words if line[0] == "nameserver" and len(line) > 1 and _is_address(line[1])]
    return tuple(_server(address, 53, trust=trust, told=told) for address in addresses[:LIMIT] or ["127.0.0.1"])


def _server(address: str, port: int, *, trust: Trust, told: bool) -> DnsServer:
    here = ipaddress.ip_address(address).is_loopback and address not in FORWARDERS
    return DnsServer(address, port, trusted=trust is True or (trust == "auto" and (told or here)))


def _split(server: str) -> tuple[str, int]:
    host, _, port = server.rpartition(":") if server.count(":") == 1 or server.startswith("[") else (server, "", "53")
    return host.strip("[]"), int(port)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
