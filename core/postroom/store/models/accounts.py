"""Tables about users and their addresses: accounts, mappings, distribution lists, subscriptions."""

from __future__ import annotations

from peewee import BigIntegerField, CompositeKey, IntegerField, Model, TextField


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
    priority = IntegerField(default=50)  # of what it sends to other servers: 100 goes first, 1 last

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


class Subscription(Model):
    """A folder that a user wants to see, whether it exists or not."""

    account_id = BigIntegerField()
    name = TextField()

    class Meta:
        table_name = "subscription"
        primary_key = CompositeKey("account_id", "name")
