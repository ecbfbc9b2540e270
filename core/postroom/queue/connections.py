"""Connections and their schedule, in their first form: which sender empties which channel, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from ..provided import Job
from .letter import OUT
from .line import Line

if TYPE_CHECKING:
    from ..provided import Sender


class Connection(Protocol):
    """What is read from a connection in ``config.yaml``."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def sender(self) -> str | None:
        """The sender that mail leaves by."""

    @property
    def default(self) -> bool:
        """Part of what "default" means in the schedule, and first to be given fresh mail."""

    @property
    def immediate(self) -> bool:
        """Mail leaves as soon as it is queued."""


class ScheduleItem(Protocol):
    """What is read from a schedule item in ``config.yaml``."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def connect(self) -> tuple[str, ...]:
        """Names of connections, or "default"."""

    @property
    def every(self) -> float | None:
        """Seconds between two starts."""


def lines(connections: Iterable[Connection], senders: Sequence[Sender]) -> list[Line]:
    """A line for each connection that sends (default ones first), and one for each sender that has a channel of its own name.

    Raises ValueError when a connection names a sender that does not exist.
    """
    known = {sender.name: sender for sender in senders}
    made: list[Line] = []
    for connection in sorted(connections, key=lambda each: not each.default):
        if connection.sender is None:
            continue
        if connection.sender not in known:
            raise ValueError(f"connection {connection.name}: no sender {connection.sender!r}; there are: {', '.join(known) or 'none'}")
        immediate = connection.immediate
        made.append(Line(connection.name, known[connection.sender], OUT, immediate, connection.default, open=immediate))
    used = {line.sender.name for line in made}
    # A sender that no connection uses serves the channel of its own name, at once: routing sends mail there (LAN forwarding)
    return made + [Line(name, sender, channel=name, default=False) for name, sender in known.items() if name not in used]


def chosen(lines: Iterable[Line], name: str) -> list[Line]:
    """The lines that a schedule item or "connect now" means: by name, or all default ones."""
    return [line for line in lines if (line.default if name == "default" else line.name == name)]


def jobs(items: Iterable[ScheduleItem], connect: Callable[[str], None]) -> list[Job]:
    """A job for each schedule item; whichever worker holds its lease starts the connections."""

    def starting(names: tuple[str, ...]) -> Callable[[], None]:
        def start() -> None:
            for name in names:
                connect(name)

        return start

    return [Job(f"schedule:{item.name}", item.every, starting(item.connect)) for item in items if item.every]
