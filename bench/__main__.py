"""``make bench``: runs the benchmarks, prints the table, and writes docs/benchmarks.md with ``--write``."""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from . import dovecot, footprint, growth, imap, imap_footprint, postfix, sending, servers, throughput
from .table import Row, markdown

ROOT = Path(__file__).resolve().parent.parent
SUITES: dict[str, Callable[[], Iterator[Row]]] = {
    "accept": throughput.accepting,
    "relay": throughput.relaying,
    "start": footprint.starting,
    "connections": footprint.connecting,
    "large": footprint.large_message,
    "leaving": sending.leaving,
    "growth": growth.growing,
    "imap": imap.comparing,
    "idle": imap_footprint.idling,
    "select": imap_footprint.selecting,
}
HEAD = """\
# Benchmarks

Measured by `make bench` (`python -m bench --write`), Postroom and its peers in the same run on the same machine, taking turns; medians
of {rounds} rounds. Postroom runs as shipped (one worker for each CPU, default plugins, SQLite unless named otherwise, every message
committed to disk before its 250); Postfix delivers to a maildir, as its defaults are. The load comes from smtp-source on the same CPUs.
IMAP is compared with Dovecot as Debian ships it, without TLS: 10,000 messages of 4 to 6 KB with an attachment, in a maildir there; both
servers have answered each command once before it is measured, and their answers have been compared.

{machine}

{table}
"""


def machine() -> str:
    """What it was measured on, with the versions of all that took part."""
    with servers.postgresql() as url:
        postgresql = servers.postgresql_version(url)
    parts = [
        f"{os.cpu_count()} CPUs ({platform.machine()}), Linux {platform.release().split('-')[0]}",
        f"CPython {platform.python_version()}, gevent {version('gevent')}",
        f"SQLite {sqlite3.sqlite_version}, PostgreSQL {postgresql} (fsync on), psycopg {version('psycopg')}",
        f"Postfix {postfix.version()}, Dovecot {dovecot.version()}",
    ]
    return "\n".join(f"- {part}" for part in parts)


def main() -> None:
    """Run the suites named on the command line, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"which to run: {', '.join(SUITES)} (default: all)")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    chosen = parser.parse_args()
    console = Console()
    if not (postfix.available() and dovecot.available()):
        console.print("Postfix or Dovecot is not installed, or this is not root: the comparisons cannot be run")
        sys.exit(1)
    rows: list[Row] = []
    for name in chosen.suites or SUITES:
        with console.status(f"running {name} …"):
            found = list(SUITES[name]())
        rows += found
        console.print(shown(found))
    if chosen.write:
        text = HEAD.format(rounds=throughput.ROUNDS, machine=machine(), table=markdown(rows))
        notes = ROOT / "bench" / "notes.md"
        (ROOT / "docs" / "benchmarks.md").write_text(text + notes.read_text())


def shown(rows: list[Row]) -> Table:
    """The rows for a terminal."""
    table = Table("what", "Postroom", "peer", "ratio", "goal", "reached")
    for row in rows:
        table.add_row(row.what, row.ours, row.peer, row.ratio, row.goal, "yes" if row.reached else "[red]no[/red]")
    return table


if __name__ == "__main__":
    main()
