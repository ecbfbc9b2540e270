"""Tables about the ways of messages: what waits to go out, what has happened to each."""

from __future__ import annotations

from peewee import BigIntegerField, BlobField, CompositeKey, IntegerField, Model, TextField


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
