"""Whether one more connection may be served: limits in total and per client address, counted over all workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Protocol

from ..throttle import network_of
from .access import Decision
from .limits import Limits

LOOPBACK = "loopback"
REMEMBERED = 4096  # addresses whose network is kept


class Counters(Protocol):
    """Counts by key over all workers: tally.Tally."""

    def enter(self, key: str, /) -> int:
        """Count one more; returns the count with this one."""

    def leave(self, key: str, /) -> None:
        """Count one less."""


class Refused(Exception):
    """No more connections now; ``words`` are for the client, ``reason`` is for the log."""

    def __init__(self, words: str, reason: str) -> None:
        super().__init__(words)
        self.words, self.reason = words, reason


class Admission:
    """The limits of one service. ``access(address)`` is what the access rules say."""

    def __init__(self, service: str, limits: Limits, counters: Counters, access: Callable[[str], Decision]) -> None:
        self._service, self._limits, self._counters, self._access = service, limits, counters, access
        self._site = lru_cache(REMEMBERED)(network_of)

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place among all connections of the service. Raises Refused."""
        with self._counted(f"all {self._service}", self._limits.connections, "too many connections, try again later", "total"):
            yield

    @contextmanager
    def place_for(self, address: str) -> Iterator[Decision]:
        """A place for this address; gives what the access rules say about it. Raises Refused.

        Loopback and addresses with no_auth are not limited: behind them are proxies, web mail and machines of the house.
        """
        site, rule = self._site(address), self._access(address)
        if site == LOOPBACK or rule.no_auth:
            yield rule
            return
        words = "too many connections from your address, try again later"
        with self._counted(f"{site} {self._service}", self._limits.connections_per_address, words, "address"):
            yield rule

    @contextmanager
    def _counted(self, key: str, most: int, words: str, reason: str) -> Iterator[None]:
        count = self._counters.enter(key)
        try:
            if count > most:
                raise Refused(words, reason)
            yield
        finally:
            self._counters.leave(key)
