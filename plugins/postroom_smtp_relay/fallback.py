"""What a relay does when it cannot be used: the next senders in its list take the mail, in the same attempt."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from postroom.mail.delivery import NotNow, Outcome, TryLater
from postroom.sending.filtering import Candidate

if TYPE_CHECKING:
    from postroom.provided import Outgoing, QueuedRecipient, Sender

WAYS = frozenset(("dns", "connect", "greeting", "tls", "login"))  # the message has not been offered to anybody yet
TRIED = "tried senders"  # in the notes of an attempt: two senders may stand in each other's list

Senders = Callable[[], Mapping[str, "Sender"]]


class Fallback:
    """The senders of one relay's list. ``senders`` gives all by their names; they may belong to other plugins."""

    def __init__(self, relay: str, names: Sequence[str], senders: Senders, clock: Callable[[], float] = time.time) -> None:
        self.relay, self.names = relay, names
        self._senders, self._clock = senders, clock

    def take(self, outgoing: Outgoing, outcomes: Mapping[int, Outcome]) -> dict[int, Outcome]:
        """The outcomes, with those of the first sender of the list that can be used for each recipient that ours could not be."""
        found = dict(outcomes)
        for sender in self._others(outgoing):
            left = [one for one in outgoing.recipients if unusable(found.get(one.id)) and self._takes(sender, outgoing, one)]
            if left:
                found |= self._tried(sender, replace(outgoing, recipients=tuple(left)), found)
        return found

    def _others(self, outgoing: Outgoing) -> Iterator[Sender]:
        tried = outgoing.notes.setdefault(TRIED, set())
        assert isinstance(tried, set)
        tried.add(self.relay)
        for name in self.names:
            sender = self._senders().get(name)
            if sender is not None and name not in tried and sender.rules.rate is None:  # what is taken over would not be counted
                tried.add(name)
                yield sender

    def _tried(self, sender: Sender, outgoing: Outgoing, before: Mapping[int, Outcome]) -> dict[int, Outcome]:
        """What came of the other sender; where it cannot be used either, our own outcome stays."""
        found: dict[int, Outcome] = {}
        for number, outcome in sender.send(replace(outgoing, by=sender.name)).items():
            first = before[number]
            assert isinstance(first, TryLater)
            why = f"by {sender.name}, because {self.relay} could not be used ({first.reply.text})"
            if isinstance(outcome, NotNow):
                found[number] = replace(first, how=both(first.how, f"{sender.name}: {outcome.reason}"))
            elif isinstance(outcome, TryLater) and unusable(outcome):
                found[number] = replace(first, how=both(first.how, f"{sender.name}: {outcome.reply.text}"))
            else:
                found[number] = replace(outcome, how=both(why, outcome.how))
        return found

    def _takes(self, sender: Sender, outgoing: Outgoing, one: QueuedRecipient) -> bool:
        """What the sender takes from the queue it takes from us, and nothing else."""
        rules = sender.rules
        if rules.max_size and outgoing.size > rules.max_size:
            return False
        return not rules.takes or rules.takes.takes(self._candidate(outgoing, one)).taken

    def _candidate(self, outgoing: Outgoing, one: QueuedRecipient) -> Candidate:
        def headers() -> dict[str, list[str]]:
            head = outgoing.head()
            return {name.lower(): head.all(name) for name, _ in head.headers}

        age = max(self._clock() - outgoing.queued_at, 0.0)
        return Candidate(
            outgoing.sender, one.address, outgoing.size, outgoing.user or "", age, outgoing.priority,
            outgoing.total or len(outgoing.recipients), headers,
        )  # fmt: skip


def unusable(outcome: Outcome | None) -> bool:
    """True when the way to the server failed, before it heard of the message."""
    return isinstance(outcome, TryLater) and outcome.kind in WAYS


def both(first: str, second: str) -> str:
    """Two texts for the trace as one."""
    return "; ".join(filter(None, (first, second)))


def told(outcome: Outcome, words: str) -> Outcome:
    """The outcome with these words for the trace before its own."""
    return outcome if isinstance(outcome, NotNow) or not words else replace(outcome, how=both(words, outcome.how))
