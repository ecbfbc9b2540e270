"""Runs the deliveries of one transaction side by side, so that they wait for the server together instead of one after another."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from greenlet import getcurrent, greenlet

from .database import Row, Tx
from .handover import Ticket
from .pgtx import PostgresqlTx
from .writer import perform


class LaneTx(Tx):
    """What one of several functions sees of a connection: after sending a statement it steps aside until the others have sent theirs."""

    dialect = "postgresql"

    def __init__(self, tx: PostgresqlTx, home: greenlet) -> None:
        self._tx = tx
        self._home = home  # who lets the others run

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Send, step aside, take the rows."""
        sent = self._tx.send(sql, params)
        self._home.switch()
        return self._tx.fetch(sent)

    def one(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """Send, step aside, take the first row."""
        rows = self.execute(sql, params)
        return rows[0] if rows else None

    def do(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Send."""
        self._tx.do(sql, params)

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Send all."""
        self._tx.many(sql, rows)

    def run(self, query: Any) -> list[dict[str, Any]]:
        """Cold paths wait by themselves."""
        return self._tx.run(query)


def perform_all(batch: Sequence[Ticket], tx: PostgresqlTx) -> bool:
    """Run the functions of ``batch``; False when one has failed.

    Those that name keys are deliveries: each of their statements is right by itself, so statements of several may alternate.
    The others run from beginning to end first.
    """
    if not all(perform(ticket, tx) for ticket in batch if not ticket.keys):
        return False
    side = LaneTx(tx, getcurrent())
    lanes: deque[tuple[greenlet, tuple[Any, ...]]] = deque((greenlet(perform), (ticket, side)) for ticket in batch if ticket.keys)
    while lanes:  # to the end even when one fails: a greenlet that is dropped half-way would end much later, in its own way
        lane, arguments = lanes.popleft()
        lane.switch(*arguments)
        if not lane.dead:
            lanes.append((lane, ()))
    return all(ticket.error is None for ticket in batch)
