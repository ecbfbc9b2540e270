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
    held = IntegerField(default=0)  # 1 until somebody releases it, 2 until a time, 3 because its account sends too much
    priority = IntegerField(default=50)  # 100 goes first, 1 last
    delete_at = BigIntegerField(default=0)  # taken out of the queue then, 0 is never
    local_origin = IntegerField(default=1)  # 0: somebody else's mail that goes on from here (forwards, lists)
    quiet = IntegerField(default=0)  # 1: nobody is told of a failure, the sender may be forged
    let_go_at = BigIntegerField(default=0)  # the end of a hold: the time in which it is tried counts from then, 0 is no hold
    recipients = IntegerField(default=1)  # for how many it was queued; those that are done are rows no more

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
    rank = IntegerField(default=1)  # 0 urgent, 1 ordinary, 2 after the others
    via = TextField(default="")  # the server that a route names for this recipient alone (LAN forwarding)
    waits_for = TextField(default="")  # the sender and site that must work again first: "Direct mx.example.net"
    hold_until = BigIntegerField(default=0)  # held while it was being sent: what is left of it waits from then on, 0 is no such hold

    class Meta:
        table_name = "outgoing_recipient"
        indexes = ((("channel", "state", "rank", "next_try"), False),)


class Site(Model):
    """A destination that fails, as all workers see it: its mail waits while one attempt at a time finds out whether it is back."""

    sender = TextField()
    name = TextField()
    failures = IntegerField()
    since = BigIntegerField()
    next_probe = BigIntegerField()
    reason = TextField()
    server = TextField()
    kind = TextField()
    prober = TextField(default="")  # the worker that finds out at this moment, "" is none

    class Meta:
        table_name = "site"
        primary_key = CompositeKey("sender", "name")


class Sent(Model):
    """What a sender with a limit per time has sent; ``at`` lies ahead while it is under way."""

    id = BigIntegerField(primary_key=True)
    sender = TextField()
    at = BigIntegerField()
    messages = IntegerField()
    recipients = IntegerField()

    class Meta:
        table_name = "sent"
        indexes = ((("sender", "at"), False),)


class Habit(Model):
    """How much an account has sent to other servers in one hour (hours since 1970)."""

    account = TextField()
    hour = BigIntegerField()
    messages = IntegerField()
    recipients = IntegerField()

    class Meta:
        table_name = "habit"
        primary_key = CompositeKey("account", "hour")


class Surge(Model):
    """An account whose outgoing mail is held because it suddenly sends far more than ever (``released_at`` is 0), or was."""

    account = TextField(primary_key=True)
    at = BigIntegerField()
    reason = TextField()
    released_at = BigIntegerField()
    allowed = IntegerField()  # recipients in an hour that the administrator has agreed to by the release
    allowed_day = IntegerField(default=0)  # the same for 24 hours
    told = IntegerField(default=0)  # 1: the administrator has the alert

    class Meta:
        table_name = "surge"


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
