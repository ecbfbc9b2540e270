"""Whose key signs a message: the domain of its author, as DMARC compares it (RFC 7489 section 3.1)."""

from __future__ import annotations

from collections.abc import Iterator

from postroom.mail.address import BadAddress, domain_to_ascii, split
from postroom.mail.headers import fields
from postroom.mail.message import Message
from postroom.mail.structure.addresses import parse

DEPTH = 5  # parents of a domain that are tried
LONGEST = 4096  # bytes of From in which the author is looked for


def author_domain(message: Message) -> str:
    """The domain of the first address in From, in A-labels; "" when there is none."""
    for name, value in fields(message.head[: message.header_size]):
        if name.lower() == "from":
            return next(
                (ascii_domain(one.host.decode("utf-8", "replace")) for one in parse(value[:LONGEST]) if one.mailbox and one.host), ""
            )
    return ""


def ascii_domain(domain: str) -> str:
    """The domain in A-labels and lower case, "" for what is none."""
    try:
        return domain_to_ascii(domain.rstrip("."))
    except BadAddress:
        return ""


def domain_of(address: str) -> str:
    """The domain of an address in A-labels, "" when it has none."""
    return ascii_domain(split(address)[1])


def upwards(domain: str) -> Iterator[str]:
    """The domain and those above it, top-level domains left out: a key of any of them is aligned."""
    labels = domain.split(".")
    for start in range(max(min(len(labels) - 1, DEPTH), 1 if domain else 0)):
        yield ".".join(labels[start:])
