"""Accounts, mappings and distribution lists as the administrator changes them."""

from __future__ import annotations

import builtins
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from postroom.ids import new_id

from . import appending
from .changes import checked_name, refuse_taken
from .database import Database, Row, Tx
from .lists import Lists
from .mappings import Mappings


@dataclass(slots=True)
class Account:
    """One account with its credentials; the fields are the columns of table ``account``."""

    id: int
    name: str
    password: str = ""
    scram: str = ""
    reversible: str = ""
    comment: str = ""
    admin: bool = False
    enabled: bool = True
    in_everyone: bool = True
    internet: bool = True
    max_size: int = 0
    forward: tuple[str, ...] = ()
    use_forwarding: bool = False
    assistants: tuple[str, ...] = ()
    redirect_to_assistant: bool = False
    hold: bool = False
    protocols: tuple[str, ...] = ()
    quota_storage: int = 0
    quota_messages: int = 0
    priority: int = 50  # of what it sends to other servers: 100 goes first, 1 last
    created: int = 0


COLUMNS = tuple(field.name for field in fields(Account))
BOOLEANS = frozenset({"admin", "enabled", "in_everyone", "internet", "use_forwarding", "redirect_to_assistant", "hold"})
SEVERAL = frozenset({"forward", "assistants", "protocols"})
FIXED = frozenset({"id", "name", "created"})

SELECT = f"SELECT {', '.join(COLUMNS)} FROM account"
INSERT = f"INSERT INTO account ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"

# What goes with an account
FOLDERS = "SELECT id FROM mailbox WHERE account_id = ? UNION ALL SELECT id FROM deleted_mailbox WHERE account_id = ?"
IN_FOLDERS = ("message", "expunged", "acl", "annotation")
OF_ACCOUNT = ("mailbox", "deleted_mailbox", "subscription", "annotation")
LOCK = "SELECT id FROM mailbox WHERE account_id = ? ORDER BY id FOR UPDATE"  # PostgreSQL: what comes in just now is seen, or comes too late


class Accounts(Mappings, Lists):
    """Reads and changes accounts, mappings and lists; every change is one transaction that bumps the directory's version."""

    def __init__(
        self,
        db: Database,
        clock: Callable[[], float] = time.time,
        *,
        folders: Mapping[str, str] = appending.SPECIAL,
        keep: Callable[[str], str] = str,
    ) -> None:
        super().__init__(db, keep)
        self.clock = clock
        self.folders = folders  # of a new account: path -> special use

    def get(self, name: str) -> Account | None:
        """The account of that name in any case, or None."""
        return self._one(f"{SELECT} WHERE name = ?", name.lower())

    def by_id(self, account_id: int) -> Account | None:
        """The account of that id, or None."""
        return self._one(f"{SELECT} WHERE id = ?", account_id)

    def list(self) -> builtins.list[Account]:
        """All accounts in the order of names."""
        return self.db.read_slow(lambda tx: [_account(row) for row in tx.execute(f"{SELECT} ORDER BY name")])

    def any_reversible(self) -> bool:
        """Whether any account has a reversible secret (CRAM-MD5 and APOP are offered only then)."""
        return self.db.read_slow(lambda tx: tx.one("SELECT 1 FROM account WHERE reversible <> '' LIMIT 1")) is not None

    def add(self, name: str, /, **values: Any) -> Account:
        """A new account with its folders. Raises BadName, and Conflict when the name is taken by an account or a list."""
        account = Account(new_id(), checked_name(name), created=int(self.clock() * 1000))
        for key, value in self._checked(values).items():
            setattr(account, key, value)

        def work(tx: Tx) -> None:
            refuse_taken(tx, account.name)
            tx.do(INSERT, [_stored(column, getattr(account, column)) for column in COLUMNS])
            for folder, special in self.folders.items():
                appending.make(tx, account.id, folder, special=special)

        self.change(work)
        return account

    def update(self, name: str, /, **values: Any) -> Account:
        """Change fields of an account and return it. Raises KeyError when there is none, ValueError for fixed and unknown fields."""
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        checked = self._checked(values)
        if checked:
            sql = f"UPDATE account SET {', '.join(f'{key} = ?' for key in checked)} WHERE id = ?"
            params = [_stored(key, value) for key, value in checked.items()] + [found.id]
            self.change(lambda tx: tx.do(sql, params))
        for key, value in checked.items():
            setattr(found, key, value)
        return found

    def remove(self, name: str) -> bool:
        """Remove an account and its mail; False when there was none."""

        def work(tx: Tx) -> bool:
            row = tx.one("DELETE FROM account WHERE name = ? RETURNING id", (name.lower(),))
            if row is not None:
                if tx.dialect == "postgresql":
                    tx.execute(LOCK, row)
                for table in IN_FOLDERS:
                    tx.do(f"DELETE FROM {table} WHERE mailbox_id IN ({FOLDERS})", row * 2)
                for table in OF_ACCOUNT:
                    tx.do(f"DELETE FROM {table} WHERE account_id = ?", row)
                tx.do("DELETE FROM habit WHERE account = ?", (name.lower(),))
                tx.do("DELETE FROM surge WHERE account = ?", (name.lower(),))
                # Whoever gets this name next must not get the rights that were given to the present user
                tx.do("DELETE FROM acl WHERE identifier IN (?, ?)", (name.lower(), f"-{name.lower()}"))
            return row is not None

        return self.change(work)

    def _checked(self, values: dict[str, Any]) -> dict[str, Any]:
        for key in values:
            if key not in COLUMNS or key in FIXED:
                raise ValueError(f"an account has no field {key!r} that can be set")
        if not 1 <= values.get("priority", 50) <= 100:
            raise ValueError("a priority is a number from 1 to 100")
        return {key: tuple(self.keep(part.strip()) for part in value) if key in SEVERAL else value for key, value in values.items()}

    def _one(self, sql: str, key: str | int) -> Account | None:
        row = self.db.read(lambda tx: tx.one(sql, (key,)))
        return None if row is None else _account(row)


def _account(row: Row) -> Account:
    values = dict(zip(COLUMNS, row, strict=True))
    for column in BOOLEANS:
        values[column] = bool(values[column])
    for column in SEVERAL:
        values[column] = tuple(part for part in values[column].split(";") if part)
    return Account(**values)


def _stored(column: str, value: Any) -> Any:
    if column in BOOLEANS:
        return int(value)
    return ";".join(value) if column in SEVERAL else value
