"""What functions work with on PostgreSQL: statements, pipelined inside a transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import peewee
import psycopg
from psycopg import errors

from .database import Conflict, Row, StoreUnavailable, Tx
from .pgconnection import Waiting

KEYS = "SELECT pg_advisory_xact_lock(k) FROM unnest(?::bigint[]) k"


class Contended(StoreUnavailable):
    """Somebody else's lock was in the way: worth another try at once."""


class Demoted(StoreUnavailable):
    """The server takes no writes any more (it has become a standby): another connection may find the one that does."""


CONTENDED = (errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable)


class PostgresqlTx(Tx):
    """One connection in autocommit mode."""

    dialect = "postgresql"

    def __init__(self, connection: Waiting) -> None:
        self.connection = connection
        self.committing = False  # COMMIT is on its way: if the connection is lost now, nobody knows
        self._failures = 0
        self._statements: dict[str, str] = {}
        self._builder: Any = peewee.PostgresqlDatabase(None, prefer_psycopg3=True)

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and wait for its rows."""
        return self.fetch(self.send(sql, params))

    def send(self, sql: str, params: Sequence[Any]) -> psycopg.Cursor[Any]:
        """Run one statement; outside a pipeline this waits for its result."""
        cursor: psycopg.Cursor[Any] = psycopg.RawCursor(self.connection)
        try:
            cursor.execute(self._translated(sql), params, binary=True)
        except psycopg.Error as error:
            raise understood(error) from error
        return cursor

    def fetch(self, cursor: psycopg.Cursor[Any]) -> list[Row]:
        """The rows of a statement that was sent, [] when it has none."""
        try:
            return cursor.fetchall()  # in a pipeline this is what waits for the result
        except psycopg.ProgrammingError as error:
            result = cursor.pgresult
            if result is not None and result.status == psycopg.pq.ExecStatus.COMMAND_OK:
                return []  # a statement without rows
            raise understood(error) from error
        except psycopg.Error as error:
            raise understood(error) from error

    def one(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """Run one statement and wait for its first row."""
        rows = self.execute(sql, params)
        return rows[0] if rows else None

    def do(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Send one statement; inside a pipeline its failure shows at the next statement with rows, at the latest before the commit."""
        try:
            psycopg.RawCursor(self.connection).execute(self._translated(sql), params)
        except psycopg.Error as error:
            raise understood(error) from error

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Send one statement for each of ``rows``."""
        try:
            psycopg.RawCursor(self.connection).executemany(self._translated(sql), rows)
        except psycopg.Error as error:
            raise understood(error) from error

    def run(self, query: Any) -> list[dict[str, Any]]:
        """Run a peewee query."""
        sql, params = self._builder.get_sql_context().sql(query).query()
        cursor = psycopg.Cursor(self.connection)
        try:
            cursor.execute(sql, params, binary=True)
        except psycopg.Error as error:
            raise understood(error) from error
        rows = self.fetch(cursor)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def transaction(self, keys: list[int], work: Callable[[], bool]) -> Exception | None:
        """Run ``work`` between BEGIN and COMMIT. None when it is committed, else why nothing of it is kept.

        ``work`` answers False when it failed. Raises StoreUnavailable when the connection is of no more use.
        """
        self.committing = False
        failure: Exception | None = None
        ending = psycopg.RawCursor(self.connection)
        try:
            with self.connection.pipeline():
                self.do("BEGIN")
                if keys:
                    self.do(KEYS, (keys,))
                if work():
                    self.committing = True
                    ending.execute("COMMIT")
                else:
                    failure = Undone("a function of the transaction failed")
            if failure is None and ending.statusmessage != "COMMIT":
                failure = RuntimeError("a function of this write has swallowed an error of the database")
        except psycopg.Error as error:
            failure = understood(error)
        except StoreUnavailable as error:  # BEGIN already
            failure = error
        self._tidied(failure)
        return failure

    def _tidied(self, failure: Exception | None) -> None:
        """Leave the connection as it was before; raises StoreUnavailable when that is not possible."""
        lost = self.connection.closed
        if failure is not None and not lost:
            self._failures += 1
            try:  # each time with another text: only so psycopg looks at the answer, and forgets what the server never got to prepare
                self.connection.execute(f"ROLLBACK -- {self._failures}", prepare=False)
            except psycopg.Error:
                lost = True
        if lost:
            raise failure if isinstance(failure, StoreUnavailable) else StoreUnavailable(f"PostgreSQL: the connection was lost: {failure}")

    def _translated(self, sql: str) -> str:
        known = self._statements.get(sql)
        if known is None:
            known = self._statements[sql] = numbered(sql)
        return known


class Undone(Exception):
    """A function of the transaction failed; its ticket tells how."""


def numbered(sql: str) -> str:
    """The statement with $1, $2 … for its question marks."""
    head, *rest = sql.split("?")
    return head + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))


def understood(error: psycopg.Error) -> Exception:
    """The same failure in the words of ``store.database``; what is a bug in the SQL stays as it is."""
    text = f"PostgreSQL: {str(error).strip()}"
    if isinstance(error, psycopg.IntegrityError):
        return Conflict(text)
    if isinstance(error, CONTENDED):
        return Contended(text)
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return Demoted(text)
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        return StoreUnavailable(text)
    return error
