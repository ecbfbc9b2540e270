"""The recorded life of each message: events under its trace id."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from postroom.ids import first_id, new_id

from .database import Database, Tx

INSERT = "INSERT INTO trace (id, trace, at, event, detail) VALUES (?, ?, ?, ?, ?)"
LIFE = "SELECT at, event, detail FROM trace WHERE trace = ? ORDER BY at, id"
STEP = 1000  # events in one transaction: bounds how long it holds up the writes beside it
LAST_OF_STEP = f"SELECT MAX(trace) FROM (SELECT trace FROM trace WHERE trace < ? ORDER BY trace LIMIT {STEP}) AS oldest"
FORGET = "DELETE FROM trace WHERE trace <= ?"

Values = tuple[int, int, int, str, str]  # of one row
_encode = json.JSONEncoder(separators=(",", ":"), default=str).encode  # ASCII only: PostgreSQL's text takes no NUL


@dataclass(frozen=True, slots=True)
class Event:
    """One step of a message's life."""

    at: int  # milliseconds since 1970
    event: str  # "accepted", "delivered", …
    detail: dict[str, Any]


def row(trace: int, at_ms: int, event: str, detail: dict[str, Any]) -> Values:
    """The values of one event, to be prepared by the caller and written with ``record_rows``."""
    return new_id(), trace, at_ms, event, _encode(detail)


def record(tx: Tx, trace: int, at_ms: int, event: str, detail: dict[str, Any]) -> None:
    """Write one event inside the caller's transaction. ``detail`` holds no message content and no secrets."""
    tx.do(INSERT, row(trace, at_ms, event, detail))


def record_rows(tx: Tx, rows: list[Values]) -> None:
    """Write several prepared events at once."""
    if len(rows) == 1:
        tx.do(INSERT, rows[0])
    else:
        tx.many(INSERT, rows)


class Traces:
    """Reads lives, and forgets old ones."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def life(self, trace: int) -> list[Event]:
        """All events of one message in the order of time; [] when nothing is known."""
        rows = self.db.read(lambda tx: tx.execute(LIFE, (trace,)))
        return [Event(at, event, json.loads(detail)) for at, event, detail in rows]

    def forget(self, before: float) -> None:
        """Remove the lives of all messages that are older than ``before`` (epoch seconds), in small steps."""
        end = first_id(before)
        while (last := self.db.read(lambda tx: tx.one(LAST_OF_STEP, (end,)))) not in (None, (None,)):
            self.db.write(lambda tx, last=last: tx.do(FORGET, last))  # type: ignore[misc]
