"""The TLSA records of a mail server, looked up as RFC 7672 section 2.2 asks, so that nobody on the way can take them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..dns import DnsFailure, Resolver, Tlsa
from .dane import usable

Status = Literal["absent", "usable", "unusable", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What DNSSEC proves about a server. "unusable": there are records, and none can prove a certificate; "failed": nobody can tell."""

    status: Status
    words: str
    base: str = ""  # the TLSA base domain
    records: tuple[Tlsa, ...] = ()  # the usable ones


def find(resolver: Resolver, host: str, port: int, *, fresh: bool = False) -> Finding:
    """The records for ``host``. Raises DnsFailure when the host itself has no address or cannot be looked up."""
    addresses = resolver.address_records(host, fresh=fresh)
    if addresses.secure:  # only then: servers of unsigned zones often fail at TLSA, and what they say proves nothing (RFC 7672 2.2.2)
        candidates = list(dict.fromkeys((addresses.name, _plain(host))))
    elif addresses.name not in (_plain(host), host) and _secure_alias(resolver, host, fresh=fresh):
        candidates = [_plain(host)]
    else:
        return Finding("absent", f"the addresses of {host} are not signed")
    for base in candidates:
        try:
            answer = resolver.tlsa(f"_{port}._tcp.{base}", fresh=fresh)
        except DnsFailure as error:
            if error.local:
                raise
            # RFC 7672 section 2.1.2: this server must not be used, or suppressing the answer would be an attack
            return Finding("failed", f"its TLSA records cannot be looked up: {error}", base)
        if answer.secure and answer.records:
            return _found(answer.records, base)
    return Finding("absent", f"{host} has no TLSA records")


def _found(records: tuple[Tlsa, ...], base: str) -> Finding:
    good = usable(records)
    if good:
        return Finding("usable", f"TLSA records of {base}", base, good)
    return Finding("unusable", f"the TLSA records of {base} are of no use", base, records)


def _secure_alias(resolver: Resolver, host: str, *, fresh: bool) -> bool:
    """True when ``host`` is a signed alias of something that is not signed."""
    try:
        alias = resolver.cname(host, fresh=fresh)
    except DnsFailure as error:
        if error.temporary:  # RFC 7672 section 2.1.3: suppressing the answer would be an attack
            raise
        return False
    return alias.secure and bool(alias.records)


def _plain(host: str) -> str:
    return host.lower().rstrip(".")
