"""Who and what mail can be for: one frozen snapshot of accounts, mappings and lists, for routing without a query."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..mail.sending import ORDINARY
from .database import Database, StoreUnavailable, Tx

LOOK_SECONDS = 1.0  # news may be lost, so the version is looked at by ourselves, no more often than this

VERSION = "SELECT value FROM state WHERE name = 'directory'"
USERS = (
    "SELECT id, name, admin, enabled, in_everyone, internet, max_size, forward, use_forwarding, assistants, redirect_to_assistant,"
    " CASE WHEN quota_storage + quota_messages > 0 THEN 1 ELSE 0 END, priority FROM account ORDER BY created, id"
)
MAPPINGS = "SELECT address, target FROM mapping ORDER BY address, position"
LISTS = "SELECT name, target FROM dlist LEFT JOIN dlist_member ON list_id = id ORDER BY name, position"


@dataclass(frozen=True, slots=True)
class User:
    """What routing needs to know of an account."""

    id: int
    name: str
    admin: bool = False
    enabled: bool = True
    in_everyone: bool = True
    internet: bool = True
    max_size: int = 0
    forward: tuple[str, ...] = ()
    use_forwarding: bool = False
    assistants: tuple[str, ...] = ()
    redirect_to_assistant: bool = False
    bounded: bool = False  # has a quota
    priority: int = 50  # of what it sends to other servers


@dataclass(frozen=True, slots=True)
class Directory:
    """All of it at one moment. Names and addresses are in lower case."""

    version: int = 0
    users: Mapping[str, User] = field(default_factory=dict)
    mappings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # exact addresses, also "name" and "~@domain"
    wildcards: tuple[tuple[str, tuple[str, ...]], ...] = ()  # addresses with * or ?
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    administrator: str = ""  # the main administrator: the eldest enabled one; "" when there is none
    memberships: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)  # name -> lists with perhaps that user, as written


class DirectoryCache:
    """Keeps the newest snapshot of one worker."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self.db = db
        self._clock = clock
        self._directory: Directory | None = None
        self._looked = 0.0

    def current(self) -> Directory:
        """The snapshot, no older than a second. Raises StoreUnavailable only when there is none yet."""
        directory = self._directory
        if directory is not None and self._clock() - self._looked < LOOK_SECONDS:
            return directory
        try:
            return self.fresh()
        except StoreUnavailable:
            if directory is None:
                raise
            return directory

    def fresh(self) -> Directory:
        """The snapshot as of now: asked before a recipient is refused who may have been added a moment ago."""
        directory, now = self._directory, self._clock()
        self._looked = now  # even when the database does not answer: once a second is often enough to ask
        if directory is None or self.db.read(_version) != directory.version:
            return self.refresh()
        return directory

    def priority(self, name: str) -> int:
        """Of what an account sends to other servers. Raises StoreUnavailable only when there is no snapshot yet."""
        user = self.current().users.get(name.lower())
        return ORDINARY if user is None else user.priority

    def refresh(self) -> Directory:
        """Read everything anew."""
        directory = self.db.read_slow(_load)
        known = self._directory
        if known is None or directory.version >= known.version:  # a slower reader must not bring back the past
            self._directory = directory
        self._looked = self._clock()
        return self._directory or directory


def _version(tx: Tx) -> int:
    row = tx.one(VERSION)
    return 0 if row is None else int(row[0])


def _load(tx: Tx) -> Directory:
    version = _version(tx)  # first: a change while the rest is read leaves an old version, so it is read again
    users = [_user(row) for row in tx.execute(USERS)]
    mappings, lists = _gathered(tx.execute(MAPPINGS)), _gathered(tx.execute(LISTS))
    names = {user.name for user in users}
    return Directory(
        version,
        {user.name: user for user in users},
        {address: targets for address, targets in mappings.items() if not _wild(address)},
        tuple((address, targets) for address, targets in mappings.items() if _wild(address)),
        lists,
        next((user.name for user in users if user.admin and user.enabled), ""),
        _memberships(names, lists),
    )


def _wild(address: str) -> bool:
    return "*" in address or "?" in address


def _gathered(rows: list[tuple[str, str | None]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for name, target in rows:
        found.setdefault(name, []).extend([] if target is None else [target])
    return {name: tuple(targets) for name, targets in found.items()}


def _memberships(names: set[str], lists: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[tuple[str, str], ...]]:
    """For each user the lists whose members begin with that name, an @ and a domain or nothing."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, members in lists.items():
        for member in members:
            local = member.partition("@")[0].lower()
            if local in names:
                found.setdefault(local, []).append((name, member))
    return {name: tuple(pairs) for name, pairs in found.items()}


def _user(row: tuple[int, str, int, int, int, int, int, str, int, str, int, int, int]) -> User:
    number, name, admin, enabled, in_everyone, internet, max_size, forward, use_forwarding, assistants, redirect, bounded, priority = row
    return User(
        number,
        name,
        bool(admin),
        bool(enabled),
        bool(in_everyone),
        bool(internet),
        max_size,
        tuple(part for part in forward.split(";") if part),
        bool(use_forwarding),
        tuple(part for part in assistants.split(";") if part),
        bool(redirect),
        bool(bounded),
        priority,
    )
