"""What IMAP needs: counts and changes of mailboxes, what was expunged, rights, subscriptions, annotations, and answers worth keeping."""

from __future__ import annotations

from typing import Any

SQLITE = {"key": "INTEGER", "bytes": "BLOB", "clustered": " WITHOUT ROWID"}
POSTGRESQL = {"key": "BIGINT", "bytes": "BYTEA", "clustered": ""}

COLUMNS = {
    "account": ("quota_storage BIGINT NOT NULL DEFAULT 0", "quota_messages BIGINT NOT NULL DEFAULT 0"),
    "mailbox": (
        "messages BIGINT NOT NULL DEFAULT 0",
        "unseen BIGINT NOT NULL DEFAULT 0",
        "deleted BIGINT NOT NULL DEFAULT 0",
        "bytes BIGINT NOT NULL DEFAULT 0",
        "recent BIGINT NOT NULL DEFAULT 1",
        "keywords TEXT NOT NULL DEFAULT ''",
        "horizon BIGINT NOT NULL DEFAULT 0",
        "digested BIGINT NOT NULL DEFAULT 0",
    ),
    "message": (
        "saved_at BIGINT NOT NULL DEFAULT 0",
        "email BIGINT NOT NULL DEFAULT 0",
        "own SMALLINT NOT NULL DEFAULT 0",
        "touched SMALLINT NOT NULL DEFAULT 0",
    ),
}

STATEMENTS = (
    # Messages that were there before: nothing is known about their prefixes, and their flags may have changed
    "UPDATE message SET saved_at = received_at, email = blob_id, own = 1, touched = 1",
    """UPDATE mailbox SET
        messages = (SELECT count(*) FROM message WHERE mailbox_id = mailbox.id),
        unseen = (SELECT count(*) FROM message WHERE mailbox_id = mailbox.id AND flags & 1 = 0),
        deleted = (SELECT count(*) FROM message WHERE mailbox_id = mailbox.id AND flags & 8 <> 0),
        bytes = (SELECT coalesce(sum(size), 0) FROM message WHERE mailbox_id = mailbox.id),
        horizon = modseq""",
    "CREATE INDEX message_touched ON message (mailbox_id, modseq) WHERE touched = 1",
    """CREATE TABLE expunged (
        mailbox_id BIGINT NOT NULL, uid BIGINT NOT NULL, modseq BIGINT NOT NULL, expunged_at BIGINT NOT NULL, blob_id BIGINT NOT NULL,
        size BIGINT NOT NULL, prefix {bytes} NOT NULL, received_at BIGINT NOT NULL, flags INTEGER NOT NULL, keywords TEXT NOT NULL,
        trace BIGINT NOT NULL, saved_at BIGINT NOT NULL, email BIGINT NOT NULL, own SMALLINT NOT NULL,
        PRIMARY KEY (mailbox_id, uid)){clustered}""",
    "CREATE INDEX expunged_changes ON expunged (mailbox_id, modseq)",
    "CREATE INDEX expunged_blob ON expunged (blob_id)",
    "CREATE INDEX expunged_time ON expunged (expunged_at)",
    """CREATE TABLE deleted_mailbox (
        id {key} PRIMARY KEY, account_id BIGINT NOT NULL, path TEXT NOT NULL, special TEXT NOT NULL, deleted_at BIGINT NOT NULL)""",
    """CREATE TABLE subscription (account_id BIGINT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (account_id, name)){clustered}""",
    """INSERT INTO subscription (account_id, name) SELECT account_id, path FROM mailbox""",
    """CREATE TABLE acl (
        mailbox_id BIGINT NOT NULL, identifier TEXT NOT NULL, rights TEXT NOT NULL, PRIMARY KEY (mailbox_id, identifier)){clustered}""",
    "CREATE INDEX acl_identifier ON acl (identifier)",
    """CREATE TABLE annotation (
        account_id BIGINT NOT NULL, mailbox_id BIGINT NOT NULL, entry TEXT NOT NULL, value {bytes} NOT NULL,
        PRIMARY KEY (mailbox_id, account_id, entry)){clustered}""",
    "CREATE TABLE kept_kind (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL UNIQUE, asked BIGINT NOT NULL)",
    """CREATE TABLE kept (
        kind INTEGER NOT NULL, blob_id BIGINT NOT NULL, value {bytes} NOT NULL, PRIMARY KEY (kind, blob_id)){clustered}""",
    """CREATE TABLE heading (
        blob_id {key} PRIMARY KEY, sent_at BIGINT, subject TEXT NOT NULL, base_subject TEXT NOT NULL, reply SMALLINT NOT NULL,
        sender TEXT NOT NULL, recipient TEXT NOT NULL, cc TEXT NOT NULL, bcc TEXT NOT NULL, from_key TEXT NOT NULL, to_key TEXT NOT NULL,
        cc_key TEXT NOT NULL, display_from TEXT NOT NULL, display_to TEXT NOT NULL, message_id TEXT NOT NULL, refs TEXT NOT NULL)""",
)

ON_SQLITE = (
    """CREATE TRIGGER expunged_gone AFTER DELETE ON expunged WHEN OLD.blob_id <> 0
        BEGIN INSERT INTO loose (blob_id) VALUES (OLD.blob_id); END""",
)

ON_POSTGRESQL = (
    """CREATE FUNCTION note_loose_expunged() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN INSERT INTO loose (blob_id) SELECT DISTINCT blob_id FROM gone WHERE blob_id <> 0; RETURN NULL; END'""",
    """CREATE TRIGGER expunged_gone AFTER DELETE ON expunged REFERENCING OLD TABLE AS gone
        FOR EACH STATEMENT EXECUTE FUNCTION note_loose_expunged()""",
)


def up(migrator: Any, db: Any) -> None:
    """Add the columns and tables."""
    sqlite = type(db).__name__.startswith("Sqlite")
    for table, columns in COLUMNS.items():
        for column in columns:
            db.execute_sql(f"ALTER TABLE {table} ADD COLUMN {column}")
    for statement in STATEMENTS:
        db.execute_sql(statement.format(**(SQLITE if sqlite else POSTGRESQL)))
    for statement in ON_SQLITE if sqlite else ON_POSTGRESQL:
        db.execute_sql(statement)
