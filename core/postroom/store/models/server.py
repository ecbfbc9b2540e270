"""Tables about the server itself: small facts, and who does which job."""

from __future__ import annotations

from peewee import BigIntegerField, Model, TextField


class State(Model):
    """Small facts by name: "directory" counts the changes of accounts, mappings and lists, "uidvalidity" is the last one given out."""

    name = TextField(primary_key=True)
    value = TextField()

    class Meta:
        table_name = "state"


class Lease(Model):
    """Who may do a job that only one may do."""

    name = TextField(primary_key=True)
    owner = TextField()
    expires = BigIntegerField()

    class Meta:
        table_name = "lease"
