"""Starts real servers for tests: a configuration in a temporary folder, free ports, a child process."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from postroom.credentials import Vault, make_credentials
from postroom.store.accounts import Accounts
from postroom.store.blobs import Blobs
from postroom.store.database import Database, connect
from postroom.store.mailboxes import Mailboxes
from postroom.store.migrate import migrate

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30.0  # generous: two cores may be busy with other tests
LINE = re.compile(r"listening (\S+) (.*)")

BASE: dict[str, Any] = {
    "server": {"hostname": "mail.example.test", "data_dir": "./data", "workers": 1, "drain": "5s", "stop_timeout": "5s"},
    "domains": {"default": "example.test", "local": ["example.test"]},
    "access": [{"allow": "loopback", "no_auth": True}, {"allow": "local_networks"}],
    "plugins": {
        "local_delivery": {},
        "smtp_server": {
            "services": [
                {"id": 1, "name": "SMTP", "listen": ["127.0.0.1:0"], "encryption": "starttls", "auth": "optional"},
                {"id": 2, "name": "Submission", "listen": ["127.0.0.1:0"], "encryption": "starttls", "auth": "required"},
                {"id": 3, "name": "SMTPS", "listen": ["127.0.0.1:0"], "encryption": "tls", "auth": "required"},
            ]
        },
        "pop3_server": {
            "services": [
                {"id": 1, "name": "POP3", "listen": ["127.0.0.1:0"], "encryption": "starttls"},
                {"id": 2, "name": "POP3S", "listen": ["127.0.0.1:0"], "encryption": "tls"},
            ]
        },
        "imap4_server": {
            "services": [
                {"id": 1, "name": "IMAP4", "listen": ["127.0.0.1:0"], "encryption": "starttls"},
                {"id": 2, "name": "IMAP4S", "listen": ["127.0.0.1:0"], "encryption": "tls"},
            ]
        },
    },
}


def environment() -> dict[str, str]:
    """The environment of child processes: they find the code of this tree."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "core"), str(ROOT / "plugins")]), "PYTHONUNBUFFERED": "1"}


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A deep copy of ``base`` with ``changes`` laid over it; None takes a key out."""
    result = {key: merged(value, {}) if isinstance(value, Mapping) else value for key, value in base.items()}
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


@dataclass
class Server:
    """A running ``postroom serve`` with its folder; ``ports`` by service name."""

    folder: Path
    changes: Mapping[str, Any] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    output: list[str] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "config.yaml"

    @property
    def log(self) -> str:
        """Everything on standard error so far."""
        return (self.folder / "stderr.log").read_text(errors="replace")

    def configure(self, changes: Mapping[str, Any] | None = None) -> None:
        """Write the configuration file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if changes is not None:
            self.changes = changes
        whole = merged(BASE, self.changes)
        first = {name: whole["plugins"].pop(name) for name in list(self.changes.get("plugins", {})) if name in whole["plugins"]}
        whole["plugins"] = first | whole["plugins"]  # the order of plugins is the order of calls: the test's own come first, as it has them
        self.config.write_text(yaml.safe_dump(whole, sort_keys=False))

    def start(self) -> Server:
        """Start and wait for ``ready``; raises AssertionError with the log when it does not come."""
        if not self.config.exists():
            self.configure()
        with (self.folder / "stderr.log").open("a") as errors:
            command = [sys.executable, "-m", "postroom", "serve", "-c", str(self.config)]
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment(), cwd=self.folder)
        self.output = []
        threading.Thread(target=self._read, daemon=True).start()
        self.wait_for_line("ready")
        return self

    def wait_for_line(self, wanted: str, seconds: float = START_SECONDS) -> None:
        """Wait until standard output has a line equal to ``wanted``."""
        assert self.process is not None
        deadline = time.monotonic() + seconds
        while wanted not in self.output:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"no line {wanted!r} came\n{self.output}\n{self.log}")
            time.sleep(0.01)

    def _read(self) -> None:
        assert self.process is not None and self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.output.append(line.rstrip("\n"))
                if found := LINE.match(line):
                    name = found[2].rpartition(" (")[0] or found[2].strip()
                    with contextlib.suppress(ValueError):
                        self.ports[name] = int(found[1].rpartition(":")[2])

    def run(self, *arguments: str, feed: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a ``postroom`` command against this server's configuration."""
        command = [sys.executable, "-m", "postroom", *arguments, "-c", str(self.config)]
        done = subprocess.run(command, input=feed, capture_output=True, text=True, env=environment(), cwd=self.folder, timeout=60)
        assert not check or done.returncode == 0, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def add_user(self, name: str, password: str = "secret", *options: str) -> None:
        """Make an account."""
        self.run("user", "add", name, "--password-stdin", *options, feed=password + "\n")

    @contextlib.contextmanager
    def database(self) -> Iterator[Database]:
        """The server's database, opened from here; a new one gets its tables."""
        url = merged(BASE, self.changes).get("database", {}).get("url", "sqlite:///./data/postroom.db")
        (self.folder / "data").mkdir(exist_ok=True)
        migrate(url, base=self.folder)
        database = connect(url, pool=2, base=self.folder)
        try:
            yield database
        finally:
            database.close()

    def add_accounts(self, passwords: Mapping[str, str], *, reversible: Collection[str] = ()) -> None:
        """Make many accounts (name → password) in a fraction of the time that the command takes."""
        with self.database() as database:
            vault = Vault(self.folder / "data")
            for name, password in passwords.items():
                Accounts(database).add(name, **make_credentials(password, vault if name in reversible else None))

    def inbox(self, name: str) -> list[bytes]:
        """The messages in the INBOX of an account, as they are stored."""
        with self.database() as database:
            account = Accounts(database).get(name)
            mailboxes = Mailboxes(database, Blobs(database))
            folder = mailboxes.find(account.id, "INBOX") if account else None
            assert folder is not None, f"there is no INBOX of {name}"
            return [b"".join(mailboxes.content(folder.id, entry.uid)) for entry in mailboxes.listing(folder.id)]

    def empty(self, name: str) -> None:
        """Take every message out of the INBOX of an account."""
        with self.database() as database:
            account = Accounts(database).get(name)
            mailboxes = Mailboxes(database, Blobs(database))
            folder = mailboxes.find(account.id, "INBOX") if account else None
            assert folder is not None, f"there is no INBOX of {name}"
            mailboxes.delete(folder.id, [entry.uid for entry in mailboxes.listing(folder.id)])

    def wait_for_mail(self, name: str, number: int = 1, seconds: float = START_SECONDS) -> list[bytes]:
        """Wait until so many messages are in the INBOX of an account; all of them."""
        deadline = time.monotonic() + seconds
        while len(found := self.inbox(name)) < number:
            assert time.monotonic() < deadline, f"{len(found)} messages for {name}\n{self.log[-3000:]}"
            time.sleep(0.05)
        return found

    def wait_for_log(self, text: str, seconds: float = START_SECONDS) -> None:
        """Wait until ``text`` stands on standard error."""
        deadline = time.monotonic() + seconds
        while text not in self.log:
            assert time.monotonic() < deadline, f"{text!r} is nowhere in\n{self.log}"
            time.sleep(0.02)

    def workers(self) -> list[int]:
        """The process ids of the workers."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def signal(self, number: int) -> None:
        """Send the supervisor a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> int:
        """End it in order; returns the exit status."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """End supervisor and workers with SIGKILL."""
        assert self.process is not None
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for pid in self.workers():
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(10)


@contextlib.contextmanager
def serving(folder: Path, changes: Mapping[str, Any] | None = None, users: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A server with these changes to BASE and these users (name → password), stopped at the end."""
    server = Server(folder)
    server.configure(changes or {})
    if users:
        server.add_accounts(users)
    try:
        yield server.start()
    finally:
        server.stop()
