"""MTA-STS policies that outlive a restart. Times are epoch seconds here and milliseconds in the table."""

from __future__ import annotations

import json
from dataclasses import dataclass

from .database import Database, Row

COLUMNS = "domain, policy_id, mode, mx, max_age, fetched_at, expires_at, checked_at, used_at"
FIND = f"SELECT {COLUMNS} FROM sts_policy WHERE domain = ?"
DUE = (
    f"SELECT {COLUMNS} FROM sts_policy WHERE (checked_at < ? OR expires_at < ?) AND expires_at > ? AND used_at > ?"
    " ORDER BY checked_at LIMIT 500"
)
KEEP = (
    f"INSERT INTO sts_policy ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (domain) DO UPDATE SET"
    " policy_id = excluded.policy_id, mode = excluded.mode, mx = excluded.mx, max_age = excluded.max_age, fetched_at = excluded.fetched_at,"
    " expires_at = excluded.expires_at, checked_at = excluded.checked_at"
)
CHECKED = "UPDATE sts_policy SET checked_at = ? WHERE domain = ?"
USED = "UPDATE sts_policy SET used_at = ? WHERE domain = ?"
FORGET = "DELETE FROM sts_policy WHERE expires_at < ?"


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """One row."""

    domain: str
    policy_id: str
    mode: str
    mx: tuple[str, ...]
    max_age: int  # seconds
    fetched_at: float
    expires_at: float
    checked_at: float
    used_at: float


class StsStore:
    """The table ``sts_policy``. Raises StoreUnavailable."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def find(self, domain: str) -> StoredPolicy | None:
        """What is kept for a domain, good still or not."""
        row = self._db.read(lambda tx: tx.one(FIND, (domain,)))
        return _stored(row) if row else None

    def keep(self, policy: StoredPolicy) -> None:
        """Write it in place of what was there; ``used_at`` of a row that was there stays."""
        times = (_ms(policy.fetched_at), _ms(policy.expires_at), _ms(policy.checked_at), _ms(policy.used_at))
        values = (policy.domain, policy.policy_id, policy.mode, json.dumps(policy.mx), policy.max_age, *times)
        self._db.write(lambda tx: tx.do(KEEP, values))

    def checked(self, domain: str, at: float) -> None:
        """Fetching it was tried in vain."""
        self._db.write(lambda tx: tx.do(CHECKED, (_ms(at), domain)))

    def used(self, domain: str, at: float) -> None:
        """Mail goes there."""
        self._db.write(lambda tx: tx.do(USED, (_ms(at), domain)))

    def due(self, *, checked_before: float, expires_before: float, good_at: float, used_after: float) -> list[StoredPolicy]:
        """At most 500 that were not looked at lately or expire soon, are good still, and are used; the longest unchecked first."""
        values = (_ms(checked_before), _ms(expires_before), _ms(good_at), _ms(used_after))
        return [_stored(row) for row in self._db.read_slow(lambda tx: tx.execute(DUE, values))]

    def forget(self, before: float) -> None:
        """Remove what expired before."""
        self._db.write(lambda tx: tx.do(FORGET, (_ms(before),)))


def _ms(seconds: float) -> int:
    return int(seconds * 1000)


def _stored(row: Row) -> StoredPolicy:
    domain, policy_id, mode, mx, max_age, *times = row
    fetched, expires, checked, used = (time / 1000 for time in times)
    return StoredPolicy(domain, policy_id, mode, tuple(json.loads(mx)), max_age, fetched, expires, checked, used)
