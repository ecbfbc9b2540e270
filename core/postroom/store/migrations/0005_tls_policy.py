"""What other domains demand for TLS: their MTA-STS policies (RFC 8461), and what is reported to them about TLS (RFC 8460)."""

from __future__ import annotations

from typing import Any

STATEMENTS = (
    """CREATE TABLE sts_policy (
        domain TEXT NOT NULL PRIMARY KEY, policy_id TEXT NOT NULL, mode TEXT NOT NULL, mx TEXT NOT NULL, max_age BIGINT NOT NULL,
        fetched_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, checked_at BIGINT NOT NULL, used_at BIGINT NOT NULL){clustered}""",
    """CREATE TABLE tls_result (
        id TEXT NOT NULL PRIMARY KEY, day BIGINT NOT NULL, domain TEXT NOT NULL, policy_type TEXT NOT NULL, policy_domain TEXT NOT NULL,
        policy_string TEXT NOT NULL, mx_patterns TEXT NOT NULL, result_type TEXT NOT NULL, reason TEXT NOT NULL,
        sending_mta_ip TEXT NOT NULL, receiving_mx TEXT NOT NULL, receiving_ip TEXT NOT NULL, helo TEXT NOT NULL, count BIGINT NOT NULL)""",
    "CREATE INDEX tls_result_report ON tls_result (day, domain)",
)


def up(migrator: Any, db: Any) -> None:
    """Add the tables."""
    clustered = " WITHOUT ROWID" if type(db).__name__.startswith("Sqlite") else ""
    for statement in STATEMENTS:
        db.execute_sql(statement.format(clustered=clustered))
