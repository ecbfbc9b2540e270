"""Connections to PostgreSQL that wait as their thread needs it: natively, or by giving way to other greenlets."""

from __future__ import annotations

from collections.abc import Generator
from time import monotonic
from typing import Any, TypeVar

import psycopg
from gevent import socket as gevent_socket
from gevent._hub_local import get_hub_if_exists
from psycopg import waiting
from psycopg.types.numeric import Int8BinaryDumper

from .database import ANSWER_SECONDS, StoreUnavailable
from .handover import elsewhere

T = TypeVar("T")
FIRST_DELAY, LONGEST_DELAY = 0.2, 5.0  # between two attempts to connect, doubling

SETTINGS = {
    "connect_timeout": "4",
    "application_name": "postroom",
    "keepalives_idle": "30",
    "tcp_user_timeout": str(int(ANSWER_SECONDS * 1000)),
    "target_session_attrs": "primary",  # of several hosts the one that can be written to; what a standby has may be old
}
OPTIONS = "-c lock_timeout=8000 -c idle_in_transaction_session_timeout=60000"

READY = {waiting.WAIT_R: waiting.Ready.R, waiting.WAIT_W: waiting.Ready.W, waiting.WAIT_RW: waiting.Ready.RW}


def settings(url: str) -> dict[str, Any]:
    """How to connect to ``url`` (as libpq reads it: several hosts are allowed), with bounds where it names none. Raises ValueError."""
    try:
        return {**SETTINGS, **psycopg.conninfo.conninfo_to_dict(url)}
    except psycopg.ProgrammingError:  # its text quotes the URL, perhaps with the password
        raise ValueError("database url: postgresql://user:password@host:5432/name is expected") from None


class Waiting(psycopg.Connection[Any]):
    """A connection that does not wait for ever."""

    answer_seconds = ANSWER_SECONDS  # how long the server may take over one answer

    def given_up(self) -> psycopg.OperationalError:
        """Close the connection, for its next answer would be a late one, and the error to raise."""
        self.pgconn.finish()
        return psycopg.OperationalError(f"the server has not answered for {self.answer_seconds:.0f} s")


class NativeConnection(Waiting):
    """For a thread without a hub: psycopg's own waiting in C, which gevent's patched select would replace by a slower one."""

    def wait(self, gen: Generator[Any, Any, T], interval: float = 1.0, timeout: float | None = None) -> T:
        """Run psycopg's generator to its end; no answer in time is an OperationalError."""
        try:
            result: T = waiting.wait_c(gen, self.pgconn.socket, interval=interval, timeout=timeout or self.answer_seconds)
            return result
        except psycopg.errors._WaitTimeout as error:
            raise self.given_up() from error


class HubConnection(Waiting):
    """For greenlets: waits on the hub. One greenlet at a time uses it."""

    def wait(self, gen: Generator[Any, Any, T], interval: float = 1.0, timeout: float | None = None) -> T:
        """Run psycopg's generator to its end; no answer in time is an OperationalError, or _WaitTimeout for psycopg's own ``timeout``."""
        seconds = self.answer_seconds if timeout is None else timeout
        try:
            wanted = next(gen)
            while True:
                ready = self._ready(wanted, seconds)
                wanted = gen.send(ready)
        except StopIteration as end:
            result: T = end.value
            return result
        except TimeoutError as error:
            raise (self.given_up() if timeout is None else psycopg.errors._WaitTimeout()) from error

    def _ready(self, wanted: int, seconds: float) -> int:
        number = self.pgconn.socket
        if wanted == waiting.WAIT_R:
            gevent_socket.wait_read(number, seconds)
        elif wanted == waiting.WAIT_W:
            gevent_socket.wait_write(number, seconds)
        else:
            gevent_socket.wait_readwrite(number, seconds)
        return READY[waiting.Wait(wanted)]


class Connector:
    """Opens connections. While the server is away it answers at once instead of letting everyone wait for another refusal."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._delay = 0.0
        self._not_before = 0.0
        self._reason = ""

    def open(self, kind: type[Waiting], *, read_only: bool = False) -> Waiting:
        """A new connection in autocommit mode. Raises StoreUnavailable. On a hub the connecting itself is done by its thread pool."""
        if monotonic() < self._not_before:
            raise StoreUnavailable(self._reason)
        hub = get_hub_if_exists()
        try:
            if kind is HubConnection and hub is not None:
                connection = elsewhere(hub.threadpool, self._connect, kind, read_only)  # libpq looks names up without yielding
            else:
                connection = self._connect(kind, read_only)
        except psycopg.Error as error:
            self._delay = min(LONGEST_DELAY, self._delay * 2 or FIRST_DELAY)
            self._not_before = monotonic() + self._delay
            self._reason = f"PostgreSQL: {str(error).strip()}"
            raise StoreUnavailable(self._reason) from error
        self._delay = 0.0
        return connection

    def _connect(self, kind: type[Waiting], read_only: bool) -> Waiting:
        options = OPTIONS + (" -c default_transaction_read_only=on" if read_only else "")
        given = settings(self._url)
        given["options"] = f"{options} {given.get('options', '')}".strip()
        connection = kind.connect("", autocommit=True, prepare_threshold=2, **given)
        connection.adapters.register_dumper(int, Int8BinaryDumper)  # one type for all numbers: one prepared statement each
        return connection
