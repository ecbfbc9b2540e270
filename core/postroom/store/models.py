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
    quota_storage = BigIntegerField(default=0)  # bytes, 0 = no bound
    quota_messages = BigIntegerField(default=0)  # 0 = no bound

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
    """Small facts by name: "directory" counts the changes of accounts, mappings and lists, "uidvalidity" is the last one given out."""

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


class Subscription(Model):
    """A folder that a user wants to see, whether it exists or not."""

    account_id = BigIntegerField()
    name = TextField()

    class Meta:
        table_name = "subscription"
        primary_key = CompositeKey("account_id", "name")


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


class KeptKind(Model):
    """A kind of answer that is kept for each blob."""

    id = IntegerField(primary_key=True)
    name = TextField(unique=True)
    asked = BigIntegerField()  # when last asked for

    class Meta:
        table_name = "kept_kind"


class Kept(Model):
    """An answer of one kind for one blob."""

    kind = IntegerField()
    blob_id = BigIntegerField()
    value = BlobField()

    class Meta:
        table_name = "kept"
        primary_key = CompositeKey("kind", "blob_id")


class Heading(Model):
    """What sorting, threading and searching want of the header of a blob."""

    blob_id = BigIntegerField(primary_key=True)
    sent_at = BigIntegerField(null=True)
    subject = TextField()
    base_subject = TextField()
    reply = IntegerField()
    sender = TextField()
    recipient = TextField()
    cc = TextField()
    bcc = TextField()
    from_key = TextField()
    to_key = TextField()
    cc_key = TextField()
    display_from = TextField()
    display_to = TextField()
    message_id = TextField()
    refs = TextField()
    sent_day = BigIntegerField(null=True)

    class Meta:
        table_name = "heading"


class Volume(Model):
    """A volume of an account's full-text index."""

    id = BigIntegerField(primary_key=True)
    account_id = BigIntegerField()
    messages = IntegerField()
    gone = IntegerField()  # of them
    size = BigIntegerField()  # characters
    blobs = BlobField()  # ids of 8 bytes each, in order
    cut = BlobField()  # numbers of 2 bytes each: of these messages there is more text than is kept

    class Meta:
        table_name = "volume"
        indexes = ((("account_id",), False),)


class VolumePiece(Model):
    """A value of a volume: words, or texts."""

    id = BigIntegerField(primary_key=True)  # of the volume, which is divisible by 8, plus the kind
    data = BlobField()

    class Meta:
        table_name = "volume_piece"


class VolumePlace(Model):
    """In which volume of an account a blob is."""

    blob_id = BigIntegerField()
    account_id = BigIntegerField()
    volume_id = BigIntegerField()

    class Meta:
        table_name = "volume_place"
        primary_key = CompositeKey("blob_id", "account_id")


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


TABLES = (
    *(Account, Mapping, List, Member, State, Subscription),
    *(Mailbox, Message, Expunged, DeletedMailbox, Acl, Annotation),
    *(Blob, Chunk, Loose, KeptKind, Kept, Heading),
    *(Volume, VolumePiece, VolumePlace),
    *(Outgoing, OutgoingRecipient, Trace, Lease),
)
