"""Routes addresses by the newest directory, remembering what it has found for as long as the directory stays the same."""

from __future__ import annotations

from itertools import chain
from typing import Protocol

from postroom.mail.envelope import Envelope
from postroom.mail.local_domains import LocalDomains
from postroom.store.directory import Directory

from .expansion import Lock, Origin
from .gathering import Decision
from .mappings import Mappings
from .routing import resolve
from .settings import Settings

REMEMBERED = 10_000  # routes of one directory; forgetting all when full is simpler than a queue, and as fast

Key = tuple[str, bool, str]  # address, sent locally, sender where it matters


class Directories(Protocol):
    """Where snapshots come from; ``postroom.store.directory.DirectoryCache``."""

    def current(self) -> Directory:
        """The snapshot at hand, at most a second old."""

    def fresh(self) -> Directory:
        """A snapshot of this moment."""


class Snapshot:
    """One directory with everything that has been derived from it."""

    def __init__(self, directory: Directory, domains: LocalDomains, settings: Settings, lock: Lock | None) -> None:
        self.directory, self.domains, self.settings, self.lock = directory, domains, settings, lock
        self.mappings = Mappings(chain(directory.mappings.items(), directory.wildcards))
        self.routes: dict[Key, Decision | None] = {}  # None: look again with the sender

    def decide(self, address: str, envelope: Envelope) -> Decision:
        """The decision for one recipient, remembered or new."""
        local = envelope.local_origin or envelope.user is not None  # a user is of this house, also one who may not send outside
        key = (address, local, "")
        decision = self.routes.get(key)
        if decision is not None:
            return decision
        sender = envelope.user or (envelope.sender and self.domains.identity(envelope.sender))
        by_sender = (address, local, sender or "<>")
        if key in self.routes:
            decision = self.routes.get(by_sender)
        if decision is None:
            origin = Origin(local, sender)
            decision = resolve(address, self.directory, self.mappings, self.domains, origin, self.settings, self.lock)
            self._remember(key, by_sender, decision)
        return decision

    def _remember(self, key: Key, by_sender: Key, decision: Decision) -> None:
        if decision.unknown:
            return  # the guesses of strangers would push out what is useful
        if len(self.routes) >= REMEMBERED:
            self.routes.clear()
        if decision.by_sender:
            self.routes[key] = None
            key = by_sender
        self.routes[key] = decision


class Router:
    """The routes of one worker."""

    def __init__(self, directories: Directories, domains: LocalDomains, settings: Settings, lock: Lock | None = None) -> None:
        self.directories, self.domains, self.settings, self.lock = directories, domains, settings, lock
        self._snapshot: Snapshot | None = None

    def route(self, address: str, envelope: Envelope) -> Decision:
        """Where mail for the address goes. Raises what the directory raises when the store does not answer."""
        decision = self._at(self.directories.current()).decide(address, envelope)
        if decision.unknown:  # an account that was made a moment ago must not be refused for good
            decision = self._at(self.directories.fresh()).decide(address, envelope)
        return decision

    def _at(self, directory: Directory) -> Snapshot:
        snapshot = self._snapshot
        if snapshot is None or snapshot.directory is not directory:
            snapshot = self._snapshot = Snapshot(directory, self.domains, self.settings, self.lock)
        return snapshot
