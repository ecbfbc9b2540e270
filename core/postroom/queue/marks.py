"""Which connections are to run, and which one does: rows of the table ``state``, so that no wish is lost with a worker.

A wish is made by the schedule, a command, a file or a trigger; whoever holds the lease of all runs fulfils the oldest first. The row stays
while the run lasts: a worker that takes the lease over finds it and runs the connection again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..store.database import Tx

PREFIX = "connect "
WISH = "INSERT INTO state (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
WISH_ONCE = "INSERT INTO state (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"
WISHES = "SELECT name, value FROM state WHERE name >= ? AND name < ?"
BEGIN = "UPDATE state SET value = ? WHERE name = ? AND value = ? RETURNING name"
END = "DELETE FROM state WHERE name = ? AND value = ?"
RAN = "ran "
READ = "SELECT value FROM state WHERE name = ?"
FORGET = "DELETE FROM state WHERE name = ?"


@dataclass(frozen=True, slots=True)
class Mark:
    """One connection that is to run. Times are milliseconds since 1970."""

    connection: str
    at: int  # when it was wished for
    why: str  # "schedule Always", "postroom connect" …
    began: int = 0  # when its run has begun, 0 while it waits
    running: int = 0  # while it waits: when the run has begun that is under way still, 0 when there is none

    @property
    def value(self) -> str:
        """As it stands in the table."""
        return json.dumps(asdict(self))


def wish(tx: Tx, connections: Iterable[str], at: int, why: str, *, again: bool = True, since: int = 0) -> list[str]:
    """These connections are to run; ``again``: also when a run is under way, after it. Gives those for which that is news.

    ``since``: only where no run has begun since that moment (ms) or waits for its turn, so that all workers may wish for the same reason.
    """
    wished = []
    for name in connections:
        row = tx.one(READ, (PREFIX + name,))
        before = Mark(**json.loads(row[0])) if row is not None else None
        if before is not None and not again:
            continue
        if since and _begun_since(tx, name, before, since):
            continue
        statement = WISH if again and not (since and before is None) else WISH_ONCE  # another worker's may have come, and begun
        running = (before.began or before.running) if before is not None else 0
        tx.do(statement, (PREFIX + name, Mark(name, at, why, running=running).value))
        wished.append(name)
    return wished


def _begun_since(tx: Tx, name: str, mark: Mark | None, since: int) -> bool:
    if mark is not None and (not mark.began or mark.began >= since):
        return True
    row = tx.one(READ, (RAN + name,))
    return row is not None and int(row[0].partition(" ")[2] or 0) >= since


def wishes(tx: Tx) -> list[Mark]:
    """All of them, in the order in which they are to run."""
    rows = tx.execute(WISHES, (PREFIX, PREFIX[:-1] + chr(ord(PREFIX[-1]) + 1)))
    return sorted((Mark(**json.loads(value)) for _, value in rows), key=lambda mark: (mark.at, mark.connection))


def begin(tx: Tx, mark: Mark, now: int) -> Mark | None:
    """Its run begins; None when it is gone or was wished for anew meanwhile."""
    begun = Mark(mark.connection, mark.at, mark.why, now)
    return begun if tx.execute(BEGIN, (begun.value, PREFIX + mark.connection, mark.value)) else None


def end(tx: Tx, mark: Mark, seen: int) -> None:
    """Its run is over, and has seen all that was due at ``seen`` (ms); a wish that was made while it lasted stays."""
    tx.do(END, (PREFIX + mark.connection, mark.value))
    row = tx.one(READ, (PREFIX + mark.connection,))
    if row is not None:
        tx.do(WISH, (PREFIX + mark.connection, replace(Mark(**json.loads(row[0])), running=0).value))
    tx.do(WISH, (RAN + mark.connection, f"{seen} {mark.began}"))


def seen(tx: Tx, connection: str) -> int:
    """What was due then (ms) the last run has seen; 0 when there was none."""
    row = tx.one(READ, (RAN + connection,))
    return int(row[0].partition(" ")[0]) if row is not None else 0


def forget(tx: Tx, connection: str) -> None:
    """The connection is no more."""
    tx.do(FORGET, (PREFIX + connection,))
    tx.do(FORGET, (RAN + connection,))
