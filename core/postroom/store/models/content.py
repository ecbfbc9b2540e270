"""Tables about what messages hold: their bytes, and what is kept of them for answers and searches."""

from __future__ import annotations

from peewee import BigIntegerField, BlobField, CompositeKey, IntegerField, Model, TextField


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
