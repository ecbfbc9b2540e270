"""The connections by which one thread, and all greenlets on its hub, read from PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from gevent._hub_local import get_hub_if_exists
from gevent.lock import DummySemaphore, Semaphore

from .database import ANSWER_SECONDS, StoreUnavailable, Tx
from .pgconnection import Connector, HubConnection, NativeConnection, Waiting
from .pgtx import PostgresqlTx

T = TypeVar("T")


class Readers:
    """Up to ``size`` connections that are opened when needed; the one used last is used next."""

    def __init__(self, connector: Connector, size: int) -> None:
        self._connector = connector
        self._idle: list[PostgresqlTx] = []
        hub = get_hub_if_exists()
        self._kind: type[Waiting] = NativeConnection if hub is None else HubConnection
        self._free: Semaphore | DummySemaphore = DummySemaphore() if hub is None else Semaphore(size)  # a thread alone needs but one
        self._closed = False

    def run(self, fn: Callable[[Tx], T], seconds: float) -> T:
        """Run ``fn`` on a connection; ``seconds`` is how long the server may take over one answer. Raises StoreUnavailable."""
        if not self._free.acquire(timeout=ANSWER_SECONDS):
            raise StoreUnavailable("all connections to the database are in use")
        try:
            return self._run(fn, seconds)
        finally:
            self._free.release()

    def _run(self, fn: Callable[[Tx], T], seconds: float) -> T:
        while self._idle:
            tx = self._idle.pop()
            try:
                return self._with(tx, fn, seconds)
            except StoreUnavailable:
                if not tx.connection.closed:
                    raise  # it answered, so another connection would get the same answer
        return self._with(PostgresqlTx(self._connector.open(self._kind, read_only=True)), fn, seconds)

    def _with(self, tx: PostgresqlTx, fn: Callable[[Tx], T], seconds: float) -> T:
        tx.connection.answer_seconds = seconds
        clean = False
        try:
            result = fn(tx)
            clean = True
            return result
        except Exception as error:
            clean = not isinstance(error, StoreUnavailable)  # a greenlet that is killed here leaves half an answer behind
            raise
        finally:
            if clean and not self._closed and not tx.connection.closed:
                self._idle.append(tx)
            else:
                tx.connection.close()

    def close(self) -> None:
        """Close what is idle now, and what is in use when it comes back."""
        self._closed = True
        while self._idle:
            self._idle.pop().connection.close()
