"""DNS without a network: tables of names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..dns import Answer, DnsFailure, Mx, Resolver, Tlsa

TTL = 300.0


class FakeResolver(Resolver):
    """``hosts``: name to addresses. A name that is in no table does not exist; ``temporary`` names fail for now.

    ``mx``: domain to (preference, host); ``tlsa``: name to (usage, selector, matching, data); ``txt``: name to texts; ``secure``: names
    whose records are signed, or "*" for all. Servers of equal preference keep their places.
    """

    def __init__(
        self,
        hosts: Mapping[str, Sequence[str]] | None = None,
        temporary: Sequence[str] = (),
        *,
        mx: Mapping[str, Sequence[tuple[int, str]]] | None = None,
        tlsa: Mapping[str, Sequence[tuple[int, int, int, bytes]]] | None = None,
        txt: Mapping[str, Sequence[str]] | None = None,
        secure: Sequence[str] = (),
    ) -> None:
        super().__init__(shuffle=lambda servers: None)
        self.hosts = dict(hosts or {})
        self.temporary = set(temporary)
        self.mx_records, self.tlsa_records, self.txt_records = dict(mx or {}), dict(tlsa or {}), dict(txt or {})
        self.secure = set(secure)
        self.asked: list[tuple[str, str]] = []  # name and type of each look-up

    def lookup(self, name: str, kind: str, *, fresh: bool = False) -> Answer[Any]:
        """The records of the tables."""
        asked = name.lower().rstrip(".")
        self.asked.append((asked, kind))
        if asked in self.temporary:
            raise DnsFailure(f"the name {name} could not be resolved: no answer", temporary=True)
        records = tuple(self._values(asked, kind))
        tables = (self.hosts, self.mx_records, self.tlsa_records, self.txt_records)
        return Answer(records, bool(self.secure & {asked, "*"}), asked, TTL, exists=any(asked in table for table in tables))

    def _values(self, name: str, kind: str) -> list[Any]:
        """The records as ``postroom.dns.values`` makes them."""
        if kind in ("A", "AAAA"):
            return [one for one in self.hosts.get(name, ()) if (":" in one) == (kind == "AAAA")]
        if kind == "MX":
            return [Mx(preference, host.lower().rstrip(".")) for preference, host in self.mx_records.get(name, ())]
        if kind == "TLSA":
            return [Tlsa(*one) for one in self.tlsa_records.get(name, ())]
        return list(self.txt_records.get(name, ())) if kind == "TXT" else []

    def _ask_system(self, host: str) -> list[str]:
        name = host.lower().rstrip(".")
        if name in self.temporary:
            raise DnsFailure(f"the name {host} could not be resolved: no answer", temporary=True)
        if name not in self.hosts:
            raise DnsFailure(f"the name {host} does not exist", temporary=False, kind="unknown")
        return list(self.hosts[name])
