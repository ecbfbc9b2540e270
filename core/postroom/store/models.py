"""The tables as peewee models: they describe columns and build the queries of cold paths; behaviour lives elsewhere.

Ids are made by the caller (``postroom.ids``), times are milliseconds since 1970, booleans are 0 or 1.
"""

from __future__ import annotations

from peewee import BigIntegerField, BlobField, CompositeKey, IntegerField, Model, TextField


class Account(Model):
    """A user of this server; credentials are '' where not set."""

    id = BigIntegerField(primary_key=True)
    name = TextField(unique=True)  # in lower case
    password = TextField(default="")  # argon2id hash
    scram = TextField(default="")  # iterations$salt$stored$server
    reversible = TextField(default="")  # encrypted secret, for CRAM-MD5 and APOP
    comment = TextField(default="")
    admin = IntegerField(default=0)
    enabled = IntegerField(default=1)
    in_everyone = IntegerField(default=1)
    internet = IntegerField(default=1)  # may send outside
    max_size = BigIntegerField(default=0)  # bytes of one message sent, 0 = the server's limit
    forward = TextField(default="")  # targets, separated by ;
    use_forwarding = IntegerField(default=0)
    assistants = TextField(default="")  # targets, separated by ;
    redirect_to_assistant = IntegerField(default=0)
    hold = IntegerField(default=0)  # POP3 DELE hides instead of deleting
    protocols = TextField(default="")  # allowed ones, separated by ;, '' = all
    created = BigIntegerField()

    class Meta:
        table_name = "account"


class Mapping(Model):
    """One target of an address; several rows of one address are copies."""

    id = BigIntegerField(primary_key=True)
    address = TextField(index=True)
    target = TextField()
    position = IntegerField(default=0)

    class Meta:
        table_name = "mapping"


class List(Model):
    """A distribution list."""

    id = BigIntegerField(primary_key=True)
    name = TextField(unique=True)

    class Meta:
        table_name = "dlist"


class Member(Model):
    """One member of a distribution list."""

    list_id = BigIntegerField()
    position = IntegerField()
    target = TextField()

    class Meta:
        table_name = "dlist_member"
        primary_key = CompositeKey("list_id", "position")


class State(Model):
    """Small facts by name; "directory" counts the changes of accounts, mappings and lists."""

    name = TextField(primary_key=True)
    value = TextField()

    class Meta:
        table_name = "state"


class Mailbox(Model):
    """A folder of an account."""

    id = BigIntegerField(primary_key=True)
    account_id = BigIntegerField()
    path = TextField()
    uidvalidity = BigIntegerField()
    uidnext = BigIntegerField(default=1)
    modseq = BigIntegerField(default=1)
    special = TextField(default="")  # \Sent and the like (RFC 6154)

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

    class Meta:
        table_name = "message"
        primary_key = CompositeKey("mailbox_id", "uid")


class Blob(Model):
    """Bytes stored once by content: the first 256 KB here, the others in chunks."""

    id = BigIntegerField(primary_key=True)
    hash = BlobField(index=True)  # BLAKE2b, 32 bytes; empty while incomplete
    size = BigIntegerField()
    complete = IntegerField(default=0)
    created = BigIntegerField()
    data = BlobField()

    class Meta:
        table_name = "blob"


class Chunk(Model):
    """256 KB of a blob after the first (seq counts from 1); the last one is shorter."""

    blob_id = BigIntegerField()
    seq = IntegerField()
    data = BlobField()

    class Meta:
        table_name = "chunk"
        primary_key = CompositeKey("blob_id", "seq")


class Loose(Model):
    """Blobs that a deleted row referred to: the collector looks whether somebody else still does. Triggers fill it."""

    blob_id = BigIntegerField(index=True)

    class Meta:
        table_name = "loose"
        primary_key = False


class Outgoing(Model):
    """A message on its way out; its id is its trace id."""

    id = BigIntegerField(primary_key=True)
    blob_id = BigIntegerField(index=True)
    prefix = BlobField()
    size = BigIntegerField()
    sender = TextField()
    user = TextField(null=True)
    client_address = TextField(default="")
    body = TextField(default="7BIT")
    smtputf8 = IntegerField(default=0)
    requiretls = IntegerField(default=0)
    ret = TextField(default="")
    envid = TextField(default="")
    queued_at = BigIntegerField()
    held = IntegerField(default=0)
    priority = IntegerField(default=0)

    class Meta:
        table_name = "outgoing"


class OutgoingRecipient(Model):
    """One recipient of a message on its way out, with the state of its delivery."""

    id = BigIntegerField(primary_key=True)
    outgoing_id = BigIntegerField(index=True)
    channel = TextField(default="out")
    address = TextField()
    original = TextField(default="")  # the address as first given
    notify = TextField(default="")
    orcpt = TextField(default="")
    state = IntegerField(default=0)  # 0 waiting, 1 held
    attempts = IntegerField(default=0)
    next_try = BigIntegerField(default=0)
    lease_owner = TextField(default="")
    lease_until = BigIntegerField(default=0)
    last_reply = TextField(default="")
    last_server = TextField(default="")
    last_try = BigIntegerField(default=0)
    warned = IntegerField(default=0)

    class Meta:
        table_name = "outgoing_recipient"
        indexes = ((("channel", "state", "next_try"), False),)


class Trace(Model):
    """One event in the life of a message."""

    id = BigIntegerField()
    trace = BigIntegerField()
    at = BigIntegerField()
    event = TextField()
    detail = TextField(default="{}")  # JSON

    class Meta:
        table_name = "trace"
        primary_key = CompositeKey("trace", "id")


class Lease(Model):
    """Who may do a job that only one may do."""

    name = TextField(primary_key=True)
    owner = TextField()
    expires = BigIntegerField()

    class Meta:
        table_name = "lease"


TABLES = (Account, Mapping, List, Member, State, Mailbox, Message, Blob, Chunk, Loose, Outgoing, OutgoingRecipient, Trace, Lease)
