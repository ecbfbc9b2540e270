"""Answers that are still good, bounded in number; and one question at a time for each name and type."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from .answers import DnsFailure
from .asking import Raw

Question = tuple[str, str]  # name, type
FAILED_FOR = 30.0  # seconds that a question without an answer is not asked again (RFC 2308 section 7); it may have taken that long itself


@dataclass(slots=True)
class _Flight:
    """A question that is being asked; ``answer`` and ``failure`` stay None when the asker was cut off."""

    done: threading.Event = field(default_factory=threading.Event)
    answer: Raw | None = None
    failure: DnsFailure | None = None


class Cache:
    """Keeps answers for their TTL, positive and negative ones (RFC 2308), and failures for a moment.

    When it is full, what was unused for longest goes.
    """

    def __init__(self, size: int, clock: Callable[[], float]) -> None:
        self._size, self._clock = size, clock
        self._kept: OrderedDict[Question, tuple[float, Raw | DnsFailure]] = OrderedDict()  # until when
        self._flights: dict[Question, _Flight] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def known(self, question: Question) -> Raw | None:
        """The answer that is kept, as it came."""
        found = self._found(question)
        return None if isinstance(found, DnsFailure) else found

    def _found(self, question: Question) -> Raw | DnsFailure | None:
        with self._lock:
            found = self._kept.get(question)
            if found is None:
                return None
            if found[0] <= self._clock():
                del self._kept[question]
                return None
            self._kept.move_to_end(question)
        return found[1]

    def get(self, question: Question, ask: Callable[[], Raw], *, fresh: bool) -> Raw:
        """What is known (unless ``fresh``), else what ``ask`` brings, once for all who want it meanwhile. Raises DnsFailure."""
        while True:
            answer = None if fresh else self._found(question)
            if isinstance(answer, DnsFailure):
                raise answer.again()
            if answer is not None:
                return answer
            with self._lock:
                flight = self._flights.get(question)
                mine = flight is None
                if flight is None:
                    flight = self._flights[question] = _Flight()
            if mine:
                return self._fly(question, flight, ask)
            flight.done.wait()
            if flight.answer is not None:
                return flight.answer
            if flight.failure is not None:
                raise flight.failure.again()

    def _fly(self, question: Question, flight: _Flight, ask: Callable[[], Raw]) -> Raw:
        try:
            flight.answer = answer = ask()
            self._keep(question, answer, answer.ttl)
        except DnsFailure as failure:
            flight.failure = failure
            if not failure.local and self.known(question) is None:  # else it was to be asked anew, and what is known still holds
                self._keep(question, failure.again(), FAILED_FOR)
            raise
        else:
            return answer
        finally:  # also when this greenlet is killed: another of those who wait asks then
            with self._lock:
                del self._flights[question]
            flight.done.set()

    def _keep(self, question: Question, answer: Raw | DnsFailure, ttl: float) -> None:
        with self._lock:
            self._kept.pop(question, None)
            if ttl > 0:
                self._kept[question] = (self._clock() + ttl, answer)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
