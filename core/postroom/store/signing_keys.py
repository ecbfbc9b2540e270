"""The keys that sign outgoing mail: made, published, in use, retired (DKIM, RFC 6376).

A new key is *next* until its record is in the DNS, then *active* in place of the one of the same algorithm before it, which is *retired*:
it signs no more, and its record stays in the DNS until mail in flight has arrived and somebody removes it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from postroom.credentials import Vault
from postroom.ids import new_id
from postroom.mail.dkim.keys import PrivateKey, key_name, load_private, record_text

from .database import Conflict, Database, Tx

State = Literal["next", "active", "retired"]

FIELDS = "id, domain, selector, algorithm, secret, record, state, created_at, activated_at, retired_at"
ALL = f"SELECT {FIELDS} FROM signing_key ORDER BY domain, created_at, selector"
OF_DOMAIN = f"SELECT {FIELDS} FROM signing_key WHERE domain = ? ORDER BY created_at, selector"
INSERT = f"INSERT INTO signing_key ({FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
TAKEN = "SELECT 1 FROM signing_key WHERE domain = ? AND selector = ?"
WAITING = "SELECT 1 FROM signing_key WHERE domain = ? AND algorithm = ? AND state = 'next'"
NEXT = "SELECT algorithm FROM signing_key WHERE id = ? AND state = 'next'"
RETIRE = "UPDATE signing_key SET state = 'retired', retired_at = ? WHERE domain = ? AND algorithm = ? AND state = 'active'"
ACTIVATE = "UPDATE signing_key SET state = 'active', activated_at = ? WHERE id = ?"
REMOVE = "DELETE FROM signing_key WHERE domain = ? AND selector = ? RETURNING id"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key as the store keeps it. Times are ms since 1970, 0 where it has not happened."""

    id: int
    domain: str
    selector: str
    algorithm: str
    secret: str = field(repr=False)  # encrypted
    record: str  # the text to publish
    state: State
    created_at: int
    activated_at: int
    retired_at: int

    @property
    def name(self) -> str:
        """The name of its record in the DNS."""
        return key_name(self.selector, self.domain)


class SigningKeys:
    """The keys of one database. ``clock``: epoch seconds."""

    def __init__(self, db: Database, vault: Vault, clock: Callable[[], float] = time.time) -> None:
        self.db, self.vault, self.clock = db, vault, clock
        self._loaded: dict[int, PrivateKey] = {}

    def all(self) -> list[SigningKey]:
        """Every key, by domain and age."""
        return [SigningKey(*row) for row in self.db.read_slow(lambda tx: tx.execute(ALL))]

    def of(self, domain: str) -> list[SigningKey]:
        """The keys of a domain (A-labels in lower case), the oldest first. A short read by key."""
        return [SigningKey(*row) for row in self.db.read(lambda tx: tx.execute(OF_DOMAIN, (domain,)))]

    def active(self, domain: str) -> list[SigningKey]:
        """The keys that sign for a domain, RSA first, which every receiver knows."""
        return sorted((key for key in self.of(domain) if key.state == "active"), key=lambda key: key.algorithm != "rsa")

    def private(self, key: SigningKey) -> PrivateKey:
        """The key itself, remembered. Raises UnreadableSecret, BadKey."""
        loaded = self._loaded.get(key.id)
        if loaded is None:
            loaded = self._loaded[key.id] = load_private(self.vault.unlock(key.secret))
        return loaded

    def add(self, domain: str, made: Iterable[tuple[str, PrivateKey]], *, active: bool) -> list[SigningKey]:
        """Store new keys with their selectors, all or none; those that are not ``active`` are next.

        Raises Conflict when a selector is taken, or another key of the algorithm is waiting already.
        """
        now = int(self.clock() * 1000)
        keys = [
            SigningKey(
                new_id(), domain, selector, key.kind, self.vault.lock(key.pem()), record_text(key),
                "next", now, 0, 0,
            )
            for selector, key in made
        ]  # fmt: skip

        def work(tx: Tx) -> None:
            for key in keys:
                if tx.one(TAKEN, (domain, key.selector)) is not None:
                    raise Conflict(f"{domain} has a key with the selector {key.selector} already")
                if tx.one(WAITING, (domain, key.algorithm)) is not None:
                    raise Conflict(f"{domain} has a new {key.algorithm} key already that waits for its record in the DNS")
                tx.do(INSERT, (*(getattr(key, name) for name in FIELDS.split(", ")),))
                if active:
                    _activate(tx, key, now)

        self.db.write(work)
        return [key for key in self.of(domain) if key.id in {one.id for one in keys}]

    def activate(self, key: SigningKey) -> bool:
        """Let a next key sign from now on, and retire the one before it; False when it was not waiting any more."""
        now = int(self.clock() * 1000)
        return self.db.write(lambda tx: tx.one(NEXT, (key.id,)) is not None and _activate(tx, key, now))

    def remove(self, domain: str, selector: str) -> bool:
        """Remove a key for good; False when there is none."""
        return self.db.write(lambda tx: bool(tx.execute(REMOVE, (domain, selector))))


def _activate(tx: Tx, key: SigningKey, now: int) -> bool:
    tx.do(RETIRE, (now, key.domain, key.algorithm))
    tx.do(ACTIVATE, (now, key.id))
    return True
