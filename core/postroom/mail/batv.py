"""Bounce Address Tag Validation (draft-levine-smtp-batv-01): return paths with a tag, by which true failure reports are known.

``prvs=KDDDSSSSSS=local@domain``: K the number of the key, DDD the day on which the tag ends (days since 1970, its last three digits),
SSSSSS the beginning of an HMAC-SHA1 over key number, day and address. The address counts in lower case, since some servers change it.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .address import MAX_LOCAL, split, unquoted, written

DAY = 86_400  # seconds
CYCLE = 1000  # days until the three digits come round again
LIFE = 7  # days

_TAGGED = re.compile(r"prvs=([0-9])([0-9]{3})([0-9a-f]{6})=(.+)", re.ASCII | re.IGNORECASE | re.DOTALL)
_ANY = re.compile(r"\"?prvs=", re.ASCII | re.IGNORECASE)

Fault = Literal["malformed", "forged", "expired"]


@dataclass(frozen=True, slots=True)
class Wrong:
    """A tag that is not valid. ``address``: the one behind it, "" when that cannot be told."""

    fault: Fault
    address: str = ""


@dataclass(frozen=True, slots=True)
class Batv:
    """Tags with key ``number`` (0 to 9) of ``keys``; tags of the others are valid until they end."""

    keys: Mapping[int, bytes]
    number: int = 0
    life: int = LIFE  # days

    def tag(self, address: str, now: float) -> str | None:
        """The address with a tag; None when it would be longer than a local part may be. ``now``: epoch seconds."""
        day = (int(now // DAY) + self.life) % CYCLE
        local, domain = unquoted(split(address)[0]), split(address)[1]
        made = written(f"prvs={self.number}{day:03}{self._hash(self.number, day, f'{written(local)}@{domain}')}={local}")
        return f"{made}@{domain}" if domain and len(made.encode("utf-8")) <= MAX_LOCAL else None

    def untag(self, address: str, now: float) -> str | Wrong:
        """The address behind a valid tag, or what is wrong with it. ``now``: epoch seconds."""
        local, domain = split(address)
        match = _TAGGED.fullmatch(unquoted(local))
        if match is None:
            return Wrong("malformed")
        number, day, behind = int(match[1]), int(match[2]), f"{written(match[4])}@{domain}"
        if number not in self.keys or not hmac.compare_digest(match[3].lower(), self._hash(number, day, behind)):
            return Wrong("forged", behind)
        left = (day - int(now // DAY)) % CYCLE
        return behind if left <= self.life + 1 else Wrong("expired", behind)  # a day more: another node's clock

    def _hash(self, number: int, day: int, address: str) -> str:
        data = f"{number}{day:03}{address.lower()}".encode("utf-8", "surrogatepass")
        return hmac.digest(self.keys[number], data, "sha1").hex()[:6]  # the draft's algorithm: HMAC is sound with SHA-1


def is_tagged(address: str) -> bool:
    """Whether an address looks like one with a tag, ours or another's."""
    return _ANY.match(address) is not None
