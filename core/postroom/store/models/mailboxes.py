"""Tables about folders: their messages, those that were removed, rights, annotations."""

from __future__ import annotations

from peewee import BigIntegerField, BlobField, CompositeKey, IntegerField, Model, TextField


class Mailbox(Model):
    """A folder of an account."""

    id = BigIntegerField(primary_key=True)
    account_id = BigIntegerField()
    path = TextField()
    uidvalidity = BigIntegerField()
    uidnext = BigIntegerField(default=1)
    modseq = BigIntegerField(default=1)
    special = TextField(default="")  # \Sent and the like (RFC 6154)
    messages = BigIntegerField(default=0)  # this and the next three are exact in every commit
    unseen = BigIntegerField(default=0)
    deleted = BigIntegerField(default=0)  # messages with the flag \Deleted
    bytes = BigIntegerField(default=0)
    recent = BigIntegerField(default=1)  # first UID that no session has been told of
    keywords = TextField(default="")  # all that were ever used here, separated by spaces
    horizon = BigIntegerField(default=0)  # highest modseq whose expunges are forgotten
    digested = BigIntegerField(default=0)  # highest UID whose content is digested

    class Meta:
        table_name = "mailbox"
        indexes = ((("account_id", "path"), True),)


class Message(Model):
    """A message in a mailbox: its content is prefix + blob."""

    mailbox_id = BigIntegerField()
    uid = BigIntegerField()
    blob_id = BigIntegerField(index=True)
    size = BigIntegerField()  # bytes of prefix and blob
    prefix = BlobField()
    received_at = BigIntegerField()
    flags = IntegerField(default=0)  # 1 Seen, 2 Answered, 4 Flagged, 8 Deleted, 16 Draft
    keywords = TextField(default="")
    hidden = IntegerField(default=0)  # held on the server after a POP3 delete
    modseq = BigIntegerField(default=1)
    trace = BigIntegerField(default=0)
    saved_at = BigIntegerField(default=0)  # when it came into this mailbox
    email = BigIntegerField(default=0)  # EMAILID (RFC 8474), the same for all copies
    own = IntegerField(default=0)  # the prefix holds fields that IMAP shows: answers kept for the blob do not apply
    touched = IntegerField(default=0)  # flags or keywords were changed after it came

    class Meta:
        table_name = "message"
        primary_key = CompositeKey("mailbox_id", "uid")


class Expunged(Model):
    """A message that was removed: for clients that ask what has vanished, and for those who want it back."""

    mailbox_id = BigIntegerField()
    uid = BigIntegerField()
    modseq = BigIntegerField()  # of its removal
    expunged_at = BigIntegerField(index=True)
    blob_id = BigIntegerField(index=True)  # 0 when it cannot be had back
    size = BigIntegerField()
    prefix = BlobField()
    received_at = BigIntegerField()
    flags = IntegerField()
    keywords = TextField()
    trace = BigIntegerField()
    saved_at = BigIntegerField()
    email = BigIntegerField()
    own = IntegerField()

    class Meta:
        table_name = "expunged"
        primary_key = CompositeKey("mailbox_id", "uid")


class DeletedMailbox(Model):
    """A folder that was deleted; its messages are among the expunged."""

    id = BigIntegerField(primary_key=True)
    account_id = BigIntegerField()
    path = TextField()
    special = TextField()
    deleted_at = BigIntegerField()

    class Meta:
        table_name = "deleted_mailbox"


class Acl(Model):
    """What somebody other than the owner may do in a mailbox (RFC 4314)."""

    mailbox_id = BigIntegerField()
    identifier = TextField(index=True)
    rights = TextField()

    class Meta:
        table_name = "acl"
        primary_key = CompositeKey("mailbox_id", "identifier")


class Annotation(Model):
    """A METADATA entry (RFC 5464)."""

    account_id = BigIntegerField()  # whose private entry it is, 0 for a shared one
    mailbox_id = BigIntegerField()  # 0 for entries of the server
    entry = TextField()
    value = BlobField()

    class Meta:
        table_name = "annotation"
        primary_key = CompositeKey("mailbox_id", "account_id", "entry")
