"""Where the next attempt goes on, for destinations with more servers than one attempt tries (RFC 5321 section 5.1: all, in order)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from postroom.mail.delivery import Outcome, TryLater
from postroom.mail.sending import MxServer

MOST = 8  # servers that one attempt tries
AGAIN = 3600.0  # seconds after which the best servers are tried again, when those behind them work
SIZE = 1000  # destinations that are remembered


@dataclass(slots=True)
class _Round:
    """What has been tried without success, and until when that holds; for ever while nothing works."""

    tried: set[MxServer] = field(default_factory=set)
    until: float | None = None


class Rounds:
    """In the memory of one worker: others come to the same in their own attempts. ``clock``: seconds."""

    def __init__(self, clock: Callable[[], float], size: int = SIZE) -> None:
        self._clock, self._size = clock, size
        self._known: OrderedDict[str, _Round] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def order(self, site: str, servers: Sequence[MxServer]) -> list[MxServer]:
        """The servers with those first that were not tried lately."""
        known = self._known.get(site)
        if known is not None and known.until is not None and known.until <= self._clock():
            del self._known[site]
            known = None
        tried = known.tried if known is not None else set()
        return sorted(servers, key=lambda one: one in tried)  # stable: by preference otherwise

    def note(self, site: str, servers: Sequence[MxServer], tried: Sequence[MxServer], outcomes: Iterable[Outcome]) -> None:
        """An attempt by some of the servers has come to these outcomes."""
        if len(servers) <= len(tried):
            return
        known = self._known.get(site)
        if not all(map(_lost, outcomes)):
            if known is not None and known.until is None:
                known.until = self._clock() + AGAIN
            return
        known = known or _Round()
        known.tried, known.until = known.tried | set(tried), None
        if known.tried.issuperset(servers):
            known.tried.clear()
        self._known[site] = known
        self._known.move_to_end(site)
        while len(self._known) > self._size:
            self._known.popitem(last=False)


def _lost(outcome: Outcome) -> bool:
    """True when no server has heard of the message."""
    return isinstance(outcome, TryLater) and (outcome.kind != "answer" or not outcome.server)
