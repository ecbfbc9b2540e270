"""Names as the DNS has them, and host names that can be connected to."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

import dns.exception
import dns.name

from ..mail.address import BadAddress, domain_to_ascii
from .answers import DnsFailure

HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,62})\.)*[a-z0-9_-]*[a-z_][a-z0-9_-]*")  # the last label is no number: else it is an address


def wire_name(text: str) -> dns.name.Name:
    """The name to ask for: A-labels (RFC 5891) in lower case, absolute. Raises DnsFailure for what is no name."""
    try:
        name = dns.name.from_text(domain_to_ascii(text).rstrip("."))
    except (BadAddress, dns.exception.DNSException, UnicodeError) as error:
        raise DnsFailure(f"{text} is not a host name", temporary=False, kind="name") from error
    if name == dns.name.root:
        raise DnsFailure("an empty name is not a host name", temporary=False, kind="name")
    return name


def text_of(name: dns.name.Name) -> str:
    """Lower case, no dot at the end; the root is ""."""
    return "" if name == dns.name.root else name.to_text(omit_final_dot=True).lower()


@lru_cache(maxsize=8192)
def wire_text(text: str) -> str:
    """The same name as text, in one spelling: made once, since a busy sender asks for the same names over and over. Raises DnsFailure."""
    return text_of(wire_name(text))


def is_host(name: str) -> bool:
    """True for what a mail exchanger may be: a host name, not an address (RFC 5321 section 5.1)."""
    return HOST.fullmatch(name) is not None


@lru_cache(maxsize=8192)
def address_in(text: str) -> str | None:
    """The address that a literal such as 192.0.2.1, [192.0.2.1] or [IPv6:2001:db8::1] is, None for names."""
    inner = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    inner = inner[5:] if inner[:5].lower() == "ipv6:" else inner
    try:
        return str(ipaddress.ip_address(inner))
    except ValueError:
        return None


def is_this_machine(host: str) -> bool:
    """True for localhost and what is below it: no server is asked for it (RFC 6761 section 6.3)."""
    return host.lower().rstrip(".").rpartition(".")[2] == "localhost"
