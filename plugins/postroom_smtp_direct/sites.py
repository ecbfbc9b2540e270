"""Which domains have the same servers, as far as is known from their last mail: such domains share connections and transactions."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

SIZE = 20_000  # domains that are remembered
KEEP = 3600.0  # seconds


class Sites:
    """Asks nobody: a domain that no mail went to lately is its own site."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def of(self, domain: str) -> str:
        """The site of a folded domain."""
        until, site = self._known.get(domain, (0.0, domain))
        return site if until > self._clock() else domain

    def learn(self, domain: str, site: str) -> None:
        """The servers of a domain have just been looked up."""
        self._known[domain] = (self._clock() + KEEP, site)
        self._known.move_to_end(domain)
        while len(self._known) > SIZE:
            self._known.popitem(last=False)
