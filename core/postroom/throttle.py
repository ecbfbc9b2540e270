"""Slows down those who guess passwords: growing delays per account name and per client address, in bounded memory.

Each failure makes the next attempt under the same key wait longer, and attempts that come at the same time queue up one
behind the other, so a hundred parallel connections guess no faster than one. An attempt that would have to wait too long
is refused at once, temporarily. So that nobody can lock a user out by guessing at his name, a name that has logged in from
an address before is judged there by a count of its own.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

FREE_FAILURES = 3  # mistyped passwords cost nothing
FREE_FAILURES_OF_ADDRESS = 10  # an office behind one address mistypes more often
FIRST_DELAY = 0.5  # seconds; doubles with each further failure
LONGEST_DELAY = 8.0  # seconds between two attempts under one key
LONGEST_WAIT = 20.0  # seconds that an attempt may stand in the queue of its key; below every client's patience
FORGET_AFTER = 900.0  # seconds without a failure
MAX_KEYS = 20_000  # about 3 MB; the key unused for longest is forgotten first


@dataclass(slots=True)
class Record:
    """What is remembered of one key."""

    failures: int = 0
    last: float = 0.0  # when the last failure was
    next_free: float = 0.0  # the earliest time of the next attempt


class Throttle:
    """The failures of one worker. ``clock`` gives monotonic seconds; keys come from ``keys``."""

    def __init__(self, clock: Callable[[], float], max_keys: int = MAX_KEYS) -> None:
        self._clock, self._max_keys = clock, max_keys
        self._records: OrderedDict[str, Record] = OrderedDict()
        self._known: OrderedDict[str, None] = OrderedDict()  # name and address that have logged in together

    def keys(self, name: str, address: str) -> tuple[str, ...]:
        """The keys of an attempt: its pair when it is known, else name and address. Loopback stands for many (proxies, web mail)."""
        site = network_of(address)
        pair = _digest("pair", name, site)
        if pair in self._known:
            return (pair,)
        return (_digest("name", name),) if site == "loopback" else (_digest("name", name), _digest("address", site))

    def reserve(self, keys: Sequence[str]) -> float | None:
        """Seconds to wait before the attempt; None when it must not be made now."""
        now = self._clock()
        records = [record for key in keys if (record := self._record(key, now)) is not None]
        start = max([now, *(record.next_free for record in records)])
        if start - now > LONGEST_WAIT:
            return None
        for key, record in zip(keys, map(self._records.get, keys), strict=True):
            if record is not None:
                record.next_free = start + _delay(key, record.failures)
        return start - now

    def failed(self, keys: Sequence[str]) -> None:
        """Count a failure, seen here or told by another worker."""
        now = self._clock()
        for key in keys:
            record = self._record(key, now) or self._records.setdefault(key, Record())
            self._records.move_to_end(key)
            record.failures += 1
            record.last = now
            record.next_free = max(record.next_free, now + _delay(key, record.failures))
        while len(self._records) > self._max_keys:
            self._records.popitem(last=False)

    def succeeded(self, name: str, address: str) -> str:
        """Remember that this name logs in from this address. Returns the pair if that is new (other workers want to ``know``), else ""."""
        pair = _digest("pair", name, network_of(address))
        new = pair not in self._known
        self.know(pair)
        return pair if new else ""

    def know(self, pair: str) -> None:
        """A pair has logged in, here or at another worker."""
        self._known[pair] = None
        self._known.move_to_end(pair)
        self._records.pop(pair, None)
        while len(self._known) > self._max_keys:
            self._known.popitem(last=False)

    def _record(self, key: str, now: float) -> Record | None:
        record = self._records.get(key)
        if record is not None and now - record.last > FORGET_AFTER:
            del self._records[key]
            return None
        return record


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, an IPv6 /64 (a customer has at least that), "loopback" for this machine."""
    try:
        parsed: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address)
    except ValueError:
        return "loopback" if address == "unix" else address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    if parsed.is_loopback:
        return "loopback"
    return str(parsed) if parsed.version == 4 else str(ipaddress.ip_network((parsed, 64), strict=False))


def _digest(kind: str, *parts: str) -> str:
    """A key of fixed size: names are strangers' text of any length."""
    return kind + blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _delay(key: str, failures: int) -> float:
    excess = failures - (FREE_FAILURES_OF_ADDRESS if key.startswith("address") else FREE_FAILURES)
    return min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(excess - 1, 10)) if excess > 0 else 0.0
