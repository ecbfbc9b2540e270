"""The end of a hold that began while the recipient was being sent."""

from __future__ import annotations

from typing import Any

STATEMENTS = (
    "ALTER TABLE outgoing_recipient ADD COLUMN hold_until BIGINT NOT NULL DEFAULT 0",
    "CREATE INDEX outgoing_recipient_hold ON outgoing_recipient (hold_until) WHERE hold_until > 0",
)


def up(migrator: Any, db: Any) -> None:
    """Add the column."""
    for statement in STATEMENTS:
        db.execute_sql(statement)
