"""Checks of connections together with the senders that they name: settings that would do nothing, lines that would never send."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from .section import Location

if TYPE_CHECKING:
    from .connections import ConnectionSettings
    from .senders import SenderSettings


class Sending(NamedTuple):
    """The settings of one sender, and where they stand."""

    place: Location
    settings: SenderSettings


Senders = Mapping[str, Sending]  # by name; those of plugins with settings of their own kind are not among them


class HasDefault(Protocol):
    """A connection."""

    @property
    def default(self) -> bool:
        """It comes before those that are none."""


C = TypeVar("C", bound=HasDefault)


def in_turn(connections: Iterable[C]) -> list[C]:
    """The connections in the order in which permanent ones are asked for a message: default ones first, else as they are listed."""
    return sorted(connections, key=lambda one: not one.default)


def idle(connections: Sequence[ConnectionSettings], senders: Senders) -> Iterator[tuple[Location, str]]:
    """What would do nothing, with its place: settings, and whole lines."""
    yield from _runs(connections, senders)
    yield from _idle_lines(connections, senders)


def between(connections: Sequence[ConnectionSettings], senders: Senders) -> Iterator[tuple[Location, str]]:
    """A sender that waits for a login needs runs of a connection with a collector that logs in."""
    waiting = {name for name, sender in senders.items() if sender.settings.wait_for_login}
    for index, connection in enumerate(connections):
        if connection.sender in waiting and connection.immediate:
            yield ("connections", index, "immediate"), f"the sender {connection.sender} waits for a login (wait_for_login): false is needed"
        elif connection.sender in waiting and not connection.collectors:
            yield ("connections", index, "sender"), f"{connection.sender} waits for a login (wait_for_login), and no collector logs in"


def _runs(connections: Sequence[ConnectionSettings], senders: Senders) -> Iterator[tuple[Location, str]]:
    """``only_waiting`` is about the start of a run, and ``leave_rest`` about its end; a permanent line has no runs."""
    for name, sender in senders.items():
        used = [connection for connection in connections if connection.sender == name]
        for key in ("only_waiting", "leave_rest") if used and all(connection.immediate for connection in used) else ():
            if getattr(sender.settings, key):
                words = f"is for runs, and {used[0].name} is a permanent line (immediate: true), which sends whatever comes"
                yield (*sender.place, key), words


def _idle_lines(connections: Sequence[ConnectionSettings], senders: Senders) -> Iterator[tuple[Location, str]]:
    """A permanent line gets what those before it leave: behind one that takes everything it would never send."""
    permanent = in_turn(one for one in connections if one.immediate and one.sender is not None)
    for index, connection in enumerate(connections):
        before = permanent[: permanent.index(connection)] if connection in permanent else []
        for first in before:
            if first.sender == connection.sender:
                yield ("connections", index, "immediate"), f"nothing would leave by it: {first.name} comes first and has the same sender"
                break
            if _takes_all(first, connections, senders):
                words = f"{first.name} comes first, and its sender {first.sender} takes all mail (no domain_filter)"
                yield ("connections", index, "immediate"), f"nothing would leave by it: {words}"
                break


def _takes_all(connection: ConnectionSettings, connections: Sequence[ConnectionSettings], senders: Senders) -> bool:
    sender = senders.get(connection.sender or "")
    if sender is None or sender.settings.domain_filter:
        return False
    sizes = [_largest(senders.get(one.sender)) for one in connections if one.sender is not None]
    return _largest(sender) >= max(sizes)


def _largest(sender: Sending | None) -> float:
    """The largest message that it takes."""
    return (sender.settings.max_message_size if sender is not None else None) or inf
