"""The first schema.

Types: ``{key}`` is INTEGER on SQLite, where only that spelling makes a primary key the row's own address. ``{clustered}``: rows lie in
the order of their key, so that a mailbox, a blob and a life are each one stretch of the file, and inserting appends.
"""

from __future__ import annotations

from typing import Any

SQLITE = {"key": "INTEGER", "bytes": "BLOB", "clustered": " WITHOUT ROWID"}
POSTGRESQL = {"key": "BIGINT", "bytes": "BYTEA", "clustered": ""}

TABLES = (
    """CREATE TABLE account (
        id {key} PRIMARY KEY, name TEXT NOT NULL UNIQUE, password TEXT NOT NULL, scram TEXT NOT NULL, reversible TEXT NOT NULL,
        comment TEXT NOT NULL, admin SMALLINT NOT NULL, enabled SMALLINT NOT NULL, in_everyone SMALLINT NOT NULL,
        internet SMALLINT NOT NULL, max_size BIGINT NOT NULL, forward TEXT NOT NULL, use_forwarding SMALLINT NOT NULL,
        assistants TEXT NOT NULL, redirect_to_assistant SMALLINT NOT NULL, hold SMALLINT NOT NULL, protocols TEXT NOT NULL,
        created BIGINT NOT NULL)""",
    "CREATE TABLE mapping (id {key} PRIMARY KEY, address TEXT NOT NULL, target TEXT NOT NULL, position INTEGER NOT NULL)",
    "CREATE INDEX mapping_address ON mapping (address)",
    "CREATE TABLE dlist (id {key} PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    """CREATE TABLE dlist_member (list_id BIGINT NOT NULL, position INTEGER NOT NULL, target TEXT NOT NULL,
        PRIMARY KEY (list_id, position)){clustered}""",
    "CREATE TABLE state (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL)",
    """CREATE TABLE mailbox (
        id {key} PRIMARY KEY, account_id BIGINT NOT NULL, path TEXT NOT NULL, uidvalidity BIGINT NOT NULL, uidnext BIGINT NOT NULL,
        modseq BIGINT NOT NULL, special TEXT NOT NULL, UNIQUE (account_id, path))""",
    """CREATE TABLE message (
        mailbox_id BIGINT NOT NULL, uid BIGINT NOT NULL, blob_id BIGINT NOT NULL, size BIGINT NOT NULL, prefix {bytes} NOT NULL,
        received_at BIGINT NOT NULL, flags INTEGER NOT NULL, keywords TEXT NOT NULL, hidden SMALLINT NOT NULL, modseq BIGINT NOT NULL,
        trace BIGINT NOT NULL, PRIMARY KEY (mailbox_id, uid)){clustered}""",
    "CREATE INDEX message_blob ON message (blob_id)",
    """CREATE TABLE blob (
        id {key} PRIMARY KEY, hash {bytes} NOT NULL, size BIGINT NOT NULL, complete SMALLINT NOT NULL, created BIGINT NOT NULL,
        data {bytes} NOT NULL)""",
    "CREATE INDEX blob_hash ON blob (hash)",
    "CREATE INDEX blob_incomplete ON blob (created) WHERE complete = 0",
    "CREATE TABLE chunk (blob_id BIGINT NOT NULL, seq INTEGER NOT NULL, data {bytes} NOT NULL, PRIMARY KEY (blob_id, seq)){clustered}",
    "CREATE TABLE loose (blob_id BIGINT NOT NULL)",
    "CREATE INDEX loose_blob ON loose (blob_id)",
    """CREATE TABLE outgoing (
        id {key} PRIMARY KEY, blob_id BIGINT NOT NULL, prefix {bytes} NOT NULL, size BIGINT NOT NULL, sender TEXT NOT NULL, "user" TEXT,
        client_address TEXT NOT NULL, body TEXT NOT NULL, smtputf8 SMALLINT NOT NULL, requiretls SMALLINT NOT NULL, ret TEXT NOT NULL,
        envid TEXT NOT NULL, queued_at BIGINT NOT NULL, held SMALLINT NOT NULL, priority INTEGER NOT NULL)""",
    "CREATE INDEX outgoing_blob ON outgoing (blob_id)",
    """CREATE TABLE outgoing_recipient (
        id {key} PRIMARY KEY, outgoing_id BIGINT NOT NULL, channel TEXT NOT NULL, address TEXT NOT NULL, original TEXT NOT NULL,
        notify TEXT NOT NULL, orcpt TEXT NOT NULL, state SMALLINT NOT NULL, attempts INTEGER NOT NULL, next_try BIGINT NOT NULL,
        lease_owner TEXT NOT NULL, lease_until BIGINT NOT NULL, last_reply TEXT NOT NULL, last_server TEXT NOT NULL,
        last_try BIGINT NOT NULL, warned SMALLINT NOT NULL)""",
    "CREATE INDEX outgoing_recipient_message ON outgoing_recipient (outgoing_id)",
    "CREATE INDEX outgoing_recipient_due ON outgoing_recipient (channel, state, next_try)",
    """CREATE TABLE trace (
        id BIGINT NOT NULL, trace BIGINT NOT NULL, at BIGINT NOT NULL, event TEXT NOT NULL, detail TEXT NOT NULL,
        PRIMARY KEY (trace, id)){clustered}""",
    "CREATE TABLE lease (name TEXT PRIMARY KEY NOT NULL, owner TEXT NOT NULL, expires BIGINT NOT NULL)",
    "INSERT INTO state (name, value) VALUES ('directory', '1')",
)

ON_SQLITE = tuple(
    f"CREATE TRIGGER {table}_gone AFTER DELETE ON {table} BEGIN INSERT INTO loose (blob_id) VALUES (OLD.blob_id); END"
    for table in ("message", "outgoing")
)

ON_POSTGRESQL = (  # bytes of mail rarely shrink, so no time is spent on trying; hot counters stay on their page
    "ALTER TABLE blob ALTER COLUMN data SET STORAGE EXTERNAL",
    "ALTER TABLE chunk ALTER COLUMN data SET STORAGE EXTERNAL",
    "ALTER TABLE mailbox SET (fillfactor = 50)",
    """CREATE FUNCTION note_loose() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN INSERT INTO loose (blob_id) SELECT DISTINCT blob_id FROM gone; RETURN NULL; END'""",
    *(
        f"CREATE TRIGGER {table}_gone AFTER DELETE ON {table} REFERENCING OLD TABLE AS gone"
        " FOR EACH STATEMENT EXECUTE FUNCTION note_loose()"
        for table in ("message", "outgoing")
    ),
)


def up(migrator: Any, db: Any) -> None:
    """Create all tables."""
    sqlite = type(db).__name__.startswith("Sqlite")
    for statement in TABLES:
        db.execute_sql(statement.format(**(SQLITE if sqlite else POSTGRESQL)))
    for statement in ON_SQLITE if sqlite else ON_POSTGRESQL:
        db.execute_sql(statement)
