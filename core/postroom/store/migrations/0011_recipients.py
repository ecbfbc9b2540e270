"""How many recipients a message was queued for: filters ask, also when some of them are done."""

from __future__ import annotations

from typing import Any

STATEMENTS = (
    "ALTER TABLE outgoing ADD COLUMN recipients INTEGER NOT NULL DEFAULT 1",
    "UPDATE outgoing SET recipients = (SELECT COUNT(*) FROM outgoing_recipient WHERE outgoing_id = outgoing.id)",
)


def up(migrator: Any, db: Any) -> None:
    """Add the column; of what waits already only those are known that wait."""
    for statement in STATEMENTS:
        db.execute_sql(statement)
