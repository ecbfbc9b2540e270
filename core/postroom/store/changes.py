"""Changes of accounts, mappings and lists: each bumps the version by which every worker knows that its snapshot is old."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from .database import Conflict, Database, Tx

T = TypeVar("T")

BUMP = "UPDATE state SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE name = 'directory'"
NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
RESERVED = frozenset({"everyone", "no-one"})  # the built-in lists


class BadName(ValueError):
    """A name of an account or list that cannot be used; the text says why."""


def checked_name(name: str) -> str:
    """The name in lower case. Raises BadName unless it is 1 to 64 letters, digits, dots, dashes and underscores."""
    lowered = name.strip().lower()
    if not NAME.fullmatch(lowered) or ".." in lowered:
        raise BadName(
            f"{name!r} cannot be a name: up to 64 letters a-z, digits and . _ - inside, beginning and ending with a letter or digit"
        )
    if lowered in RESERVED:
        raise BadName(f"{name!r} is the name of a built-in list")
    return lowered


def refuse_taken(tx: Tx, name: str) -> None:
    """Raises Conflict when an account or a list has this name."""
    for kind, sql in (("an account", "SELECT 1 FROM account WHERE name = ?"), ("a list", "SELECT 1 FROM dlist WHERE name = ?")):
        if tx.one(sql, (name,)) is not None:
            raise Conflict(f"there is {kind} named {name!r} already")


class Changes:
    """What accounts, mappings and lists have in common. ``keep``: a target as it is to be kept (``sending.via.Locker.keep``)."""

    def __init__(self, db: Database, keep: Callable[[str], str] = str) -> None:
        self.db, self.keep = db, keep

    def change(self, fn: Callable[[Tx], T]) -> T:
        """Run ``fn`` in a write that bumps the directory's version."""

        def work(tx: Tx) -> T:
            tx.do(BUMP)  # first: its row lock puts the changes of all processes in one order
            return fn(tx)

        return self.db.write(work)
