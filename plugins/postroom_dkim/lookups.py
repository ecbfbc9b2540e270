"""Key records for checking what others have signed: from the DNS, within a time that one message may take."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import gevent

from postroom.dns import Answer, DnsFailure
from postroom.mail.dkim import KeyUnavailable

PATIENCE = 4.0  # seconds for all look-ups of a message; the hook has 10


class Texts(Protocol):
    """What asks for TXT records; ``postroom.dns.Resolver``."""

    def txt(self, name: str) -> Answer[str]:
        """The texts at a name. Raises DnsFailure."""


class Lookups:
    """The key records for one message; call it with a name. ``clock``: seconds, monotonic."""

    def __init__(self, resolver: Texts, patience: float = PATIENCE, clock: Callable[[], float] = time.monotonic) -> None:
        self._resolver, self._clock = resolver, clock
        self._until = clock() + patience
        self._known: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        """The key record, "" when there is none. Raises KeyUnavailable."""
        if name not in self._known:
            self._known[name] = self._ask(name)
        return self._known[name]

    def _ask(self, name: str) -> str:
        left = self._until - self._clock()
        if left <= 0:
            raise KeyUnavailable("the DNS takes too long")
        try:
            with gevent.Timeout(left, KeyUnavailable("the DNS takes too long")):
                found = self._resolver.txt(name).records
        except DnsFailure as failure:
            if failure.temporary:
                raise KeyUnavailable(str(failure)) from failure
            return ""
        return next((text for text in found if "p=" in text), "")  # RFC 6376 section 3.6.2.2: there should be one
