"""PostgreSQL: group commit on one native thread, its statements pipelined; reading from a pool that greenlets share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from gevent.monkey import get_original

from .database import ANSWER_SECONDS, Database, StoreUnavailable, Tx
from .handover import Ticket
from .pgconnection import Connector, NativeConnection
from .pglanes import perform_all
from .pgreaders import Readers
from .pgtx import Contended, Demoted, PostgresqlTx
from .writer import GroupWriter, fail

T = TypeVar("T")
SLOW_SECONDS = 60.0  # read_slow may search that long
ATTEMPTS = 3  # for a write that alone loses against others' locks


class PostgresqlEngine:
    """The writer thread's connection; it connects again after a failure, more slowly the longer that fails."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._tx: PostgresqlTx | None = None

    def commit(self, batch: list[Ticket]) -> None:
        """One transaction for all. When a function fails or a lock is lost, nothing is kept and each runs again, alone."""
        try:
            if self._together(batch) is not None:
                for ticket in batch:
                    self._alone(ticket)
            if any(isinstance(ticket.error, Demoted) for ticket in batch):
                self.close()
        except Exception as error:  # those who wait must hear of it and the thread must live
            fail(batch, error if isinstance(error, StoreUnavailable) else StoreUnavailable(f"PostgreSQL: {error}"))
            self.close()

    def _together(self, batch: list[Ticket]) -> Exception | None:
        tx = self._ready()
        try:
            return self._transaction(tx, batch)
        except StoreUnavailable:
            if tx.committing:
                raise  # nobody knows whether it is committed
            self.close()  # the connection was lost, perhaps long ago while idle: once more with a new one
            return self._transaction(self._ready(), batch)

    def _alone(self, ticket: Ticket) -> None:
        failure: Exception | None = None
        for _ in range(ATTEMPTS):
            failure = self._transaction(self._ready(), [ticket])
            if not isinstance(failure if ticket.error is None else ticket.error, Contended):
                break
        if ticket.error is None:
            ticket.error = failure

    @staticmethod
    def _transaction(tx: PostgresqlTx, batch: list[Ticket]) -> Exception | None:
        return tx.transaction(keys(batch), lambda: perform_all(batch, tx))

    def _ready(self) -> PostgresqlTx:
        if self._tx is None:
            self._tx = PostgresqlTx(self._connector.open(NativeConnection))
        return self._tx

    def after(self, idle: bool) -> None:
        """Nothing: the server tidies up by itself."""

    def close(self) -> None:
        """Close the connection, which rolls back what is open."""
        if self._tx is not None:
            self._tx.connection.close()
            self._tx = None


def keys(batch: Sequence[Ticket]) -> list[int]:
    """The keys and locks of all tickets, each once, in order."""
    return sorted({key for ticket in batch for key in (*ticket.keys, *ticket.locks)})


class PostgresqlDatabase(Database):
    """A database on a server, and this process's connections to it: one that writes, up to ``pool`` that read."""

    dialect = "postgresql"

    def __init__(self, url: str, *, pool: int) -> None:
        self._connector = Connector(url)
        self._writer = GroupWriter(PostgresqlEngine(Connector(url)))
        self._pool = pool
        self._local: Any = get_original("_thread", "_local")()  # by native thread, that is by hub
        self._readers: list[Readers] = []

    def read(self, fn: Callable[[Tx], T]) -> T:
        """Runs on a connection of the pool; other greenlets go on meanwhile."""
        return self._here().run(fn, ANSWER_SECONDS)

    def read_slow(self, fn: Callable[[Tx], T]) -> T:
        """Like ``read``, but the server may take a minute over each answer."""
        return self._here().run(fn, SLOW_SECONDS)

    def write(self, fn: Callable[[Tx], T], *, keys: Sequence[int] = (), locks: Sequence[int] = ()) -> T:
        """Group commit on the writer thread."""
        return self._writer.write(fn, keys, locks)

    def close(self) -> None:
        """Finish waiting writes and close all connections."""
        self._writer.close()
        for readers in self._readers:
            readers.close()

    def _here(self) -> Readers:
        readers: Readers | None = getattr(self._local, "readers", None)
        if readers is None:
            readers = self._local.readers = Readers(self._connector, self._pool)
            self._readers.append(readers)
        return readers
