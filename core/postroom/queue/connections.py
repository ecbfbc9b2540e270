"""Connections: which sender empties which channel, which collectors come with it, and what a name in the schedule means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from ..config.outward import in_turn
from .letter import OUT
from .line import Line

if TYPE_CHECKING:
    from ..provided import Sender

DEFAULT = "default"  # in the schedule and on the command line: all default connections


class Connection(Protocol):
    """What is read from a connection in ``config.yaml``; ``ConnectionSettings`` describes each."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def sender(self) -> str | None:
        """The sender that mail leaves by."""

    @property
    def collectors(self) -> Sequence[str]:
        """The collectors that fetch mail, in order."""

    @property
    def collect_timeout(self) -> float:
        """Seconds that each of them may take."""

    @property
    def default(self) -> bool:
        """Part of what "default" means in the schedule, and first to be given fresh mail."""

    @property
    def immediate(self) -> bool:
        """Mail leaves as soon as it is queued."""

    @property
    def before(self) -> str | None:
        """The command that dials."""

    @property
    def after(self) -> str | None:
        """The command that hangs up."""

    @property
    def dial_timeout(self) -> float:
        """Seconds that each of them may take."""

    @property
    def dial_retries(self) -> int:
        """How often dialling is tried again."""

    @property
    def dial_interval(self) -> float:
        """Seconds between two tries."""

    @property
    def when_queued(self) -> int | None:
        """Runs once so many messages wait."""

    @property
    def when_urgent(self) -> bool:
        """Runs when an urgent message is queued."""


def lines(connections: Iterable[Connection], senders: Sequence[Sender]) -> list[Line]:
    """A line for each connection that sends, in the order of being asked, and one for each sender that has a channel of its own name.

    Raises ValueError when a connection names a sender that does not exist.
    """
    known = {sender.name: sender for sender in senders}
    made: list[Line] = []
    for connection in in_turn(connections):
        if connection.sender is None:
            continue
        if connection.sender not in known:
            raise ValueError(f"connection {connection.name}: no sender {connection.sender!r}; there are: {', '.join(known) or 'none'}")
        immediate = connection.immediate
        made.append(Line(connection.name, known[connection.sender], OUT, immediate, connection.default, open=immediate))
    used = {line.sender.name for line in made}
    # A sender that no connection uses serves the channel of its own name, at once: routing sends mail there (LAN forwarding)
    return made + [Line(name, sender, channel=name, default=False) for name, sender in known.items() if name not in used]


def named(connections: Iterable[Connection], word: str) -> list[str]:
    """The names of the connections that a word means: that of one, or "default" for all default ones."""
    return [each.name for each in connections if (each.default if word == DEFAULT else each.name == word)]
