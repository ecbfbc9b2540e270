"""The only door to DNS: addresses, mail exchangers, TLSA and TXT records, each with what DNSSEC says about it."""

from __future__ import annotations

from .answers import Answer, DnsFailure, Exchangers, Mx, Tlsa
from .resolver import Resolver

__all__ = ["Answer", "DnsFailure", "Exchangers", "Mx", "Resolver", "Tlsa"]
