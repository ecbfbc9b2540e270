"""What the service must know of a message's header, found without parsing it."""

from __future__ import annotations

import re
from dataclasses import dataclass

FIRST_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")  # RFC 5322 section 3.6.8, and 4.5 for the space before the colon


@dataclass(frozen=True, slots=True)
class Head:
    """Facts about a header."""

    hops: int  # Received fields
    starts_with_field: bool  # False: there is no header, or the first line is none of it
    block: bytes  # the header in lower case, each field after an LF

    def has(self, name: bytes) -> bool:
        """True when the field of this name (in lower case) is there."""
        return b"\n" + name + b":" in self.block


def scan(data: bytes) -> Head:
    """The facts of the header at the start of ``data``; linear, and blind beyond the end of ``data``."""
    end = data.find(b"\r\n\r\n")
    block = b"\n" + (data[:end] if end >= 0 else data).lower()
    return Head(block.count(b"\nreceived:"), FIRST_FIELD.match(data) is not None, block)
