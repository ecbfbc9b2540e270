"""A PostgreSQL server that a test may stop and start as it likes."""

from __future__ import annotations

import itertools
import os
import shlex
import signal
import subprocess
import time
from contextlib import suppress

import psycopg

from tests.databases import Postgresql, place_of_servers, start_postgresql

COUNT = itertools.count(1)


class Moody:
    """A server of our own, in ``postgresql``."""

    def __init__(self) -> None:
        self.directory = place_of_servers() / f"postroom-pg-moody-{os.getpid()}-{next(COUNT)}"  # the library knows it by that
        self.postgresql: Postgresql = start_postgresql(self.directory)
        self.postgresql.execute("ALTER SYSTEM RESET synchronous_commit")  # what it calls committed must survive its crash
        self.postgresql.execute("SELECT pg_reload_conf()")
        self._command = shlex.split((self.directory / "postmaster.opts").read_text())
        self._process: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """At once and without a goodbye, as in a crash (`pg_ctl stop -m immediate`)."""
        pid = int((self.directory / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)
        if self._process is not None:
            self._process.wait(20)
            self._process = None
        deadline = time.monotonic() + 20
        while (self.directory / "postmaster.pid").exists() and os.path.exists(f"/proc/{pid}"):
            assert time.monotonic() < deadline, "PostgreSQL does not stop"
            time.sleep(0.02)

    def start(self) -> None:
        """Start it again and wait until it answers."""
        with (self.directory / "log").open("ab") as log:
            owner = self.directory.owner() if os.geteuid() == 0 else None
            self._process = subprocess.Popen(
                self._command, user=owner, group=owner, extra_groups=[] if owner else None, stdout=log, stderr=log, cwd="/"
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with suppress(psycopg.OperationalError):
                self.postgresql.execute("SELECT 1")
                return
            time.sleep(0.05)
        raise AssertionError("PostgreSQL does not start")

    def close(self) -> None:
        """Stop it for good."""
        if self._process is not None:
            self.stop()
