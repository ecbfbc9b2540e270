"""The table of keys that sign outgoing mail."""

from __future__ import annotations

from peewee import BigIntegerField, Model, TextField


class SigningKey(Model):
    """A DKIM key of a domain; at most one of each algorithm is active, and at most one of each is next."""

    id = BigIntegerField(primary_key=True)
    domain = TextField()  # A-labels, lower case
    selector = TextField()
    algorithm = TextField()  # "rsa" or "ed25519"
    secret = TextField()  # the private key in PEM, encrypted (credentials.Vault)
    record = TextField()  # what is to be published as TXT
    state = TextField()  # "next", "active" or "retired"
    created_at = BigIntegerField()
    activated_at = BigIntegerField()  # 0: not yet
    retired_at = BigIntegerField()  # 0: not yet

    class Meta:
        table_name = "signing_key"
        indexes = ((("domain", "selector"), True),)
