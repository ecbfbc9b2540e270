"""When a message was let go that had been held: the time in which it is tried counts from then."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    """Add the column."""
    db.execute_sql("ALTER TABLE outgoing ADD COLUMN let_go_at BIGINT NOT NULL DEFAULT 0")
