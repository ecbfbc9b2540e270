"""The Sender Rewriting Scheme: return paths of mail that is passed on, so that SPF holds and failure reports find the way back.

``SRS0=hash=day=domain=local@here`` stands for an address elsewhere; ``SRS1=hash=forwarder==rest@here`` for one that another forwarder
has rewritten, whose report goes to that forwarder. Local parts are compared without regard to case, since some servers change it; what
is taken back out keeps the spelling in which it comes. What needs quotes is rewritten without them, and the whole gets them again.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .address import MAX_LOCAL, split, unquoted, written

DAY = 86_400  # seconds
CYCLE = 1024  # days until a stamp of two characters comes round again
HASH = 6  # characters of base32: 30 bits
LIFE = 21  # days

_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
_SRS0 = re.compile(r"srs0[=+-]([a-z2-7]+)=([a-z2-7]{2})=([^=]+)=(.+)", re.ASCII | re.IGNORECASE | re.DOTALL)
_SRS1 = re.compile(r"srs1[=+-]([a-z2-7]+)=([^=]+)=([=+-].+)", re.ASCII | re.IGNORECASE | re.DOTALL)
_FOREIGN0 = re.compile(r"srs0([=+-].+)", re.ASCII | re.IGNORECASE | re.DOTALL)  # hash and stamp of others have their own form
_FOREIGN1 = re.compile(r"srs1[=+-][^=]+=([^=]+)=([=+-].+)", re.ASCII | re.IGNORECASE | re.DOTALL)
_ANY = re.compile(r"\"?srs[01][=+-]", re.ASCII | re.IGNORECASE)

Fault = Literal["malformed", "forged", "expired"]


@dataclass(frozen=True, slots=True)
class Wrong:
    """An address that looks rewritten and cannot be turned back."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Srs:
    """Rewrites for ``domain``. ``secrets``: the first makes hashes, all are accepted, so that a secret can be changed."""

    domain: str
    secrets: Sequence[bytes]
    life: int = LIFE  # days for which a report is taken

    def encode(self, address: str, now: float) -> str | None:
        """The return path to use instead of ``address``; None when it would be longer than a local part may be. ``now``: epoch seconds."""
        local, domain = unquoted(split(address)[0]), split(address)[1]
        if not domain:
            return None
        if again := _FOREIGN1.fullmatch(local):
            made = self._srs1(again[1], again[2])
        elif first := _FOREIGN0.fullmatch(local):
            made = self._srs1(domain, first[1])
        else:
            stamp = _stamp(int(now // DAY))
            made = f"SRS0={self._hash(self.secrets[0], stamp, domain, local)}={stamp}={domain}={local}"
        made = written(made)
        return f"{made}@{self.domain}" if len(made.encode("utf-8")) <= MAX_LOCAL else None

    def _srs1(self, forwarder: str, rest: str) -> str:
        return f"SRS1={self._hash(self.secrets[0], forwarder, rest)}={forwarder}={rest}"

    def decode(self, address: str, now: float) -> str | Wrong:
        """The address that a rewritten one stands for, or why it cannot be had. ``now``: epoch seconds."""
        local = unquoted(split(address)[0])
        if first := _SRS0.fullmatch(local):
            given, stamp, domain, name = first.groups()
            if not self._matches(given, stamp, domain, name):
                return Wrong("forged")
            age = (int(now // DAY) - _day(stamp)) % CYCLE
            return (
                f"{written(name)}@{domain}" if age <= self.life or age == CYCLE - 1 else Wrong("expired")
            )  # a day ahead: another node's clock
        if again := _SRS1.fullmatch(local):
            given, forwarder, rest = again.groups()
            return f"{written(f'SRS0{rest}')}@{forwarder}" if self._matches(given, forwarder, rest) else Wrong("forged")
        return Wrong("malformed")

    def _matches(self, given: str, *parts: str) -> bool:
        made = [self._hash(secret, *parts) for secret in self.secrets]
        return any(hmac.compare_digest(given.lower(), one) for one in made)

    @staticmethod
    def _hash(secret: bytes, *parts: str) -> str:
        data = "\0".join(parts).lower().encode("utf-8", "surrogatepass")
        return base64.b32encode(hmac.digest(secret, data, "sha256")).decode("ascii")[:HASH].lower()


def is_rewritten(address: str) -> bool:
    """Whether an address looks like one of the scheme, ours or another's."""
    return _ANY.match(address) is not None


def _stamp(day: int) -> str:
    return _DIGITS[day % CYCLE >> 5] + _DIGITS[day & 31]


def _day(stamp: str) -> int:
    high, low = (_DIGITS.index(digit) for digit in stamp.lower())
    return high << 5 | low
