"""Records as values: made once, when an answer comes, since a busy sender looks at the same ones over and over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dns.rdata
import dns.rdatatype

from .answers import Mx, Tlsa
from .names import text_of

MAKERS: dict[dns.rdatatype.RdataType, Callable[[Any], object]] = {
    dns.rdatatype.A: lambda one: one.to_text(),
    dns.rdatatype.AAAA: lambda one: one.to_text(),
    dns.rdatatype.CNAME: lambda one: text_of(one.target),
    dns.rdatatype.MX: lambda one: Mx(one.preference, text_of(one.exchange)),
    dns.rdatatype.TLSA: lambda one: Tlsa(one.usage, one.selector, one.mtype, one.cert),
    dns.rdatatype.TXT: lambda one: b"".join(one.strings).decode("utf-8", "replace"),
}


def value(record: dns.rdata.Rdata) -> Any:
    """A text, a ``Mx`` or a ``Tlsa``; dnspython's own object for what nobody here asks for."""
    make = MAKERS.get(record.rdtype)
    return record if make is None else make(record)
