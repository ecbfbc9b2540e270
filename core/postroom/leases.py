"""Who does the jobs that only one may do: named leases in the database, held by one owner until they expire."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .store.database import Database, Tx

HOLD = (
    "INSERT INTO lease (name, owner, expires) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE"
    " SET owner = excluded.owner, expires = excluded.expires"
    " WHERE lease.owner = excluded.owner OR lease.expires < ? OR lease.expires > ? RETURNING name"
)
TAKE = (
    "INSERT INTO lease (name, owner, expires) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE"
    " SET owner = excluded.owner, expires = excluded.expires WHERE lease.expires < ? OR lease.expires > ? RETURNING name"
)
SKEW = (
    300_000  # milliseconds that clocks of two servers may differ: a lease that ends later than any can is from before a clock was set back
)


class Leases:
    """The leases as one owner sees them. ``owner`` names this worker among all workers of all nodes."""

    def __init__(self, db: Database, owner: str, clock: Callable[[], float] = time.time) -> None:
        self.db, self.owner, self.clock = db, owner, clock

    def hold(self, name: str, ttl: float) -> bool:
        """Acquire the lease or renew one's own for ``ttl`` seconds; False when somebody else has it.

        Raises StoreUnavailable when the database does not answer.
        """
        return self._claim(HOLD, name, ttl)

    def take(self, name: str, ttl: float) -> bool:
        """Acquire the lease only if it has expired, even one's own: at most one success in ``ttl`` seconds anywhere."""
        return self._claim(TAKE, name, ttl)

    def release(self, name: str) -> None:
        """Give the lease back, if it is ours."""
        self.db.write(lambda tx: tx.execute("DELETE FROM lease WHERE name = ? AND owner = ?", (name, self.owner)))

    def forget(self, before: float) -> None:
        """Remove leases that ended before ``before`` (epoch seconds): of accounts, connections and jobs that are no more."""
        end = int(before * 1000)
        self.db.write(lambda tx: tx.execute("DELETE FROM lease WHERE expires < ?", (end,)))

    def _claim(self, statement: str, name: str, ttl: float) -> bool:
        now = int(self.clock() * 1000)
        expires = now + int(ttl * 1000)

        def claim(tx: Tx) -> bool:
            return bool(tx.execute(statement, (name, self.owner, expires, now, expires + SKEW)))

        return self.db.write(claim)
